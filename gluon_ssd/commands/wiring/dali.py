"""Options -> the training loader that works through DALI."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gluon_ssd.commands.wiring.loaders import augmentation
from gluon_ssd.commands.wiring.rare_classes import image_repeats
from gluon_ssd.data.dali.loader import DaliLoader
from gluon_ssd.data.dali.prepare import DaliSamples
from gluon_ssd.data.dataset import ListedDataset
from gluon_ssd.data.loading.batch_plan import Share
from gluon_ssd.data.loading.stand_in import rule_of
from gluon_ssd.detection.input_format import InputFormat
from gluon_ssd.detection.matching import MakesTargets
from gluon_ssd.options.train import TrainCommand


def dali_loader(
    command: TrainCommand,
    dataset: ListedDataset,
    contexts: Sequence[Any],
    *,
    target_maker: MakesTargets,
    input_format: InputFormat,
    share: Share = Share(),  # noqa: B008  (immutable)
) -> DaliLoader:
    """As commands.wiring.loaders.training_loader; DALI works on the first device if it is a GPU.

    Raises:
        EnvironmentProblem: DALI is not installed.
    """
    on_gpu = contexts[0].device_type == "gpu"
    return DaliLoader(
        dataset,
        DaliSamples(
            input_format, augmentation(command).dali, target_maker, command.data.max_pixels
        ),
        batch_size=command.optimizer.batch_size * share.parts,
        seed=command.train.seed,
        num_threads=command.data.num_workers,
        device_id=contexts[0].device_id if on_gpu else None,
        share=share,
        bad=rule_of(command.data.on_bad_image, leave_out=False),
        repeats=image_repeats(command, dataset),
    )
