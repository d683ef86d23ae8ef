"""The MLPerf subset of Open Images v6, in the layout of MLPerf's RetinaNet reference.

Below the root, directly or in openimages/: {train,validation}/data/<image id>.jpg and
{train,validation}/labels/openimages-mlperf.json, a file in COCO's format made by
scripts/prepare_openimages.py. Corners are x + w and y + h, clipped to the image.

A category's id is its position in the alphabetical list of names, from 0, and the column of the
network's output; some exporters count from 1, and such a file is refused. Boxes around groups are
crowds to the metric and ordinary objects in training.
"""

from __future__ import annotations

import os
from pathlib import Path

from gluon_ssd.data.dataset import Selection
from gluon_ssd.data.sources.coco import CocoDataset, Rules, one_split
from gluon_ssd.data.sources.voc import base_folders
from gluon_ssd.errors import DataError
from gluon_ssd.system.regular_file import is_present

LABELS_FILE = "labels/openimages-mlperf.json"


def open_openimages(selection: Selection) -> CocoDataset:
    """Open one split, "train" or "validation"; training alone leaves out images without a box.

    Raises:
        DataError: no file of the split, or a broken one; category ids that are not 0, 1, 2, ... in
            the order of the names.
    """
    split = one_split(selection.splits)
    return CocoDataset(
        selection.root,
        split=split,
        classes=selection.classes,
        skip_empty=selection.train and not selection.keep_empty,
        use_crowd=selection.use_crowd or not selection.train,
        annotation_file=_find_file(selection.root, split),
        rules=_RULES.for_selection(selection),
    )


def _find_file(root: str | os.PathLike[str], split: str) -> Path:
    candidates = [base / split / LABELS_FILE for base in base_folders(root, "openimages")]
    if found := [candidate for candidate in candidates if is_present(candidate)]:
        return found[0]
    raise DataError(
        f"no split {split!r} of Open Images under {os.fspath(root)}; looked for "
        f"{', '.join(map(str, candidates))}; make it with python scripts/prepare_openimages.py, "
        "or give the folder that holds it",
        settings=("dataset_root", "splits"),
    )


def _require_positions(categories: dict[int, str], path: Path) -> None:
    """Raise DataError unless the ids are the positions of the names in their sorted list."""
    ids, names = list(categories), list(categories.values())
    wrong = ""
    if ids != list(range(len(ids))):
        rises = ids == list(range(ids[0], ids[0] + len(ids)))
        wrong = f"start at {ids[0]}" if rises else "have gaps"
    elif names != sorted(names):
        after = next(n for n, m in zip(names[1:], names, strict=False) if n < m)
        wrong = f"are not in the order of the names ({after!r} comes too late)"
    if wrong:
        raise DataError(
            f"the category ids of {path} {wrong}; in Open Images they are 0, 1, 2, ... in the "
            "order of the names; make the file anew with python scripts/prepare_openimages.py"
        )


_RULES = Rules("openimages", edge_px=0, check_categories=_require_positions)
