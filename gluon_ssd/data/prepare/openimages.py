"""The MLPerf subset of Open Images v6, from the published tables to what training reads.

The layout is that of MLPerf's RetinaNet reference: <split>/data/<image id>.jpg, <split>/metadata,
<split>/labels, and info.json above them.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gluon_ssd.data.class_names import OPENIMAGES_CLASSES
from gluon_ssd.data.images import size_of_file
from gluon_ssd.data.prepare.archives import Missing
from gluon_ssd.data.prepare.openimages_json import write_annotations
from gluon_ssd.data.prepare.openimages_tables import (
    image_name,
    read_boxes,
    read_image_ids,
    read_labels,
    wanted_images,
)
from gluon_ssd.data.prepare.published import OPENIMAGES_FILES
from gluon_ssd.data.prepare.tally import Tally
from gluon_ssd.data.sources.openimages import LABELS_FILE
from gluon_ssd.errors import DataError
from gluon_ssd.system.address import shown
from gluon_ssd.system.download import Fetcher, Wanted
from gluon_ssd.system.download_many import fetch_many
from gluon_ssd.system.files import atomic_write, ensure_directory
from gluon_ssd.system.progress import progress_bar

_LOG = logging.getLogger(__name__)

_FAILURES_IN_A_ROW = 50
_TABLES_AT_A_TIME = 4
_LARGEST_IMAGE = 256 << 20


class SplitReport(NamedTuple):
    """What there is of a split: images, boxes, lines on bad rows, and the images not there."""

    num_images: int
    num_boxes: int
    bad_rows: list[str]
    missing: list[Missing]


def fetch_tables(top: Path, splits: Sequence[str], host: str, fetcher: Fetcher) -> list[Missing]:
    """Fetch the tables of splits, keys of OPENIMAGES_FILES, that are not there yet.

    Returns:
        Those that could not be had.
    """
    wanted = []
    for split in splits:
        files = OPENIMAGES_FILES[split]
        places = {
            "metadata/classes.csv": files.classes,
            "metadata/hierarchy.json": files.hierarchy,
            "metadata/image_ids.csv": files.images,
            "labels/detections.csv": files.boxes,
        }
        for place, address in places.items():
            if not (path := top / split / place).is_file():
                wanted.append(Wanted(f"{host.rstrip('/')}/{address}", path))
    with progress_bar(total=None, unit="B", description="fetching tables", quiet_s=1) as bar:

        def show(done: int, total: int | None) -> None:
            bar.total = total
            bar.update(done - bar.n)

        ended = list(fetch_many(wanted, fetcher, parallel=_TABLES_AT_A_TIME, progress=show))
    return [Missing(shown(one.wanted.url), one.failure) for one in ended if one.failure]


def prepare_split(
    folder: Path,
    *,
    bucket: str,
    fetcher: Fetcher,
    parallel: int,
    limit_images: int = 0,
    classes: Sequence[str] = OPENIMAGES_CLASSES,
) -> SplitReport:
    """Fetch the images of a split whose tables are there, and write its annotation file.

    Args:
        folder: of the split; its name is that of the images' folder in the bucket.
        bucket: start of the images' addresses.
        fetcher: fetches.
        parallel: images at a time.
        limit_images: only the first so many images; 0 is all.
        classes: of the subset, in the order of their ids.

    Raises:
        DataError: a table cannot be used, or the host gives no image any more.
        EnvironmentProblem: the disk is full, or a folder cannot be written.
    """
    table = folder / "labels" / "detections.csv"
    labels = read_labels(folder / "metadata" / "classes.csv", classes)
    listed = read_image_ids(folder / "metadata" / "image_ids.csv")
    tally = Tally(str(table))
    with progress_bar(total=None, unit="rows", description=f"choosing {folder.name}") as bar:
        images = wanted_images(table, labels, listed, tally, bar.update)
    images = images[: limit_images or None]
    sizes_hw = np.zeros((len(images), 2), np.int64)
    _measure(images, sizes_hw, folder / "data")
    absent = images[sizes_hw[:, 0] == 0]
    missing = _fetch_images(
        absent, folder, f"{bucket.rstrip('/')}/{folder.name}", fetcher, parallel
    )
    _measure(images, sizes_hw, folder / "data")
    _list_missing(folder / "missing.txt", missing)
    with progress_bar(total=None, unit="rows", description=f"converting {folder.name}") as bar:
        boxes = read_boxes(table, labels, listed, Tally(""), bar.update)
        num_boxes = write_annotations(
            folder / LABELS_FILE, boxes, images=images, sizes_hw=sizes_hw, classes=classes
        )
    return SplitReport(int((sizes_hw[:, 0] > 0).sum()), num_boxes, tally.lines(), missing)


def _measure(images: NDArray[np.uint64], sizes_hw: NDArray[np.int64], data: Path) -> None:
    """Write height and width of every image that has 0 yet and is there, whole."""
    label = f"sizes of {data.parent.name}"
    unknown = np.flatnonzero(sizes_hw[:, 0] == 0)
    with progress_bar(total=len(unknown), unit="img", description=label, quiet_s=1) as bar:
        for number in unknown:
            size_hw = size_of_file(data / _file_name(images[number]))
            if size_hw and min(size_hw) > 0:
                sizes_hw[number] = size_hw
            bar.update()


def _file_name(image: np.uint64) -> str:
    return f"{image_name(int(image))}.jpg"


def _fetch_images(
    images: NDArray[np.uint64], folder: Path, address: str, fetcher: Fetcher, parallel: int
) -> list[Missing]:
    """Fetch images into the folder's data. Returns those that could not be had."""
    data = ensure_directory(folder / "data")
    names = map(_file_name, images)
    wanted = (
        Wanted(f"{address}/{name}", data / name, check=_wrong_with_image, most_bytes=_LARGEST_IMAGE)
        for name in names
    )
    missing: list[Missing] = []
    in_a_row = 0
    with progress_bar(total=len(images), unit="img", description=f"images of {folder.name}") as bar:
        for ended in fetch_many(wanted, fetcher, parallel=parallel):
            bar.update()
            in_a_row = in_a_row + 1 if ended.failure else 0
            if ended.failure:
                missing.append(Missing(str(ended.wanted.path), ended.failure))
            if in_a_row == _FAILURES_IN_A_ROW:
                such_as = shown(ended.wanted.url)
                raise DataError(
                    f"the last {in_a_row} images could not be had, such as {such_as}: "
                    f"{ended.failure}; run the command again later, or name another mirror",
                    settings=("image_mirror",),
                )
    return sorted(missing)


def _wrong_with_image(path: Path) -> str:
    size_hw = size_of_file(path)
    return "" if size_hw and min(size_hw) > 0 else "what it sends is no whole JPEG"


def _list_missing(path: Path, missing: Sequence[Missing]) -> None:
    if missing:
        _LOG.warning("%s names the images that are missing", path)
        with atomic_write(path, "w") as file:
            file.writelines(f"{Path(problem.what).stem}\t{problem.why}\n" for problem in missing)
    else:
        path.unlink(missing_ok=True)
