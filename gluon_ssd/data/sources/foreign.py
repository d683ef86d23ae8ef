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
"""Ending -> what such a file is, where it is of no layout that is read."""


def check_folder(root: str | os.PathLike[str], kind: str) -> None:
    """Raise DataError where the root of a published data set, which is a folder, is a file."""
    path = Path(root).expanduser()
    if path.is_file():
        raise DataError(
            f"{path} is a file, and the {kind} data set is a folder; give the folder that holds "
            "it, or open the file as a custom data set",
            settings=("dataset_root", "dataset"),
        )


def foreign_files(root: Path) -> str:
    """'; it holds NAME, a ...' for files of other tools directly in a folder, or nothing.

    For a file it is '; it is a ...'.
    """
    if root.is_file():
        what = _KINDS.get(root.suffix.lower())
        return f"; it is {what}" if what else ""
    names = sorted(os.listdir(root)) if root.is_dir() else []
    found = [
        f"{one_line(name)}, {what}"
        for name in names
        if (what := _KINDS.get(os.path.splitext(name)[1].lower())) and name != "classes.txt"
    ]
    return f"; it holds {some_of(found, most=2, separator='; ')}" if found else ""
