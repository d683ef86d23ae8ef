"""Options -> published data sets, fetched and unpacked."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path

from gluon_ssd.data.prepare.archives import Missing, require_nothing_missing
from gluon_ssd.data.prepare.coco import prepare_coco_files
from gluon_ssd.data.prepare.published import (
    COCO_ARCHIVES,
    COCO_HOST,
    VOC_ARCHIVES,
    VOC_HOST,
)
from gluon_ssd.data.prepare.voc import prepare_voc_files
from gluon_ssd.errors import OptionError
from gluon_ssd.options.prepare import (
    PrepareCocoOptions,
    PrepareOpenImagesOptions,
    PrepareVocOptions,
)
from gluon_ssd.system.download import Fetcher
from gluon_ssd.system.pace import Patience


def prepare_voc(options: PrepareVocOptions) -> list[str]:
    """Have the splits of PASCAL VOC. Returns lines that say what there is.

    Raises:
        OptionError: a split that is not published.
        DataError: something is missing now; the first few are named, all are logged.
    """
    return _from_archives(options, prepare_voc_files, "voc", VOC_ARCHIVES, VOC_HOST)


def prepare_coco(options: PrepareCocoOptions) -> list[str]:
    """Have the splits of COCO; as `prepare_voc`."""
    return _from_archives(options, prepare_coco_files, "coco", COCO_ARCHIVES, COCO_HOST)


def _from_archives(
    options: PrepareVocOptions | PrepareCocoOptions,
    prepare: Callable[..., tuple[dict[str, int], list[Missing]]],
    name: str,
    published: Collection[str],
    host: str,
) -> list[str]:
    counts, missing = prepare(
        Path(options.dataset_root).expanduser(),
        published_splits(options.splits, published),
        fetcher=make_fetcher(options),
        host=options.mirror or host,
        parallel=options.parallel,
        keep_archives=options.keep_archives,
    )
    require_nothing_missing(missing, Path(options.dataset_root).expanduser() / name)
    return [f"{split}: {count} images, none missing" for split, count in counts.items()]


def published_splits(text: str, published: Collection[str]) -> list[str]:
    """The names in a text, joined by +, each once. Raises OptionError for one not published."""
    splits = list(dict.fromkeys(part.strip() for part in text.split("+")))
    for split in splits:
        if split not in published:
            raise OptionError(
                f"there is no split {split!r} to fetch; there are {', '.join(published)}",
                settings=("splits",),
            )
    return splits


def make_fetcher(
    options: PrepareVocOptions | PrepareCocoOptions | PrepareOpenImagesOptions,
) -> Fetcher:
    """What fetches with the patience that the options ask for."""
    return Fetcher(Patience(options.timeout, options.attempts))
