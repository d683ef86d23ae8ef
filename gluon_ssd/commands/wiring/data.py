"""Options -> data sets, opened and checked."""

from __future__ import annotations

import functools
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from gluon_ssd.data.check import check_dataset
from gluon_ssd.data.classes import read_classes_file
from gluon_ssd.data.dataset import ListedDataset, Selection, image_paths
from gluon_ssd.data.held_out import divide
from gluon_ssd.data.orientations import settle_orientations
from gluon_ssd.data.problems import OTHER_CLASS, UNKNOWN_CLASS
from gluon_ssd.data.sources.catalog import SOURCES, open_dataset
from gluon_ssd.data.sources.layouts import holds_one_set
from gluon_ssd.deploy.runtime_model import DetectorFacts
from gluon_ssd.errors import DataError, OptionError
from gluon_ssd.inference.dataset import check_classes, has_labels, no_image, open_for_scoring
from gluon_ssd.options.own_data import own_data
from gluon_ssd.options.shared import DataOptions
from gluon_ssd.options.train import TrainCommand
from gluon_ssd.options.train_data import NO_SPLIT, TrainDataOptions
from gluon_ssd.system.progress import progress_bar
from gluon_ssd.system.wording import one_line, some_of

_log = logging.getLogger(__name__)

_QUIET_S = 1.0  # a check that takes no longer shows no bar


@dataclass(frozen=True)
class TrainingData:
    """The two data sets of a training run, checked; both share one class order.

    `val` is None where training goes without validation.
    """

    train: ListedDataset
    val: ListedDataset | None

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the foreground classes, in label order."""
        return self.train.classes

    @property
    def validation(self) -> ListedDataset:
        """The validation set. Raises OptionError where there is none."""
        if self.val is None:
            raise OptionError("there is no validation set to score", settings=("val_splits",))
        return self.val


def training_data(command: TrainCommand) -> TrainingData:
    """Open and check the training and the validation set.

    Raises:
        DataError: the data is not there, or more of it is bad than --max-bad-share allows, or an
            image is and --on-bad-image says error.
    """
    options = command.data
    classes, own = named_classes(options), own_data(options)
    wanted = Selection(
        _root(options),
        train=True,
        splits=options.splits,
        classes=classes,
        keep_empty=options.keep_empty,
        use_crowd=not options.no_crowd,
        edge_px=command.network.edge_px,
        other_labels=UNKNOWN_CLASS if classes is None else OTHER_CLASS,
        layout=own.layout,
        image_root=own.image_root,
        exif=options.exif,
        unlabelled_is_background=own.unlabelled_is_background,
        leaves_out=options.on_bad_image == "skip",
    )
    train = _open(options, wanted)
    if options.no_crowd and train.coco_file is None:
        raise OptionError(
            f"--no-crowd has no effect on the {train.name} data set: VOC layout has no crowd boxes"
        )
    # The training classes decide, so that labels mean the same in both sets.
    wanted = replace(wanted, classes=train.classes)
    val: ListedDataset | None = None
    if options.val_share:
        train, val = _divided(options, wanted, train)
    elif options.validates:
        wanted = replace(wanted, train=False, splits=options.val_splits)
        val = _open_to_validate(options, wanted, train)
    train = _checked(_limited(train, options), options, "training")
    if options.on_bad_image and not options.keep_empty:
        train = _without_empty(train, options.on_bad_image)
    if not has_labels(train):
        raise DataError(
            f"no image of the training set has an object of the classes {some_of(train.classes)}; "
            "label some, or name other --splits"
        )
    if classes is not None:
        _note_unlabelled(train)
    if val is not None:
        val = _checked(_limited(val, options), options, "validation")
        if not has_labels(val):
            _log.warning("no image of the validation set has an object: its mAP will be nan")
    return TrainingData(train, val)


def _divided(
    options: TrainDataOptions, wanted: Selection, train: ListedDataset
) -> tuple[ListedDataset, ListedDataset]:
    """The set less the share that is held out, and that share as one validates: with all images."""
    whole = train
    if train.coco_file is not None:
        # Of a COCO file training alone leaves out images without boxes, and crowd boxes if asked.
        whole = _open(options, replace(wanted, keep_empty=True, use_crowd=True))
    division = divide(whole, options.val_share)
    parts = division.training(train), division.validation(whole)
    if len(parts[0]) == 0:
        raise no_image(options.dataset, options.dataset_root)
    _log.info(
        "validation set: %d of %d images, held out by the names of their files",
        len(parts[1]),
        sum(map(len, parts)),
    )
    return parts


def _open_to_validate(
    options: TrainDataOptions, wanted: Selection, train: ListedDataset
) -> ListedDataset:
    """The validation set; what is said of its splits names the option that it has for them."""
    without = DataError(
        f"{wanted.root} is the training set, and there is none to validate on: name the folder "
        "that holds both, or another split, or hold out a share of the images, or train without "
        f"validation with {NO_SPLIT}",
        settings=("dataset_root", "val_splits", "val_share"),
    )
    if is_one_set(options) and not wanted.splits:
        raise without
    with splits_named(
        "val_splits",
        "no validation set: {}; or hold out training images with --val-share 0.2, or train without "
        f"one with {NO_SPLIT}",
    ):
        val = _open(options, wanted)
    # A folder without splits is one set, whatever it is used for.
    if not wanted.splits and val.is_whole and image_paths(val) == image_paths(train):
        raise without
    return val


@contextmanager
def splits_named(option: str, text: str = "{}") -> Iterator[None]:
    """Let errors about splits name another option than --splits, and stand in a text."""
    try:
        yield
    except (DataError, OptionError) as error:
        if "splits" not in error.settings:
            raise
        settings = [option if name == "splits" else name for name in error.settings]
        raise type(error)(text.format(error), settings=settings) from error


def _note_unlabelled(dataset: ListedDataset) -> None:
    """Warn of classes that were asked for and that no object has: often a name is misspelt."""
    seen = {int(each) for i in range(len(dataset)) for each in dataset.annotation(i).labels}
    bare = [name for label, name in enumerate(dataset.classes) if label not in seen]
    if bare:
        _log.warning(
            "training set: no object of the classes %s, which --classes names",
            some_of(bare, most=8),
        )


def evaluation_set(
    options: DataOptions, model: DetectorFacts, *, train: bool = False
) -> ListedDataset:
    """Open the set that eval_ssd.py scores.

    Args:
        options: where it is.
        model: its class names, where it carries them, must be the data set's, in any order, and
            then give the label order; else the data set's own are taken.
        train: take the training splits, where --splits names none, or of --val-share what is
            not held out.

    Raises:
        DataError: the data is not there, or its classes are not the model's.
    """
    own = own_data(options)
    selection = Selection(
        _root(options),
        train=train or bool(options.val_share),
        keep_empty=bool(options.val_share),
        splits=options.splits,
        classes=named_classes(options),
        edge_px=model.edge_px,
        layout=own.layout,
        image_root=own.image_root,
        exif=options.exif,
        unlabelled_is_background=own.unlabelled_is_background,
        leaves_out=options.on_bad_image == "skip",
    )
    dataset = open_for_scoring(options.dataset, selection, classes=model.classes)
    if options.val_share:
        division = divide(dataset, options.val_share)
        dataset = division.training(dataset) if train else division.validation(dataset)
    dataset = _limited(dataset, options)
    check_classes(dataset, model.classes, model.num_classes)
    return dataset


def named_classes(options: DataOptions) -> tuple[str, ...] | None:
    """The names that --classes gives. Raises OptionError, or DataError of its file."""
    if not options.classes:
        return None
    if SOURCES[options.dataset].classes is not None:
        raise OptionError(
            f"--classes cannot change the classes of --dataset {options.dataset}; "
            "use --dataset custom"
        )
    return read_classes_file(options.classes)


def _root(options: DataOptions) -> Path:
    return Path(options.dataset_root).expanduser()


def is_one_set(options: DataOptions) -> bool:
    """Whether the data set is a file that has no splits, and is used whole or not at all."""
    return options.dataset == "custom" and holds_one_set(_root(options), own_data(options).layout)


def _open(options: DataOptions, selection: Selection) -> ListedDataset:
    dataset = open_dataset(options.dataset, selection)
    if len(dataset) == 0:
        raise no_image(options.dataset, options.dataset_root)
    return dataset


def _limited(dataset: ListedDataset, options: DataOptions) -> ListedDataset:
    if options.limit_images:
        dataset = dataset.subset(range(min(options.limit_images, len(dataset))))
    return settle_orientations(dataset, options.exif)


def _checked(dataset: ListedDataset, options: TrainDataOptions, purpose: str) -> ListedDataset:
    bar = functools.partial(
        progress_bar,
        total=len(dataset),
        unit="img",
        description=f"checking the {purpose} set",
        quiet_s=_QUIET_S,
        stays=False,
    )
    report = check_dataset(dataset, progress=bar, max_pixels=options.max_pixels)
    for line in report.lines():
        _log.info("%s set %s", purpose, line.strip())
    if report.unusable and options.on_bad_image == "error":
        bad = set(map(dataset.image_path, report.unusable))
        first = next(problem for problem in report.problems if problem.file in bad)
        raise DataError(
            f"{len(bad)} images of the {purpose} set cannot be used; the first is {first.file}: "
            f"{first.reason}, {first.detail}; mend the files, or use --on-bad-image skip"
        )
    report.stop_above(options.max_bad_share)
    if not report.unusable:
        return dataset
    _log.warning("%s set: %d unusable images left out", purpose, len(report.unusable))
    return dataset.without(report.unusable)


def _without_empty(dataset: ListedDataset, on_bad_image: str) -> ListedDataset:
    """Leave out the images without boxes, or name the first of them in an error."""
    empty = [i for i in range(len(dataset)) if not len(dataset.annotation(i).labels)]
    if not empty:
        return dataset
    first = dataset.image_path(empty[0])
    if on_bad_image == "error":
        raise DataError(
            f"{len(empty)} images of the training set have no boxes; the first is {first}; label "
            "them, keep them as background with --keep-empty, or use --on-bad-image skip"
        )
    _log.warning(
        "training set: %d images without boxes skipped, the first is %s",
        len(empty),
        one_line(first),
    )
    return dataset.without(empty)
