"""Options -> reports of what is wrong with a data set."""

from __future__ import annotations

import functools
import logging
from collections.abc import Iterator
from pathlib import Path

from gluon_ssd.commands.contact_sheet import write_contact_sheet
from gluon_ssd.data.check import Report, check_dataset
from gluon_ssd.data.classes import read_classes_file
from gluon_ssd.data.dataset import ListedDataset, Selection, image_paths
from gluon_ssd.data.held_out import divide
from gluon_ssd.data.orientations import settle_orientations
from gluon_ssd.data.problems import OTHER_CLASS, UNKNOWN_CLASS
from gluon_ssd.data.sources.catalog import open_dataset
from gluon_ssd.data.sources.layouts import holds_one_set
from gluon_ssd.options.data_tools import CheckOptions
from gluon_ssd.options.own_data import own_data
from gluon_ssd.system.files import ensure_writable
from gluon_ssd.system.progress import progress_bar

_log = logging.getLogger(__name__)


def check_reports(options: CheckOptions) -> Iterator[Report]:
    """Check the named splits, or the usual training and then validation ones, or with --val-share
    what is trained on and then what is held out.

    Images without boxes are looked at too. Broken annotations are counted, not raised.
    With --contact-sheet a sheet of images of all of them is drawn in the end.

    Raises:
        DataError: a split is not there, or a COCO file cannot be read at all.
    """
    if options.contact_sheet:
        ensure_writable(options.contact_sheet)
    usable = []
    for dataset in _datasets(options):
        bar = functools.partial(
            progress_bar, total=len(dataset), unit="img", description="images", stays=False
        )
        dataset = settle_orientations(dataset, options.exif)
        report = check_dataset(
            dataset, read_images=not options.fast, progress=bar, max_pixels=options.max_pixels
        )
        usable.append(dataset.without(report.unusable))
        yield report
    if options.contact_sheet:
        line = write_contact_sheet(
            options.contact_sheet,
            usable,
            count=options.sheet_images,
            seed=options.sheet_seed,
            max_pixels=options.max_pixels,
        )
        _log.info("%s", line)


def _datasets(options: CheckOptions) -> Iterator[ListedDataset]:
    if options.val_share:
        whole = _open(options, train=True)
        division = divide(whole, options.val_share)
        yield division.training(whole)
        yield division.validation(whole)
        return
    train = _open(options, train=True)
    yield train
    # A file is one set, whatever it is used for.
    root = Path(options.dataset_root).expanduser()
    is_file = options.dataset == "custom" and holds_one_set(root, own_data(options).layout)
    if options.splits or is_file:
        return
    val = _open(options, train=False)
    if not (val.is_whole and image_paths(val) == image_paths(train)):
        yield val  # else it is a folder without splits, which is one set, too


def _open(options: CheckOptions, *, train: bool) -> ListedDataset:
    own = own_data(options)
    classes = read_classes_file(options.classes) if options.classes else None
    selection = Selection(
        options.dataset_root,
        train=train,
        splits=options.splits,
        classes=classes,
        keep_empty=True,
        tolerant=True,
        other_labels=UNKNOWN_CLASS if classes is None else OTHER_CLASS,
        layout=own.layout,
        image_root=own.image_root,
        exif=options.exif,
        unlabelled_is_background=own.unlabelled_is_background,
    )
    return open_dataset(options.dataset, selection)
