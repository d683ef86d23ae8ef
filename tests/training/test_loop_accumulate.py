"""N batches of B images that make one step do what one batch of N B images does."""

from __future__ import annotations

import numpy as np
import pytest

from gluon_ssd.compat import mx
from gluon_ssd.detection.multibox_loss import multibox_loss
from gluon_ssd.models.interface import Loss
from gluon_ssd.training.devices import Devices
from gluon_ssd.training.fit import fit
from tests.training.builders import arrays_of, make_hooks, make_plan
from tests.training.team_parts import Pieces, assert_close_weights, make_plain, train_plain


@pytest.mark.parametrize("clip", [None, 0.05], ids=["whole", "clipped"])
@pytest.mark.parametrize("parts", [2, 4])
def test_accumulated_steps_equal_steps_of_the_whole_batch(parts, clip):
    expected, expected_losses = train_plain(clip=clip)
    found, losses = train_plain(parts=parts, clip=clip)
    assert_close_weights(found, expected)
    np.testing.assert_allclose(losses, expected_losses, rtol=1e-5)


def test_the_comparison_sees_a_normaliser_of_each_part(monkeypatch):
    """The same with every part divided by its own positives, as if nobody counted them all."""
    original = Devices.forward_backward
    monkeypatch.setattr(
        Devices,
        "forward_backward",
        lambda self, network, loss, arrays, *_: original(self, network, loss, arrays),
    )
    expected, _ = train_plain()
    found, _ = train_plain(parts=2)
    with pytest.raises(AssertionError):
        assert_close_weights(found, expected)


def test_a_run_counts_steps_and_not_their_parts(tmp_path):
    weights = []
    for parts in (1, 2):
        network = make_plain()
        prefix = tmp_path / str(parts)
        plan = make_plan(prefix, epochs=2, accumulate=parts)
        batches = Pieces(parts=parts, counts=(2, 3))
        fit(
            network,
            batches,
            contexts=[mx.cpu()],
            plan=plan,
            loss=Loss(multibox_loss),
            hooks=make_hooks(network, evaluate=None),
        )
        weights.append(arrays_of(network))
    assert_close_weights(weights[1], weights[0])
    logs = [(tmp_path / f"{parts}_train.log").read_text() for parts in (1, 2)]
    assert [log.count("[Batch 1]") for log in logs] == [2, 2]
