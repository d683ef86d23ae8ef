"""Options -> sample makers and loaders of a data set."""

from __future__ import annotations

from dataclasses import replace

from gluon_ssd.commands.wiring.rare_classes import image_repeats
from gluon_ssd.data.augment.policies import POLICIES, Policy
from gluon_ssd.data.dataset import ListedDataset
from gluon_ssd.data.loading.batch_plan import Share
from gluon_ssd.data.loading.loader import Loader
from gluon_ssd.data.loading.samples import EvalSamples, TrainSamples
from gluon_ssd.data.loading.stand_in import rule_of
from gluon_ssd.deploy.runtime_model import DetectorFacts, RuntimeModel
from gluon_ssd.detection.input_format import InputFormat
from gluon_ssd.detection.matching import MakesTargets
from gluon_ssd.options.shared import DataOptions
from gluon_ssd.options.train import TrainCommand
from gluon_ssd.options.train_data import TrainDataOptions


def training_loader(
    command: TrainCommand,
    dataset: ListedDataset,
    *,
    target_maker: MakesTargets,
    input_format: InputFormat,
    share: Share = Share(),  # noqa: B008  (immutable)
) -> Loader:
    """Batches of augmented images with their targets.

    `share` is what this process gets of a step, and in how many batches.
    """
    native = augmentation(command).native
    if command.data.crop_tries != TrainDataOptions.crop_tries:
        native = replace(native, crop_tries=command.data.crop_tries)
    return Loader(
        dataset,
        TrainSamples(input_format, native, target_maker, command.data.max_pixels),
        batch_size=command.optimizer.batch_size * share.parts,
        shuffle=True,
        seed=command.train.seed,
        num_workers=command.data.num_workers,
        last_batch="rollover",
        timeout_s=command.data.worker_timeout,
        share=share,
        bad=rule_of(command.data.on_bad_image, leave_out=False),
        repeats=image_repeats(command, dataset),
    )


def augmentation(command: TrainCommand) -> Policy:
    """The policy of --augmentation, with the hue of --hue; legacy is that of the network."""
    options = command.data
    is_own = options.augmentation == TrainDataOptions.augmentation
    policy = POLICIES[command.network.augmentation if is_own else options.augmentation]
    return policy.with_narrow_hue() if options.hue == "narrow" else policy


def evaluation_loader(
    options: DataOptions,
    dataset: ListedDataset,
    *,
    batch_size: int,
    input_format: InputFormat,
    share: Share = Share(),  # noqa: B008  (immutable)
    in_use: int = 1,
    leave_out: bool = True,
    make_targets: MakesTargets | None = None,
) -> Loader:
    """Every image once, in order, as the network takes it; `in_use` as of `Loader`.

    `make_targets` adds what the loss wants of each image.

    With --on-bad-image skip an image that cannot be used is left out, as a score needs it, or
    another one stands in for it.
    """
    return Loader(
        dataset,
        EvalSamples(input_format, options.max_pixels, make_targets),
        batch_size=min(batch_size, len(dataset)),
        shuffle=False,
        seed=0,
        num_workers=options.num_workers,
        last_batch="keep",
        timeout_s=options.worker_timeout,
        share=share,
        bad=rule_of(options.on_bad_image, leave_out=leave_out),
        in_use=in_use,
    )


def model_loader(
    options: DataOptions,
    dataset: ListedDataset,
    model: DetectorFacts,
    batch_size: int,
    *,
    leave_out: bool = False,
) -> Loader:
    """As `evaluation_loader`, with images as a detector takes them."""
    return evaluation_loader(
        options,
        dataset,
        batch_size=batch_size,
        input_format=model.input_format,
        leave_out=leave_out,
    )


def stream_loader(
    options: DataOptions, dataset: ListedDataset, model: RuntimeModel, batch_size: int
) -> Loader:
    """As `model_loader`, for `predict` with the model's streams, which share a batch."""
    return evaluation_loader(
        options,
        dataset,
        batch_size=-(-batch_size // model.streams),
        input_format=model.input_format,
        in_use=model.streams + 1 if model.streams > 1 else 1,
    )
