"""Open a user's own data set, whichever layout it has."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from gluon_ssd.data.classes import read_classes_file
from gluon_ssd.data.dataset import ListedDataset, Selection
from gluon_ssd.data.sources.class_ids import CLASSES_FILE
from gluon_ssd.data.sources.layouts import find_layout
from gluon_ssd.errors import OptionError
from gluon_ssd.system.regular_file import is_present


def open_custom(selection: Selection) -> ListedDataset:
    """Open a data set of any of the layouts in `layouts.LAYOUTS`, by looking which one it has.

    The root is a folder or a file. Without named splits a layout takes its usual ones. Without
    named classes they are those of classes.txt in the folder, or of the data.

    Raises:
        DataError: it has no layout that is read, saying what was looked for.
        OptionError: splits of one file, or a folder of images where the data name none.
    """
    base = Path(selection.root).expanduser()
    layout = find_layout(base, selection.layout)
    if selection.image_root and not layout.names_images:
        raise OptionError(
            f"a folder of images has no effect on {base}, which is read as {layout.name} and says "
            "itself where its images are; leave it out",
            settings=("image_root",),
        )
    if selection.unlabelled_is_background and not layout.has_unlabelled:
        raise OptionError(
            f"{base} has the layout {layout.name}, in which no picture needs an annotation file of "
            "its own; leave that out",
            settings=("unlabelled",),
        )
    if not selection.classes and is_present(base / CLASSES_FILE):
        selection = replace(selection, classes=read_classes_file(base / CLASSES_FILE))
    dataset = layout.open(base, selection)
    dataset.name = "custom"
    return dataset
