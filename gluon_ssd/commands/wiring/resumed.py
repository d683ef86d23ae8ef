"""What a run that goes on has to know of its weights before it loads images: how the input is made.

Weights may come with another normalisation and other anchors than those of their network. Images
and targets are prepared by what the network says, so that it is told before there are loaders.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gluon_ssd.errors import WeightsError
from gluon_ssd.models.first_weights import parameters_of
from gluon_ssd.models.interface import Network
from gluon_ssd.models.weights import take_anchors, take_input
from gluon_ssd.training.checkpoint import is_checkpoint, load_checkpoint
from gluon_ssd.training.team.team import Team

NORMALIZATION = "normalization"
"""Key of the facts of a checkpoint's network: mean and std, where they are not the spec's."""


def take_input_of(network: Network, path: str, team: Team) -> None:
    """Give a network the normalisation and the anchors of a checkpoint or of weights, everywhere.

    Args:
        network: initialised.
        path: what the run goes on from; the leading process alone reads it.
        team: all processes of the run.

    Raises:
        WeightsError: the file cannot be used.
    """
    if team.rank == 0:
        if is_checkpoint(path):
            _take_from_checkpoint(network, path)
        else:
            take_input(network, path)
    if team.size > 1:
        _share(network, team)


def _take_from_checkpoint(network: Network, path: str) -> None:
    checkpoint = load_checkpoint(path)
    take_anchors(network, checkpoint.group("weights"))
    stated = checkpoint.facts["network"].get(NORMALIZATION)
    if stated is None:
        return
    try:
        values = np.asarray(stated, np.float64)
    except (TypeError, ValueError):
        values = np.zeros(0)
    if values.shape != (2, 3) or not np.isfinite(values).all() or (values[1] <= 0).any():
        raise WeightsError(
            f"{path} is damaged: the normalization of its network is {str(stated)[:60]}; resume "
            "from another checkpoint or from a .params file"
        )
    network.own_normalization = _as_pair(values)


def _share(network: Network, team: Team) -> None:
    """Let all processes have what the leading one was told."""
    own = network.own_normalization if team.rank == 0 else None
    values = team.gather(np.asarray(own or (), np.float64).reshape(-1))
    network.own_normalization = _as_pair(values.reshape(2, 3)) if len(values) else None
    parameters = parameters_of(network)
    team.copy_from_leader(
        {name: parameters[name].list_data()[0] for name in network.anchor_constants()}
    )


def _as_pair(values: Any) -> tuple[tuple[float, ...], tuple[float, ...]]:
    mean, std = (tuple(float(value) for value in row) for row in values)
    return mean, std
