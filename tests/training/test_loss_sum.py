"""The loss over a data set is that of one batch that holds all of it."""

from __future__ import annotations

import numpy as np
import pytest

from gluon_ssd.compat import mx
from gluon_ssd.detection.multibox_loss import multibox_loss
from gluon_ssd.models.interface import Loss, count_images
from gluon_ssd.training.loss_sum import LossSum
from gluon_ssd.training.team.team import Team
from tests.training.builders import NUM_CLASSES, Batch, SyntheticBatches

LOSS = Loss(multibox_loss)
WHOLE = SyntheticBatches(batch_size=6).make(0, 0)


def outputs(count):
    rng = np.random.default_rng(5)
    logits = rng.normal(size=(6, WHOLE.arrays["class_targets"].shape[1], NUM_CLASSES + 1))
    offsets = rng.normal(size=WHOLE.arrays["box_targets"].shape)
    return [mx.nd.array(each[count]) for each in (logits, offsets)]


def part(rows, indices=None):
    arrays = {name: array[rows] for name, array in WHOLE.arrays.items()}
    return Batch(arrays, WHOLE.indices[rows] if indices is None else np.array(indices))


def summed(*batches, loss=LOSS, team=None):
    """Means of batches that are (rows, indices) of the whole."""
    losses = LossSum(loss, mx.cpu())
    waiting = losses.watch([part(rows, indices) for rows, indices in batches])
    for (rows, _), _batch in zip(batches, waiting, strict=True):
        losses.add(*outputs(rows))
    return losses.means(team or Team())


def test_batches_of_any_size_give_the_loss_of_the_whole():
    class_targets = mx.nd.array(WHOLE.arrays["class_targets"], dtype="float32")
    positives = LOSS.divisor(WHOLE.arrays["class_targets"])
    parts = multibox_loss(
        *outputs(slice(None)), class_targets, mx.nd.array(WHOLE.arrays["box_targets"]), positives
    )
    whole = {name: float(value.sum().asscalar()) for name, value in parts.items()}
    assert whole["CrossEntropy"] > 0 < whole["SmoothL1"]
    for cuts in ([slice(0, 6)], [slice(0, 4), slice(4, 6)], [slice(n, n + 1) for n in range(6)]):
        assert summed(*((rows, None) for rows in cuts)) == pytest.approx(whole, rel=1e-5)


@pytest.mark.parametrize("divisor", [LOSS.divisor, count_images], ids=["positives", "images"])
def test_images_that_were_left_out_do_not_count(divisor):
    loss = Loss(multibox_loss, divisor)
    without = summed((slice(0, 4), None), loss=loss)
    indices = [0, 1, 2, 3, ~4, ~5]
    assert summed((slice(0, 6), indices), loss=loss) == pytest.approx(without, rel=1e-5)


def test_a_team_adds_up_and_a_process_without_images_takes_part():
    class Pair(Team):
        size = 2

        def gather(self, rows):
            seen.append(rows)
            return np.concatenate([rows, [2.0, 6.0, 8.0]])

    seen: list[np.ndarray] = []
    alone = LossSum(LOSS, mx.cpu())
    assert alone.means(Pair()) == {} and seen[0].shape == (0,)
    found = summed((slice(0, 6), None), team=Pair())
    divisor, entropy, smooth = seen[1]
    assert found == {
        "CrossEntropy": pytest.approx((entropy + 6) / (divisor + 2)),
        "SmoothL1": pytest.approx((smooth + 8) / (divisor + 2)),
    }


def test_sums_begin_anew_after_each_data_set():
    losses = LossSum(LOSS, mx.cpu())
    found = []
    for _ in range(2):
        for _batch in losses.watch([part(slice(0, 6))]):
            losses.add(*outputs(slice(0, 6)))
        found.append(losses.means(Team()))
    assert found[0] == found[1] and losses.means(Team()) == {}
