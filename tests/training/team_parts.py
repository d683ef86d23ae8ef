"""What a process of a team trains on in the tests, and the training itself.

The network has no batch norm: its statistics are those of the images of one process, so that with
it several processes cannot do exactly what one does with all of the images.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gluon_ssd.compat import mx
from gluon_ssd.detection.multibox_loss import multibox_loss
from gluon_ssd.models.interface import Loss
from gluon_ssd.training.devices import Devices
from gluon_ssd.training.loop import Learner, train_one_epoch
from gluon_ssd.training.optimizer import Optimizer
from gluon_ssd.training.team.team import Team
from gluon_ssd.training.weight_watch import WeightWatch
from tests.training.builders import NUM_ANCHORS, NUM_CLASSES, Batch, arrays_of

GLOBAL_BATCH = 8
STEPS = 3


class PlainDetector(mx.gluon.HybridBlock):
    """(B, 3, 16, 16) -> raw SSD outputs, without batch statistics."""

    def __init__(self):
        super().__init__()
        self.features = mx.gluon.nn.HybridSequential()
        self.features.add(
            mx.gluon.nn.Conv2D(6, 3, 4, 1, in_channels=3), mx.gluon.nn.Activation("relu")
        )
        self.classes = mx.gluon.nn.Conv2D(2 * (NUM_CLASSES + 1), 3, 1, 1, in_channels=6)
        self.boxes = mx.gluon.nn.Conv2D(2 * 4, 3, 1, 1, in_channels=6)

    def hybrid_forward(self, F, x):
        x = self.features(x)
        logits = self.classes(x).transpose((0, 2, 3, 1)).reshape((0, -1, NUM_CLASSES + 1))
        return logits, self.boxes(x).transpose((0, 2, 3, 1)).reshape((0, -1, 4)), x


def make_plain(seed=0):
    """Seeded weights."""
    network = PlainDetector()
    network.initialize()
    rng = np.random.default_rng(seed)
    for _, parameter in sorted(network._collect_params_with_prefix().items()):
        parameter.set_data(mx.nd.array(rng.normal(size=parameter.shape, scale=0.2)))
    network.hybridize(static_alloc=True, static_shape=True)
    return network


def global_arrays(number, *, batch_size=GLOBAL_BATCH):
    """A batch whose first images have most of the positives, so that the normaliser matters."""
    rng = np.random.default_rng(number)
    class_targets = np.zeros((batch_size, NUM_ANCHORS), "int32")
    for image in range(batch_size):
        count = 9 if image < batch_size // 2 else image % 2
        class_targets[image, :count] = rng.integers(1, NUM_CLASSES + 1, size=count)
    box_targets = rng.normal(size=(batch_size, NUM_ANCHORS, 4)).astype("float32")
    return {
        "image": rng.normal(size=(batch_size, 3, 16, 16)).astype("float32"),
        "class_targets": class_targets,
        "box_targets": box_targets * (class_targets[..., None] > 0),
    }


@dataclass
class Pieces:
    """The batches of one process, each in `parts` pieces."""

    rank: int = 0
    world: int = 1
    parts: int = 1
    counts: tuple = (STEPS,)

    def num_batches(self, epoch):
        return self.counts[epoch]

    def batches_before(self, epoch):
        return sum(self.counts[:epoch])

    def epoch(self, epoch, start_batch=0):
        for number in range(start_batch, self.counts[epoch]):
            arrays = global_arrays(100 * epoch + number)
            for part in range(self.parts):
                piece = part * self.world + self.rank
                size = GLOBAL_BATCH // (self.world * self.parts)
                rows = slice(piece * size, (piece + 1) * size)
                own = {name: array[rows] for name, array in arrays.items()}
                yield Batch(own, np.arange(rows.start, rows.stop))


def train_plain(team=None, *, parts=1, clip=None, network=None, rule="sgd", rate=0.5):
    """Three steps with momentum and decay; returns the weights and the losses of each step."""
    team, network = team or Team(), network or make_plain()
    optimizer = Optimizer(
        network,
        momentum=0.9,
        wd=0.01,
        rule=rule,
        clip_gradient_norm=clip,
        accumulates=parts > 1,
        team=team,
    )
    learner = Learner(
        network,
        Devices([mx.cpu()]),
        Loss(multibox_loss),
        optimizer,
        WeightWatch(network),
        parts,
        team,
    )
    steps = []
    train_one_epoch(
        learner,
        Pieces(team.rank, team.size, parts).epoch(0),
        epoch=0,
        rate=lambda _: rate,
        on_step=steps.append,
        image_names=lambda indices: [str(index) for index in indices],
    )
    assert len(steps) == STEPS
    losses = np.array([list(step.losses.values()) for step in steps])
    return arrays_of(network), losses


def assert_close_weights(found, expected, *, tolerance=2e-5):
    """Same names, values equal but for the order of float32 sums."""
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        np.testing.assert_allclose(
            found[name], array, rtol=tolerance, atol=tolerance / 10, err_msg=name
        )
