"""A share of the images of one set that is held out, by the names of their files.

Whether an image is held out depends on its own name and the share alone. So a set that grows moves
no image from training to validation or back, a larger share holds out what a smaller one does and
more, and whoever opens the set, in whichever folder, sees the same division.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from gluon_ssd.data.dataset import ListedDataset, image_paths
from gluon_ssd.data.image_source import PackedImage
from gluon_ssd.errors import DataError

# Roboflow's exports hold several changed copies of a picture, as NAME_jpg.rf.HASH.jpg: in both
# parts they would make a score too good.
_COPY = re.compile(r"\.rf\.\w+$")


@dataclass(frozen=True)
class Division:
    """Which images are held out, by their paths."""

    held_out: frozenset[str]

    def training(self, dataset: ListedDataset) -> ListedDataset:
        """The other images of the set, or of one with fewer of the same images."""
        paths = enumerate(image_paths(dataset))
        chosen = [index for index, path in paths if path not in self.held_out]
        return dataset.subset(chosen, all_problems=True)

    def validation(self, dataset: ListedDataset) -> ListedDataset:
        """The held-out images, each once, however often a list names it."""
        first = {path: index for index, path in reversed([*enumerate(image_paths(dataset))])}
        return dataset.subset(sorted(first[path] for path in self.held_out if path in first))


def divide(dataset: ListedDataset, share: float) -> Division:
    """Hold out a share of the images of a set.

    An image is held out when the hash of its name, without folder and ending, lies in that share of
    all hashes. Where images in several folders have one name, that of the folder goes with it. An
    image inside a larger file goes by its id. At least one image is held out, and one is not.

    Args:
        dataset: all of the set, images without boxes too.
        share: above 0 and below 1.

    Raises:
        DataError: the set has one image, or all have one name.
    """
    keys = _keys(dataset)
    places = {key: _place(key) for key in keys}
    ranked = sorted(places, key=lambda key: (places[key], key))
    if len(ranked) < 2:
        raise DataError(
            f"{len(keys)} image{'' if len(keys) == 1 else 's of one name'} cannot be divided into "
            "training and validation; add images, or train without validation",
            settings=("val_share", "val_splits"),
        )
    count = sum(place < share for place in places.values())
    chosen = frozenset(ranked[: min(max(count, 1), len(ranked) - 1)])
    paths = zip(image_paths(dataset), keys, strict=True)
    return Division(frozenset(path for path, key in paths if key in chosen))


def _place(key: str) -> float:
    """The hash of a name as a number from 0 to 1, 1 excluded."""
    digest = hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()
    return int.from_bytes(digest[:6], "big") / 2**48


def _keys(dataset: ListedDataset) -> list[str]:
    """What decides for each image; copies of one picture share it."""
    sources = [dataset.image_source(index) for index in range(len(dataset))]
    paths = {os.fspath(source) for source in sources if not isinstance(source, PackedImage)}
    stems = Counter(Path(path).stem for path in paths)
    keys = []
    for index, source in enumerate(sources):
        if isinstance(source, PackedImage):
            keys.append(str(dataset.image_id(index)))
            continue
        path = Path(os.fspath(source))
        name = path.stem if stems[path.stem] == 1 else f"{path.parent.name}/{path.stem}"
        keys.append(_COPY.sub("", name))
    return keys
