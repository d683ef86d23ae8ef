"""What every writer of a data set is given, and gives back."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from gluon_ssd.data.convert.image_files import place_image
from gluon_ssd.data.convert.names import Names, common_folder
from gluon_ssd.data.convert.part import Item, Part

CLASSES_FILE = "classes.txt"
"""The classes in label order, which a custom data set takes before any other list."""


@dataclass
class Job:
    """A data set in writing.

    Attributes:
        folder: where to, empty.
        classes: in label order.
        link: make links to image files instead of copies.
        edge_px: what the width of a COCO box has above x_max - x_min.
        step: called after each image.
        places: of each split, the images as they are named in the target, in the order written.
        renamed: how many images have another name than in the source.
    """

    folder: Path
    classes: tuple[str, ...]
    link: bool = False
    edge_px: int = 1
    step: Callable[[], None] = lambda: None
    places: dict[str, list[str]] = field(default_factory=dict)
    renamed: int = 0

    def names(self, parts: Sequence[Part], reserved: Collection[str] = ()) -> Names:
        """Names for the images of some splits, which share a folder."""
        paths = [part.path(i) for part in parts for i in range(len(part))]
        return Names(common_folder(paths), reserved)

    def place(self, item: Item, below: str, name: str) -> None:
        """Bring an image file into a folder of the target."""
        place_image(item.source, self.folder / below / name, link=self.link)

    def done(self, part: Part, place: str) -> None:
        """Note an image as written, under the path that it has below the folder."""
        self.places.setdefault(part.name, []).append(os.fspath(self.folder / place))
        self.step()
