"""COCO 2017, from its archives to the folders that `--dataset coco` reads."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from gluon_ssd.data.prepare.archives import Missing, fetch_archives
from gluon_ssd.data.prepare.published import COCO_ARCHIVES, COCO_HOST
from gluon_ssd.data.sources.coco import listed_images
from gluon_ssd.errors import DataError
from gluon_ssd.system.download import Fetcher

_NEEDED = re.compile(r"((train|val)2017/[^/]+\.jpg|annotations/instances_(train|val)2017\.json)")


def prepare_coco_files(
    root: Path,
    splits: Sequence[str],
    *,
    fetcher: Fetcher,
    host: str = COCO_HOST,
    parallel: int = 3,
    keep_archives: bool = False,
) -> tuple[dict[str, int], list[Missing]]:
    """Fetch and unpack what is missing of the splits, into `root`/coco.

    Of the annotations only the instances are unpacked, not the captions and key points.

    Args:
        root: the folder for `--dataset-root`; the data may also lie elsewhere below it, in any
            place that `--dataset coco` looks at.
        splits: keys of COCO_ARCHIVES.
        fetcher, host, parallel, keep_archives: see `fetch_archives`.

    Returns:
        Number of images of each split, and what is missing now.
    """
    before = {split: _look(root, split) for split in splits}
    incomplete = [split for split, (_, missing) in before.items() if missing]
    missing = fetch_archives(
        [archive for split in incomplete for archive in COCO_ARCHIVES[split]],
        host,
        root / "coco",
        place=lambda name: name if _NEEDED.fullmatch(name) else None,
        fetcher=fetcher,
        parallel=parallel,
        keep=keep_archives,
    )
    after = before | {split: _look(root, split) for split in ([] if missing else incomplete)}
    missing = missing or [problem for _, found in after.values() for problem in found]
    return ({} if missing else {split: count for split, (count, _) in after.items()}), missing


def _look(root: Path, split: str) -> tuple[int, list[Missing]]:
    """Number of images that the annotations of a split name, and those that are not there."""
    try:
        folder, names = listed_images(root, split)
        there = set(os.listdir(folder))
    except (DataError, OSError) as error:
        return 0, [Missing(f"split {split}", str(error))]
    return len(names), [
        Missing(os.path.join(folder, name), f"listed in {split}")
        for name in names
        if name not in there
    ]
