"""One split of a data set that is written in another form."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from gluon_ssd.data.convert.image_files import file_name
from gluon_ssd.data.dataset import Annotation, ListedDataset, RawObject
from gluon_ssd.data.exif import turned_size
from gluon_ssd.data.image_source import ImageSource
from gluon_ssd.data.images import image_size
from gluon_ssd.system.wording import one_line


class Item(NamedTuple):
    """One image to be written.

    Attributes:
        source: where its bytes lie.
        path: of its file, or one that it could have beside the file that holds it.
        image_id: in the source.
        annotation: its objects; labels are positions in the classes of the target.
        size_hw: height and width of the picture that the boxes were drawn on, px.
    """

    source: ImageSource
    path: str
    image_id: str | int
    annotation: Annotation
    size_hw: tuple[int, int]


@dataclass(frozen=True)
class Part:
    """A split of the source.

    Attributes:
        name: of the split in the target.
        dataset: opened, its orientations settled, without images that cannot be used.
        classes: of the target, as of `all_classes`.
    """

    name: str
    dataset: ListedDataset
    classes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.dataset)

    def path(self, index: int) -> str:
        """A path for image `index`; see `image_files.file_name`."""
        return file_name(self.dataset.image_source(index), self.dataset.image_id(index))

    def items(self) -> Iterator[Item]:
        """Every image, in order.

        Raises:
            DataError: an image file cannot be used, whose size no annotation gives.
        """
        places = {name: label for label, name in enumerate(self.classes)}
        labels = np.array([places[one_line(name)] for name in self.dataset.classes], np.int32)
        for index in range(len(self)):
            annotation = self.dataset.annotation(index)
            source = self.dataset.image_source(index)
            yield Item(
                source,
                self.path(index),
                self.dataset.image_id(index),
                replace(annotation, labels=labels[annotation.labels]),
                annotation.size_hw
                or turned_size(image_size(source), self.dataset.orientation(index)),
            )


def all_classes(datasets: Sequence[ListedDataset]) -> tuple[str, ...]:
    """The classes of several splits, each once, in the order in which they come.

    What would end a line in a list of names is escaped.
    """
    return tuple(dict.fromkeys(one_line(name) for each in datasets for name in each.classes))


def raw_objects(annotation: Annotation, classes: Sequence[str]) -> Iterator[RawObject]:
    """The objects of an annotation one by one."""
    rows = zip(
        annotation.labels.tolist(),
        annotation.boxes_px.tolist(),
        annotation.difficult.tolist(),
        annotation.crowd.tolist(),
        strict=True,
    )
    for label, box, difficult, crowd in rows:
        yield RawObject(classes[label], tuple(box), difficult, crowd)
