"""What was found in one picture."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gluon_ssd.errors import DataError, EnvironmentProblem, OptionError
from gluon_ssd.evaluation.saved_detections import class_name
from gluon_ssd.report.draw import draw_detections
from gluon_ssd.system.address import shown
from gluon_ssd.system.wording import some_of

Pixels = NDArray[np.uint8]


class FoundObject(NamedTuple):
    """One object.

    label: number of its class; name: of its class; score: in [0, 1]; box_px: x_min, y_min, x_max,
    y_max in pixels of the original picture.
    """

    label: int
    name: str
    score: float
    box_px: tuple[float, float, float, float]


@dataclass(frozen=True, eq=False)
class Found:
    """The objects of one picture, the best score first; K of them, which may be none.

    | name     | shape  | dtype   | meaning                                                     |
    |----------|--------|---------|-------------------------------------------------------------|
    | labels   | (K,)   | int64   | number of the class, from 0                                 |
    | scores   | (K,)   | float32 | confidence in [0, 1]                                        |
    | boxes_px | (K, 4) | float32 | corners in pixels of the original picture, cut at its edges |

    Attributes:
        classes: names of all classes of the detector, in the order of the labels.
        size_hw: height and width of the original picture, px, upright.
        seconds: from pixels to boxes, for one picture: that of its batch, divided by its length.
        source: the path or address of the picture, as it was given with its passwords, or "array",
            "bytes of an image", "camera 0".
        frame: number in a video or of a camera, from 0; None for others.
    """

    labels: NDArray[np.int64]
    scores: NDArray[np.float32]
    boxes_px: NDArray[np.float32]
    classes: tuple[str, ...]
    size_hw: tuple[int, int]
    seconds: float
    source: str
    frame: int | None
    read: Callable[[], Pixels] | None = field(repr=False)

    @property
    def names(self) -> list[str]:
        """Name of each object's class; "class 7" where the detector has no names."""
        return [class_name(int(label), self.classes) for label in self.labels]

    def __len__(self) -> int:
        return len(self.labels)

    def __iter__(self) -> Iterator[FoundObject]:
        rows = zip(self.labels.tolist(), self.scores.tolist(), self.boxes_px.tolist(), strict=True)
        for label, score, box in rows:
            yield FoundObject(label, class_name(label, self.classes), score, tuple(box))

    def to_dict(self) -> dict[str, Any]:
        """Everything as values that JSON holds."""
        return {
            "source": self.source,
            "frame": self.frame,
            "width": self.size_hw[1],
            "height": self.size_hw[0],
            "seconds": round(self.seconds, 6),
            "detections": [
                {
                    "label": found.label,
                    "class": found.name,
                    "score": round(found.score, 6),
                    "box_px": [round(value, 2) for value in found.box_px],
                }
                for found in self
            ],
        }

    def pixels(self) -> Pixels:
        """The picture, uint8 (H, W, 3), RGB, upright. Results of files read them again.

        Raises:
            DataError: it is gone, or another one by now; or it was a frame of a video and
                `predict` gave the result, which keeps no frames.
        """
        if self.read is None:
            raise DataError(
                f"the pixels of frame {self.frame} of {shown(self.source)} are not kept by "
                "predict; use stream, or hand the picture over"
            )
        return self._of_own_size(self.read())

    def draw(self, picture: Pixels | None = None) -> Pixels:
        """A copy of the picture with boxes, class names and scores.

        Args:
            picture: uint8 (H, W, 3), RGB, upright; without it `pixels` gives it.

        Returns:
            uint8 (H, W, 3), RGB.

        Raises:
            DataError: as of `pixels`.
            OptionError: `picture` has another size.
        """
        return draw_detections(
            self._chosen(picture),
            self.boxes_px,
            self.labels,
            scores=self.scores,
            classes=self.classes,
            threshold=0.0,
        )

    def crop(self, picture: Pixels | None = None) -> list[Pixels]:
        """The part of the picture inside each box, in the order of the objects.

        Args:
            picture: as of `draw`, and so the errors.

        Returns:
            K copies, uint8 (h, w, 3), RGB, of all pixels that the box touches, at least one.
        """
        chosen = self._chosen(picture)
        height, width = self.size_hw
        parts = []
        for x_min, y_min, x_max, y_max in self.boxes_px.tolist():
            left, top = min(int(x_min), width - 1), min(int(y_min), height - 1)
            right, bottom = max(int(np.ceil(x_max)), left + 1), max(int(np.ceil(y_max)), top + 1)
            parts.append(chosen[top:bottom, left:right].copy())
        return parts

    def to_supervision(self) -> Any:
        """The objects as `supervision.Detections`, with the names as data "class_name".

        Raises:
            EnvironmentProblem: that library is not installed.
        """
        try:
            import supervision
        except ModuleNotFoundError as error:
            raise EnvironmentProblem(
                "the package supervision is not installed; run: pip install supervision, or "
                "bash scripts/setup.sh --extras supervision"
            ) from error
        return supervision.Detections(
            xyxy=self.boxes_px.copy(),
            confidence=self.scores.copy(),
            class_id=self.labels.copy(),
            data={"class_name": np.array(self.names, dtype=np.str_)},
        )

    def _chosen(self, picture: Pixels | None) -> Pixels:
        if picture is None:
            return self.pixels()
        if picture.dtype != np.uint8 or picture.shape != (*self.size_hw, 3):
            raise OptionError(
                f"the picture must be uint8 of shape {(*self.size_hw, 3)}; got {picture.dtype} of "
                f"shape {picture.shape}"
            )
        return picture

    def _of_own_size(self, pixels: Pixels) -> Pixels:
        if pixels.shape[:2] != self.size_hw:
            raise DataError(
                f"{shown(self.source)} has changed since it was looked at: it had "
                f"{self.size_hw} pixels (height, width) and has {pixels.shape[:2]}"
            )
        return pixels


def class_names(
    own: Sequence[str] | None, given: Sequence[str] | None, count: int | None
) -> tuple[str, ...]:
    """Names of a detector's classes: the given ones, or its own, or none.

    Args:
        own: what its files say.
        given: what the caller says.
        count: classes of its network, where that is known.

    Returns:
        A tuple of names, empty where there are none.

    Raises:
        OptionError: the given names are of another number of classes, or the detector's own in
            another order.
    """
    names = tuple(given if given is not None else own or ())
    if given is not None and count not in (None, len(names)):
        raise OptionError(
            f"the detector has {count} classes; got {len(names)} names ({some_of(names)})",
            settings=("classes",),
        )
    for number, name in enumerate(given or ()):
        place = own.index(name) if own and name in own else number
        if own and place != number:
            raise OptionError(
                f"the names that were given call class {number} {name}, and the model says that "
                f"{name} is its class {place}, and {own[number]} class {number}; leave the names "
                "out, or give them in the order of the model",
                settings=("classes",),
            )
    return names
