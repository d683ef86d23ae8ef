"""Training that is measured: random weights and data, and a rate that changes nearly nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from gluon_ssd.data.class_names import VOC_CLASSES
from gluon_ssd.data.loading.loader import Batch
from gluon_ssd.families.build import build_network, family_of
from gluon_ssd.families.catalog import spec_of
from gluon_ssd.models.first_weights import initialize
from gluon_ssd.models.interface import Network
from gluon_ssd.training.devices import Devices
from gluon_ssd.training.loop import Learner, Step, train_one_epoch
from gluon_ssd.training.optimizer import Optimizer
from gluon_ssd.training.team.team import Team
from gluon_ssd.training.weight_watch import WeightWatch

POSITIVES = 30
"""Anchors of an image that match a box; the usual number of a VOC image."""

_RATE = 1e-6


def bare_network(name: str, classes: Sequence[str] = ()) -> Any:
    """A network without weights; one without classes of its own gets as many as VOC has."""
    return build_network(name, classes=classes or spec_of(name).classes or VOC_CLASSES)


def random_network(name: str, context: Any, classes: Sequence[str] = ()) -> Network:
    """The same on one device, with random weights, ready to train as a static graph."""
    network = bare_network(name, classes)
    initialize(network, [context])
    network.hybridize(static_alloc=True, static_shape=True)
    return network


def make_learner(network: Network, context: Any, team: Team | None = None) -> Learner:
    """What `take_steps` trains; without a team it learns alone."""
    team = team or Team()
    optimizer = Optimizer(network, momentum=0.9, wd=0.0005, team=team)
    watch = WeightWatch(network)
    return Learner(network, Devices([context]), family_of(network).loss, optimizer, watch, 1, team)


def take_steps(learner: Learner, batches: Iterable[Any]) -> list[Step]:
    """Run the real loop on whatever comes; the last update may still be under way."""
    steps: list[Step] = []
    train_one_epoch(
        learner,
        batches,
        epoch=0,
        rate=lambda _: _RATE,
        on_step=steps.append,
        image_names=lambda indices: [str(index) for index in indices],
    )
    return steps


def random_batch(network: Network, size: int, *, seed: int = 0) -> Batch:
    """Noise of the size of the network's input, and as many positive anchors as in real images."""
    rng = np.random.default_rng(seed)
    num_anchors = network.num_anchors()
    class_targets = np.zeros((size, num_anchors), np.int32)
    for row in class_targets:
        chosen = rng.choice(num_anchors, POSITIVES, replace=False)
        row[chosen] = rng.integers(1, len(network.classes) + 1, POSITIVES)
    box_targets = rng.normal(size=(size, num_anchors, 4)) * (class_targets[..., None] > 0)
    arrays = {
        "image": rng.normal(size=(size, 3, *network.input_size_hw)).astype(np.float32),
        "class_targets": class_targets,
        "box_targets": box_targets.astype(np.float32),
    }
    return Batch(arrays, np.arange(size))
