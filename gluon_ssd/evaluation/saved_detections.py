"""Detections as a JSON file: what --save-detections and the demo write.

    {
     "schema": "gluon_ssd detections",
     "version": 1,
     "classes": [names in label order],
     "input_size_hw": [height, width],
     "detections": [
      {"image": ..., "frame": ..., "label": ..., "class": ..., "score": ..., "box_px": [...]},
      ...
     ],
     "images": [
      {"image": ..., "frame": ..., "width": ..., "height": ...},
      ...
     ]
    }

| key | meaning |
|---|---|
| image, frame | path or address of the picture; number of a film's frame, from 0, else null |
| label, class | number of the class, from 0; its name, "class 7" where the detector has no names |
| score | confidence in [0, 1] |
| box_px | x_min, y_min, x_max, y_max in pixels of the picture |
| input_box_px | the same in pixels of the network's input; where a whole data set was looked at |
| width, height | of the picture, px |
| input_size_hw | of the network's input, px; where a whole data set was looked at |

Scores and boxes are read back as the float32 that they are: rounded ones would fall in another
order where they are nearly equal, as those of int8 often are, and score differently.

Every picture that was looked at stands in "images", in order, also those without a detection. The
version rises when a reader of the earlier one would go wrong; new keys do not raise it. Files of
before the first version are the list of detections alone, without label and frame.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from gluon_ssd.evaluation.detections import Detections
from gluon_ssd.system.files import atomic_write

SCHEMA = "gluon_ssd detections"
VERSION = 1

Array = NDArray[Any]


def class_name(label: int, classes: Sequence[str]) -> str:
    """Name of a class; "class 7" where the detector has no names, or too few."""
    return classes[label] if label < len(classes) else f"class {label}"


class SavedDetections:
    """Writes a file picture by picture, so that its length does not count; see `saving`."""

    def __init__(self, file: IO[str], classes: Sequence[str], **facts: Any) -> None:
        self._file, self._classes = file, tuple(classes)
        self._images: list[str] = []
        self._begun = False
        head = {"schema": SCHEMA, "version": VERSION, "classes": list(classes), **facts}
        lines = [f" {_text(key)}: {_text(value)}" for key, value in head.items()]
        file.write("{\n" + ",\n".join([*lines, ' "detections": [']))

    def add(
        self,
        image: str,
        size_hw: tuple[int, int],
        *,
        labels: Array,
        scores: Array,
        boxes_px: Array,
        input_boxes_px: Array | None = None,
        frame: int | None = None,
        **more: Any,
    ) -> None:
        """Write what was found in a picture.

        Args:
            image: its path or address.
            size_hw: its height and width, px.
            labels, scores, boxes_px: int (K,), float32 (K,) and float32 (K, 4), corners in pixels.
            input_boxes_px: float32 (K, 4), the same in pixels of the network's input.
            frame: its number in a film, from 0.
            more: further keys of the picture.
        """
        start = {"image": readable_name(image), "frame": frame}
        size = {"width": int(size_hw[1]), "height": int(size_hw[0])}
        self._images.append(_text({**start, **size, **more}))
        columns = {"score": _shortest(scores), "box_px": _shortest(boxes_px)}
        if input_boxes_px is not None:
            columns["input_box_px"] = _shortest(input_boxes_px)
        for label, *values in zip(labels.tolist(), *columns.values(), strict=True):
            row = {
                **start,
                "label": label,
                "class": class_name(label, self._classes),
                **dict(zip(columns, values, strict=True)),
            }
            self._file.write(("," if self._begun else "") + "\n  " + _text(row))
            self._begun = True

    def end(self) -> None:
        """Write the pictures, which come last."""
        images = ",".join("\n  " + image for image in self._images)
        self._file.write(f'\n ],\n "images": [{images}\n ]\n}}\n')


@contextmanager
def saving(
    path: str | os.PathLike[str], classes: Sequence[str], **facts: Any
) -> Iterator[SavedDetections]:
    """A new file, which takes its name when the block ends without an error.

    Args:
        path: of the file.
        classes: names of the detector's classes in label order; empty where it has none.
        facts: further keys of the file.

    Raises:
        EnvironmentProblem: it cannot be written.
    """
    with atomic_write(path, "w") as file:
        saved = SavedDetections(file, classes, **facts)
        yield saved
        saved.end()


def save_detections(
    path: str | os.PathLike[str], found: Detections, images: Sequence[str], classes: Sequence[str]
) -> None:
    """Write what was found in a data set; images that were left out are not listed.

    Args:
        path: of the file.
        found: in all images.
        images: path of each image.
        classes: names in label order.

    Raises:
        EnvironmentProblem: the file cannot be written.
    """
    starts = np.searchsorted(found.image_index, np.arange(len(found.sizes_hw) + 1))
    with saving(path, classes, input_size_hw=list(found.input_size_hw)) as saved:
        for image in found.used.tolist():
            rows = slice(starts[image], starts[image + 1])
            height, width = found.sizes_hw[image].tolist()
            saved.add(
                images[image],
                (height, width),
                labels=found.labels[rows],
                scores=found.scores[rows],
                boxes_px=found.boxes_px[rows],
                input_boxes_px=found.input_boxes_px[rows],
            )


def _shortest(values: Array) -> list[Any]:
    """Numbers with as few digits as are read back as the same float32."""
    exact = np.asarray(values, np.float32)
    short = exact.astype(str).astype(np.float64)
    # Reading rounds twice, to float64 and to float32: where that goes wrong all digits stand.
    numbers: list[Any] = np.where(short.astype(np.float32) == exact, short, exact).tolist()
    return numbers


def readable_name(name: str) -> str:
    """A name whose bytes that are no UTF-8 are spelled as \\xff, as no file can hold them."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
