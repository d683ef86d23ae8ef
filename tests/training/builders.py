"""A tiny detector and a source of random batches that is a pure function of (epoch, batch)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import numpy as np

from gluon_ssd.compat import mx
from gluon_ssd.detection.multibox_loss import multibox_loss
from gluon_ssd.models.interface import Loss
from gluon_ssd.training.devices import Devices
from gluon_ssd.training.learning_rate import Schedule
from gluon_ssd.training.loop import Learner, Step
from gluon_ssd.training.optimizer import Optimizer
from gluon_ssd.training.plan import Hooks, Job, Plan
from gluon_ssd.training.run_files import RunFiles
from gluon_ssd.training.team.team import Team
from gluon_ssd.training.weight_average import WeightAverage
from gluon_ssd.training.weight_watch import WeightWatch

NUM_CLASSES = 3
NUM_ANCHORS = 32  # 4 x 4 pixels, 2 shapes each


class TinyDetector(mx.gluon.HybridBlock):
    """Two strided convolutions and two heads: (B, 3, 16, 16) -> raw SSD outputs."""

    def __init__(self):
        super().__init__()
        self.features = mx.gluon.nn.HybridSequential()
        for channels in (4, 8):
            self.features.add(
                mx.gluon.nn.Conv2D(channels, 3, 2, 1, use_bias=False, in_channels=channels // 2)
                if channels > 4
                else mx.gluon.nn.Conv2D(channels, 3, 2, 1, use_bias=False, in_channels=3),
                mx.gluon.nn.BatchNorm(in_channels=channels),
                mx.gluon.nn.Activation("relu"),
            )
        self.classes = mx.gluon.nn.Conv2D(2 * (NUM_CLASSES + 1), 3, 1, 1, in_channels=8)
        self.boxes = mx.gluon.nn.Conv2D(2 * 4, 3, 1, 1, in_channels=8)
        self.anchors = self.params.get_constant("anchors", np.zeros((1, NUM_ANCHORS, 4), "float32"))

    def hybrid_forward(self, F, x, anchors):
        x = self.features(x)
        logits = self.classes(x).transpose((0, 2, 3, 1)).reshape((0, -1, NUM_CLASSES + 1))
        offsets = self.boxes(x).transpose((0, 2, 3, 1)).reshape((0, -1, 4))
        return logits, offsets, F.identity(anchors)


def make_network(contexts=None, seed=0):
    """Seeded weights, the same on every device."""
    network = TinyDetector()
    network.initialize(ctx=contexts or [mx.cpu()])
    rng = np.random.default_rng(seed)
    for name, parameter in sorted(network._collect_params_with_prefix().items()):
        if re.search("weight$", name):
            parameter.set_data(mx.nd.array(rng.normal(size=parameter.shape, scale=0.2)))
    network.hybridize(static_alloc=True, static_shape=True)
    return network


@dataclass
class Batch:
    arrays: dict
    indices: np.ndarray


@dataclass
class SyntheticBatches:
    """`hook(epoch, batch)` runs before a batch is handed out."""

    batch_size: int = 4
    counts: tuple = (3, 4, 3, 4)
    hook: object = None
    broken: tuple = ()

    def num_batches(self, epoch):
        return self.counts[epoch % len(self.counts)]

    def batches_before(self, epoch):
        return sum(map(self.num_batches, range(epoch)))

    def make(self, epoch, number):
        rng = np.random.default_rng((epoch, number))
        image = rng.normal(size=(self.batch_size, 3, 16, 16)).astype("float32")
        class_targets = np.zeros((self.batch_size, NUM_ANCHORS), "int32")
        class_targets[:, ::11] = rng.integers(1, NUM_CLASSES + 1, size=(self.batch_size, 3))
        box_targets = rng.normal(size=(self.batch_size, NUM_ANCHORS, 4)).astype("float32")
        box_targets *= class_targets[..., None] > 0
        if (epoch, number) in self.broken:
            box_targets[1, 0] = 1e9
        arrays = {"image": image, "class_targets": class_targets, "box_targets": box_targets}
        first = (10 * epoch + number) * self.batch_size
        return Batch(arrays, np.arange(first, first + self.batch_size))

    def epoch(self, epoch, start_batch=0):
        for number in range(start_batch, self.num_batches(epoch)):
            if self.hook is not None:
                self.hook(epoch, number)
            yield self.make(epoch, number)


@dataclass
class Score:
    lines: list
    score: float
    class_scores: dict = field(default_factory=dict)
    losses: dict = field(default_factory=dict)


def score_of(network):
    """A stand-in for mAP that depends on every weight."""
    total = sum(float(p.data().abs().mean().asscalar()) for p in weights_of(network).values())
    score = abs(np.sin(total))
    return Score([("disc", "nan"), ("mAP", str(score))], score)


def weights_of(network):
    return dict(sorted(network._collect_params_with_prefix().items()))


def arrays_of(network):
    return {name: p.data().asnumpy() for name, p in weights_of(network).items()}


def assert_same_weights(one, other):
    assert one.keys() == other.keys()
    for name in one:
        np.testing.assert_array_equal(one[name], other[name], err_msg=name)


def make_plan(prefix, **changes):
    values = {
        "epochs": 4,
        "schedule": Schedule(0.05, decay_epochs=(2, 3)),
        "log_interval": 2,
        "save_interval": 2,
        "checkpoint_interval_s": 0,
        "options": {"lr": 0.05, "batch_size": 4},
        "network": {"name": "tiny", "classes": ["a", "b", "c"]},
    }
    return Plan(str(prefix), **{**values, **changes})


def make_hooks(network, **changes):
    values = {
        "save_weights": network.save_parameters,
        "image_names": lambda indices: [f"{int(i):06d}.jpg" for i in indices],
        "evaluate": lambda: score_of(network),
        "load_weights": network.load_parameters,
    }
    return Hooks(**{**values, **changes})


class Second(Team):
    """A team as its second process sees it, which alone is really there."""

    rank, size = 1, 2


def make_job(prefix, *, seed=0, network=None, team=None, hooks=None, batches=None, **plan):
    """What `fit` makes of a plan for a tiny network."""
    network = network or make_network(seed=seed)
    optimizer = Optimizer(network, momentum=0.9, wd=0.0)
    watch, team = WeightWatch(network), team or Team()
    asked = make_hooks(network, **(hooks or {}))
    plan = make_plan(prefix, **plan)
    learner = Learner(
        network,
        Devices([mx.cpu()]),
        Loss(multibox_loss),
        optimizer,
        watch,
        team=team,
        average=WeightAverage(network, plan.average_decay) if plan.average_decay else None,
    )
    return Job(learner, batches or SyntheticBatches(), plan, asked, RunFiles(prefix))


def make_step(batch=0, losses=None, *, rate=0.05, num_images=4, notices=()):
    """A step whose loss is all in its last image."""
    losses = losses or {"CrossEntropy": 2.0, "SmoothL1": 1.0}
    indices = np.arange(num_images)
    image_losses = {name: np.where(indices == num_images - 1, v, 0) for name, v in losses.items()}
    return Step(batch, indices, rate, image_losses, 0.0, losses, num_images, np.array(notices))
