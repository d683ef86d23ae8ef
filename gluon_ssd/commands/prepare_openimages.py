"""Options -> the MLPerf subset of Open Images, fetched and converted."""

from __future__ import annotations

import logging
from pathlib import Path

from gluon_ssd.commands.prepare_published import make_fetcher, published_splits
from gluon_ssd.data.prepare.archives import require_nothing_missing
from gluon_ssd.data.prepare.openimages import SplitReport, fetch_tables, prepare_split
from gluon_ssd.data.prepare.published import (
    OPENIMAGES_BUCKET,
    OPENIMAGES_FILES,
    OPENIMAGES_HOST,
)
from gluon_ssd.options.prepare import PrepareOpenImagesOptions
from gluon_ssd.system.files import write_json

_LOG = logging.getLogger(__name__)


def prepare_openimages(options: PrepareOpenImagesOptions) -> list[str]:
    """Have the splits of the subset. Returns lines that say what there is.

    Raises:
        OptionError: a split that is not published.
        DataError: a table or an image is missing now; the first few are named, all are logged, and
            the annotation files hold what is there.
    """
    top = Path(options.dataset_root).expanduser() / "openimages"
    splits = published_splits(options.splits, OPENIMAGES_FILES)
    fetcher = make_fetcher(options)
    host = options.mirror or OPENIMAGES_HOST
    require_nothing_missing(fetch_tables(top, splits, host, fetcher), top)
    reports: dict[str, SplitReport] = {}
    for split in splits:
        reports[split] = prepare_split(
            top / split,
            bucket=options.image_mirror or OPENIMAGES_BUCKET,
            fetcher=fetcher,
            parallel=options.parallel,
            limit_images=options.limit_images,
        )
        _compare(split, reports[split], options.limit_images)
    write_json(top / "info.json", {"name": "openimages-mlperf", "splits": _counts(reports)})
    require_nothing_missing([m for report in reports.values() for m in report.missing], top)
    return [line for split, report in reports.items() for line in _lines(split, report)]


def _compare(split: str, report: SplitReport, limit_images: int) -> None:
    for line in report.bad_rows:
        _LOG.warning("%s", line)
    published = OPENIMAGES_FILES[split].subset_images
    found = report.num_images + len(report.missing)
    if not limit_images and found != published:
        _LOG.warning("%s names %d images, MLPerf's subset has %d", split, found, published)


def _counts(reports: dict[str, SplitReport]) -> dict[str, dict[str, int]]:
    return {
        split: {
            "images": report.num_images,
            "boxes": report.num_boxes,
            "missing": len(report.missing),
        }
        for split, report in reports.items()
    }


def _lines(split: str, report: SplitReport) -> list[str]:
    return [f"{split}: {report.num_images} images, {report.num_boxes} boxes, none missing"]
