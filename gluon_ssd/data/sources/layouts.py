"""The layouts that a user's own data set may have, and which of them one has.

To add a layout, write a module beside this one with a function that recognises it and one that
opens it, and give it a line in LAYOUTS, and one in `options.own_data.LAYOUTS`, which the command
line offers.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from gluon_ssd.data.dataset import ListedDataset, Selection
from gluon_ssd.data.sources.coco_folder import is_coco, open_coco_folder
from gluon_ssd.data.sources.csv_boxes import is_csv, open_csv
from gluon_ssd.data.sources.foreign import foreign_files
from gluon_ssd.data.sources.lst import is_lst, open_lst
from gluon_ssd.data.sources.manifest import is_manifest, open_manifest
from gluon_ssd.data.sources.recordio import is_recordio, open_recordio
from gluon_ssd.data.sources.sagemaker import is_sagemaker, open_sagemaker
from gluon_ssd.data.sources.voc_folder import is_voc_folder, open_voc_folder
from gluon_ssd.data.sources.xml_folder import is_xml_folder, open_xml_folder
from gluon_ssd.data.sources.yolo import is_yolo, open_yolo
from gluon_ssd.errors import DataError, OptionError

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Layout:
    """One layout.

    Attributes:
        name: what `--layout` calls it.
        what: what it is and what shows it, for messages.
        recognises: whether a root, a folder or a file or nothing that exists, has it; cheap, since
            every layout is asked. It never raises for what a file holds.
        open: gets the root and the selection, whose root is the same. It raises DataError or
            OptionError.
        file_has_splits: where the root is a file, it names the splits and is no single set.
        names_images: its files name images that may lie elsewhere, in `Selection.image_root`.
        has_unlabelled: it has an annotation file for each picture, and may lack some; see
            `Selection.unlabelled_is_background`.
    """

    name: str
    what: str
    recognises: Callable[[Path], bool]
    open: Callable[[Path, Selection], ListedDataset]
    file_has_splits: bool = False
    names_images: bool = False
    has_unlabelled: bool = False


LAYOUTS: dict[str, Layout] = {
    layout.name: layout
    for layout in (
        Layout(
            "voc",
            "VOC layout (ImageSets/Main, Annotations, JPEGImages in it, in voc/, VOCdevkit/ or a "
            "folder below)",
            is_voc_folder,
            open_voc_folder,
            has_unlabelled=True,
        ),
        Layout(
            "coco",
            "COCO JSON (annotations/instances_train.json, train.json or a JSON file)",
            is_coco,
            open_coco_folder,
            names_images=True,
        ),
        Layout(
            "yolo",
            "YOLO (data.yaml, or images/ and labels/, or text files beside the pictures)",
            is_yolo,
            open_yolo,
            file_has_splits=True,
        ),
        Layout(
            "recordio",
            "MXNet's RecordIO (train.rec and val.rec, with or without .idx)",
            is_recordio,
            open_recordio,
        ),
        Layout(
            "lst",
            "lists of MXNet's im2rec (train.lst and val.lst) with images as files",
            is_lst,
            open_lst,
            names_images=True,
        ),
        Layout(
            "sagemaker",
            "SageMaker's channels (train and train_annotation, validation and "
            "validation_annotation)",
            is_sagemaker,
            open_sagemaker,
        ),
        Layout(
            "manifest",
            "augmented manifests (train.manifest and validation.manifest, or one file)",
            is_manifest,
            open_manifest,
            names_images=True,
        ),
        Layout(
            "xml",
            "pictures and XML files in VOC's form, side by side or in folders that mirror each "
            "other, without ImageSets",
            is_xml_folder,
            open_xml_folder,
            has_unlabelled=True,
        ),
        Layout(
            "csv",
            "a table of boxes (train.csv, train_labels.csv, train/_annotations.csv, or a .csv or "
            ".tsv file) whose first line names its columns",
            is_csv,
            open_csv,
            file_has_splits=True,
            names_images=True,
        ),
    )
}
"""By name; where several fit, the first counts."""


def find_layout(root: Path, named: str = "") -> Layout:
    """The layout of a data set.

    Args:
        root: a folder or a file.
        named: the layout's name, which is taken without looking; empty looks which one fits. Of
            several that fit the first is taken, which is told once.

    Raises:
        OptionError: there is no layout of that name.
        DataError: nothing is there; or none fits, saying what was looked for and what there is.
    """
    if named:
        if named not in LAYOUTS:
            raise OptionError(
                f"the layout must be one of {', '.join(LAYOUTS)}; got {named!r}",
                settings=("layout",),
            )
        return LAYOUTS[named]
    if not root.exists():
        raise DataError(
            f"there is no {root}: name the folder or file of a data set", settings=("dataset_root",)
        )
    fitting = [layout for layout in LAYOUTS.values() if layout.recognises(root)]
    if not fitting:
        known = "; ".join(layout.what for layout in LAYOUTS.values())
        raise DataError(
            f"{root} is no data set: it has no layout that is read{foreign_files(root)}; these "
            f"are: {known}; give the folder or file of one",
            settings=("dataset_root", "splits"),
        )
    if len(fitting) > 1:
        _tell_of_choice(root, tuple(layout.name for layout in fitting))
    return fitting[0]


def holds_one_set(root: Path, named: str = "") -> bool:
    """Whether a custom data set is a file that is one set, whatever it is used for."""
    return root.is_file() and not find_layout(root, named).file_has_splits


@functools.cache  # training opens the same folder twice
def _tell_of_choice(root: Path, names: tuple[str, ...]) -> None:
    _log.warning(
        "%s fits the layouts %s; it is read as %s; --layout %s takes another",
        root,
        " and ".join(names),
        names[0],
        " or ".join(names[1:]),
    )
