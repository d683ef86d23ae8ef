"""Name files of other tools for what they are, where a data set was expected."""

from __future__ import annotations

import os
from pathlib import Path

from gluon_ssd.errors import DataError
from gluon_ssd.system.wording import one_line, some_of

_KINDS = {
    ".rec": "a RecordIO file of MXNet",
    ".idx": "an index of a RecordIO file of MXNet",
    ".lst": "an image list of MXNet's im2rec",
    ".csv": "a table with commas",
    ".tsv": "a table with tabs",
    ".yaml": "a YAML description, as YOLO's data sets have",
    ".yml": "a YAML description, as YOLO's data sets have",
    ".txt": "a text file",
    ".xml": "an XML file, as VOC and CVAT have for annotations",
    ".tfrecord": "a TFRecord file of TensorFlow",
    ".parquet": "a Parquet table",
    ".jsonl": "a file of one JSON object a line",
    ".zip": "an archive that is not unpacked",
    ".tar": "an archive that is not unpacked",
    ".gz": "an archive that is not unpacked",
    ".tgz": "an archive that is not unpacked",
    ".7z": "an archive that is not unpacked",
}
"""Ending -> what such a file is; none of them is opened as a data set."""

_READ = "a data set is a folder in VOC layout or with COCO JSON, or a COCO JSON file"


def check_file(root: str | os.PathLike[str], kind: str) -> None:
    """Raise DataError where the root of a data set is a file that is not opened as one.

    Args:
        root: the folder or file; a custom data set may be a JSON file.
        kind: of the data set.
    """
    path = Path(root).expanduser()
    if not os.path.isfile(path):
        return
    if what := _KINDS.get(path.suffix.lower()):
        raise DataError(
            f"{path} is {what}, which is not read as a data set yet; {_READ}: write the boxes in "
            "one of these forms",
            settings=("dataset_root",),
        )
    if kind != "custom":
        raise DataError(
            f"{path} is a file, and the {kind} data set is a folder; give the folder that holds "
            "it, or open a COCO JSON file as a custom data set",
            settings=("dataset_root", "dataset"),
        )


def foreign_files(folder: Path) -> str:
    """'; it holds NAME, a ...' for files of other tools directly in a folder, or nothing."""
    names = sorted(os.listdir(folder)) if folder.is_dir() else []
    found = [
        f"{one_line(name)}, {what}, which is not read as a data set yet"
        for name in names
        if (what := _KINDS.get(os.path.splitext(name)[1].lower())) and name != "classes.txt"
    ]
    return f"; it holds {some_of(found, most=2, separator='; ')}" if found else ""
