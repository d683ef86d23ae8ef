"""PASCAL VOC, from its archives to the folders that `--dataset voc` reads."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from gluon_ssd.data.prepare.archives import Missing, fetch_archives
from gluon_ssd.data.prepare.published import VOC_ARCHIVES, VOC_HOST
from gluon_ssd.data.sources.voc import find_voc_folder, parse_splits
from gluon_ssd.data.sources.voc_list import VocFiles, read_image_set
from gluon_ssd.errors import DataError
from gluon_ssd.system.download import Fetcher


def prepare_voc_files(
    root: Path,
    splits: Sequence[str],
    *,
    fetcher: Fetcher,
    host: str = VOC_HOST,
    parallel: int = 3,
    keep_archives: bool = False,
) -> tuple[dict[str, int], list[Missing]]:
    """Fetch and unpack what is missing of the splits, into `root`/voc/VOC2007 and its like.

    Args:
        root: the folder for `--dataset-root`; the data may also lie elsewhere below it, in any
            place that `--dataset voc` looks at.
        splits: keys of VOC_ARCHIVES.
        fetcher, host, parallel, keep_archives: see `fetch_archives`.

    Returns:
        Number of images of each split, and what is missing now.
    """
    incomplete = [split for split in splits if missing_of_voc(root, split)]
    missing = fetch_archives(
        [archive for split in incomplete for archive in VOC_ARCHIVES[split]],
        host,
        root / "voc",
        place=_below_the_kit,
        fetcher=fetcher,
        parallel=parallel,
        keep=keep_archives,
    )
    # A split whose archive did not come would only be told of once more.
    if not missing:
        missing = [problem for split in splits for problem in missing_of_voc(root, split)]
    return ({} if missing else {split: len(_ids(root, split)[1]) for split in splits}), missing


def missing_of_voc(root: Path, split: str) -> list[Missing]:
    """Images and annotations that the list of a split names and that are not there."""
    try:
        folder, ids = _ids(root, split)
        images = set(os.listdir(folder / "JPEGImages"))
        annotations = set(os.listdir(folder / "Annotations"))
    except (DataError, OSError) as error:
        return [Missing(f"split {split}", str(error))]
    return [
        Missing(str(folder / below / name), f"listed in {split}")
        for image_id in ids
        for below, name, there in (
            ("JPEGImages", f"{image_id}.jpg", images),
            ("Annotations", f"{image_id}.xml", annotations),
        )
        if name not in there
    ]


def _ids(root: Path, split: str) -> tuple[Path, list[str]]:
    pair = parse_splits(split)[0]
    folder = find_voc_folder(root, pair)
    list_file = folder / "ImageSets" / "Main" / f"{pair[1]}.txt"
    ids, _ = read_image_set(list_file, VocFiles(folder).has)
    if not ids:
        raise DataError(f"the list of split {split} in {folder} is empty")
    return folder, ids


def _below_the_kit(name: str) -> str | None:
    """VOCdevkit/VOC2007/... to VOC2007/..., where GluonCV has it too."""
    top, _, rest = name.partition("/")
    return rest if top == "VOCdevkit" and rest else None
