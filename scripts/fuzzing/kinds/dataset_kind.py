"""What the kinds of data sets have in common: opening one, and what holds for every answer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from scripts.fuzzing.case import Kind

Opened = dict[str, Any]


class DatasetKind(Kind):
    """A kind of data set; the answer has no ids, which mean nothing."""

    def open(self, folder: Path, seed: str, *, train: bool) -> Any:
        """The data set in a folder."""
        from gluon_ssd.data.dataset import Selection
        from gluon_ssd.data.sources.catalog import open_dataset

        return open_dataset("custom", Selection(folder, train=train, keep_empty=True))

    def read(self, folder: Path, seed: str) -> Opened:
        """Open it, look at it as training does, and list every image with its objects."""
        from gluon_ssd.data.check import check_dataset

        dataset = self.open(folder, seed, train=True)
        check_dataset(dataset)
        return {
            "classes": dataset.classes,
            "images": [
                (Path(dataset.image_path(index)).name, dataset.annotation(index))
                for index in range(len(dataset))
            ],
        }

    def complain(self, answer: Opened) -> str:
        """Boxes inside their images, of classes that there are, and finite."""
        import numpy as np

        for name, found in answer["images"]:
            boxes, labels = found.boxes_px, found.labels
            if not np.isfinite(boxes).all():
                return f"{name}: boxes are not finite"
            if len(labels) and not (0 <= labels.min() and labels.max() < len(answer["classes"])):
                return f"{name}: labels out of range"
            if (boxes < 0).any() or (boxes[:, 2:] <= boxes[:, :2]).any():
                return f"{name}: a box is empty or below 0"
            if found.size_hw and (boxes[:, 2:] > np.array(found.size_hw[::-1])).any():
                return f"{name}: a box leaves its image"
        return ""


Maker = Callable[..., Any]
