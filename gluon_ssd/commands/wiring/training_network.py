"""Options -> the network that a run trains, with its first weights."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from itertools import zip_longest
from typing import Any

from gluon_ssd.commands.wiring.data import named_classes
from gluon_ssd.commands.wiring.published_weights import zoo_weights
from gluon_ssd.commands.wiring.resumed import take_input_of
from gluon_ssd.data.sources.catalog import SOURCES
from gluon_ssd.errors import OptionError, WeightsError
from gluon_ssd.families.build import build_network, family_of
from gluon_ssd.models.first_weights import initialize
from gluon_ssd.models.freezing import freeze_stages
from gluon_ssd.models.interface import Network
from gluon_ssd.models.params_file import read_params
from gluon_ssd.options.modes import TRAINING
from gluon_ssd.options.shared import means_no_weights, wants_zoo_weights
from gluon_ssd.options.train import TrainCommand
from gluon_ssd.system.wording import shown
from gluon_ssd.training.checkpoint import Checkpoint, is_checkpoint, load_checkpoint
from gluon_ssd.training.team.team import Team

_log = logging.getLogger(__name__)


def check_named_files(command: TrainCommand) -> None:
    """Look at --resume and --pretrained-base now, not after minutes of reading the data.

    Raises:
        WeightsError: the file is missing, unreadable or damaged.
        OptionError: a checkpoint is of other classes than the options name.
    """
    resume = command.train.resume
    if resume and is_checkpoint(resume):
        _check_classes(command, load_checkpoint(resume))
    elif resume:
        read_params(resume)
    elif _is_own_base(command.train.pretrained_base):
        read_params(command.train.pretrained_base)


def _check_classes(command: TrainCommand, checkpoint: Checkpoint) -> None:
    """Compare names that are known before the data is; `restore` compares all others."""
    kind, there = command.data.dataset, checkpoint.facts["network"].get("classes")
    here = named_classes(command.data) or SOURCES[kind].classes
    if here is None or not isinstance(there, list):
        return
    for number, (own, saved) in enumerate(zip_longest(here, there)):
        if own != saved:
            source = f"--classes {command.data.classes}" if command.data.classes else kind
            raise OptionError(
                f"class {number} is {_name(own)} in {source}, and {_name(saved)} in the checkpoint "
                f"{checkpoint.path}; give the names of that run in their order, or start anew from "
                "its weights (.params), whose classes may differ",
                settings=() if command.data.classes else ("dataset",),
            )


def _name(value: Any) -> str:
    return "missing" if value is None else shown(value)


def _is_own_base(wanted: str) -> bool:
    return bool(wanted) and not wants_zoo_weights(wanted) and not means_no_weights(wanted)


def training_network(
    command: TrainCommand, classes: Sequence[str], contexts: Sequence[Any], team: Team
) -> Network:
    """Build the network with its first weights on all devices; a team takes its leader's.

    Raises:
        WeightsError: the ImageNet weights cannot be had or do not fit.
    """
    train = command.train
    network = build_network(
        command.network.name,
        classes=classes,
        sync_batch_norm_devices=len(contexts) if train.syncbn else 0,
    )
    initialize(network, contexts, train.seed)
    if _has_base(command, network):
        network.freeze_base()
    # Weights to resume from replace all of it, and times need none: nothing is fetched for nothing.
    if not train.resume and team.rank == 0 and command.modes.mode == TRAINING:
        _load_base(command, network)
    if train.resume:
        take_input_of(network, train.resume, team)
    if command.small.freeze:
        _freeze(command, network)
    network.hybridize(static_alloc=True, static_shape=True)
    return network


def _freeze(command: TrainCommand, network: Network) -> None:
    count, mode = command.small.freeze, command.modes.mode
    if mode == TRAINING and not (command.train.resume or _has_base(command, network)):
        raise OptionError(
            f"--freeze {count} would keep random weights: there are no ImageNet weights for "
            f"{network.name} here; name some with --pretrained-base or --resume FILE, or leave it "
            "out"
        )
    frozen = freeze_stages(network, count)
    _log.info(
        "%d of %d stages of the backbone are frozen, %d arrays of weights",
        count,
        frozen.stages,
        len(frozen.names),
    )


def _has_base(command: TrainCommand, network: Network) -> bool:
    wanted = command.train.pretrained_base
    wants_zoo = wants_zoo_weights(wanted) and bool(network.spec.base_weights_name)
    return wants_zoo or _is_own_base(wanted)


def _load_base(command: TrainCommand, network: Network) -> None:
    family = family_of(network)
    wanted, load_base = command.train.pretrained_base, family.load_base
    is_own = _is_own_base(wanted)
    if wants_zoo_weights(wanted) and not network.spec.base_weights_name:
        reason = "there are no others for it"
        if family.base_origin is not None:
            reason = (
                f"ImageNet weights are not fetched, get {family.base_origin(network.spec)}, and "
                "name the file with --pretrained-base FILE"
            )
        _log.info("%s starts from random weights; %s", network.name, reason)
    elif wants_zoo_weights(wanted) or is_own:
        if load_base is None:
            raise WeightsError(f"there are no ImageNet weights for {network.name}; leave them out")
        load_base(network, wanted if is_own else _fetched_base(command, network))


def _fetched_base(command: TrainCommand, network: Network) -> str:
    """Path of the zoo's ImageNet weights; an error names the options that bring others."""
    try:
        return zoo_weights(network.spec, command.model, base=True)
    except WeightsError as error:
        settings = ("pretrained_base", "mirror", "model_root")
        raise WeightsError(str(error), settings=settings) from error
