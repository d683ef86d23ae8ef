"""Detections as a result file of COCO, which its tools score."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gluon_ssd.data.sources.coco_json import CocoJson
from gluon_ssd.errors import DataError
from gluon_ssd.inference.outputs.seen import Output, Seen
from gluon_ssd.system.address import shown
from gluon_ssd.system.files import write_json


@dataclass(frozen=True)
class CocoIds:
    """Numbers of images and categories of an annotation file.

    Attributes:
        path: of the file.
        images: last part of the name -> id.
        categories: label of the detector -> id.
    """

    path: str
    images: Mapping[str, int | str]
    categories: Sequence[int]

    def of_image(self, source: str) -> int | str:
        """The id of a picture, by the last part of its path or address. Raises DataError."""
        name = _last_part(source)
        if name not in self.images:
            raise DataError(
                f"{self.path} lists no image {_last_part(shown(source))}, so that there is no id "
                "for it; leave the picture out, or name the file that lists it",
                settings=("coco_ids",),
            )
        return self.images[name]


def read_coco_ids(path: str | os.PathLike[str], classes: Sequence[str]) -> CocoIds:
    """The ids that a COCO annotation file gives its images and categories.

    Args:
        path: of the file.
        classes: names of the detector's classes in label order.

    Raises:
        DataError: the file cannot be used; two of its images have one name; a class is none of its
            categories.
    """
    file = CocoJson(Path(path).expanduser())
    images: dict[str, int | str] = {}
    for entry in file.images():
        name = _last_part(entry.file_name)
        if name in images:
            raise DataError(
                f"{path} lists two images of the name {name}, so that nobody knows whose ids are "
                "whose; give the ids of one folder",
                settings=("coco_ids",),
            )
        images[name] = entry.image_id
    of_name = {category.name: number for number, category in file.categories().items()}
    if missing := [name for name in classes if name not in of_name]:
        raise DataError(
            f"{path} has no category {missing[0]!r}, which the detector finds; its categories are "
            f"{', '.join(list(of_name)[:5])}{', ...' if len(of_name) > 5 else ''}",
            settings=("coco_ids",),
        )
    return CocoIds(str(path), images, [of_name[name] for name in classes])


@dataclass
class CocoResults(Output):
    """Writes coco_results.json, and coco_images.json where it gives the ids; see `Output`.

    Without ids of a file, images count from 1 in their order and categories from 1 in that of the
    labels, and coco_images.json lists both, as an annotation file without annotations does.
    """

    folder: Path
    classes: Sequence[str]
    ids: CocoIds | None = None
    _results: list[dict[str, Any]] = field(default_factory=list)
    _images: list[dict[str, Any]] = field(default_factory=list)

    def add(self, seen: Seen) -> None:
        """Take a picture.

        Raises:
            DataError: the file of ids does not list it.
        """
        found = seen.found
        image_id: int | str = len(self._images) + 1
        source = shown(found.source).encode("utf-8", "backslashreplace").decode()
        name = source if seen.film is None else f"{seen.label}.jpg"
        if self.ids is not None:
            image_id = self.ids.of_image(found.source)
        height, width = found.size_hw
        self._images.append({"id": image_id, "file_name": name, "width": width, "height": height})
        for each in found:
            x_min, y_min, x_max, y_max = each.box_px
            box = (x_min, y_min, x_max - x_min, y_max - y_min)
            self._results.append(
                {
                    "image_id": image_id,
                    "category_id": self.ids.categories[each.label] if self.ids else each.label + 1,
                    "bbox": [round(value, 2) for value in box],
                    "score": round(each.score, 6),
                }
            )

    def _begin(self, stack: ExitStack) -> None:
        stack.push(self._end)

    def _end(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            return
        write_json(self.folder / "coco_results.json", self._results)
        if self.ids is None:
            categories = [
                {"id": number, "name": name} for number, name in enumerate(self.classes, start=1)
            ]
            write_json(
                self.folder / "coco_images.json",
                {"images": self._images, "categories": categories, "annotations": []},
            )


def _last_part(name: str) -> str:
    return name.replace("\\", "/").rpartition("/")[2]
