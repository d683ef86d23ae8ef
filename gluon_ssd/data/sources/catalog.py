"""Every kind of data set that can be opened by its name.

To add a kind, write a module beside this one whose opener turns a Selection into a ListedDataset,
and give it a line in SOURCES, and one in `options.shared.DATASETS`, which the command line offers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from gluon_ssd.data.class_names import COCO_CLASSES, OPENIMAGES_CLASSES, VOC_CLASSES
from gluon_ssd.data.dataset import ListedDataset, Selection
from gluon_ssd.data.sources.coco import open_coco
from gluon_ssd.data.sources.custom import open_custom
from gluon_ssd.data.sources.foreign import check_folder
from gluon_ssd.data.sources.openimages import open_openimages
from gluon_ssd.data.sources.shapes import open_shapes
from gluon_ssd.data.sources.voc import open_voc
from gluon_ssd.errors import DataError
from gluon_ssd.system.regular_file import is_present, open_regular


@dataclass(frozen=True)
class Source:
    """How to open one kind of data set, and what it usually is opened with.

    Attributes:
        open: gets the selection with the usual splits and classes filled in. The data set that it
            returns says itself which metric scores it.
        classes: the published classes; None where every data set has its own.
        splits: the usual training and validation splits; None where the opener looks for them.
    """

    open: Callable[[Selection], ListedDataset]
    classes: tuple[str, ...] | None = None
    splits: tuple[str, str] | None = None


SOURCES: dict[str, Source] = {
    "voc": Source(open_voc, VOC_CLASSES, ("2007_trainval+2012_trainval", "2007_test")),
    "coco": Source(open_coco, COCO_CLASSES, ("train2017", "val2017")),
    "custom": Source(open_custom),
    "shapes": Source(open_shapes, splits=("train", "val")),
    "openimages": Source(open_openimages, OPENIMAGES_CLASSES, ("train", "validation")),
}


def open_dataset(kind: str, selection: Selection) -> ListedDataset:
    """Open a data set by its kind, a key of SOURCES.

    Raises:
        DataError: the data is not there, broken, or no data set that is read here.
        OptionError: the splits cannot be read.
    """
    if kind != "custom":
        check_folder(selection.root, kind)
    source = SOURCES[kind]
    usual = source.splits[0 if selection.train else 1] if source.splits else ""
    splits, classes = selection.splits or usual, selection.classes or source.classes
    try:
        _check_root(Path(selection.root).expanduser())
        return source.open(replace(selection, splits=splits, classes=classes))
    except OSError as error:
        raise DataError(
            f"cannot read {error.filename or selection.root}: {error.strerror or error}; "
            "make the data set readable or choose another folder",
            settings=("dataset_root",),
        ) from error


def _check_root(root: Path) -> None:
    """Raise OSError where a root is no folder and no file, but a pipe, a device or the like."""
    if is_present(root) and not root.is_file():
        open_regular(root).close()
