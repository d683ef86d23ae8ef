"""Counted candidates against the scores of the network."""

from __future__ import annotations

import numpy as np
import pytest

from gluon_ssd.compat import mx
from gluon_ssd.deploy.mxnet.model import load_deployed
from tests.deploy.conftest import CLASSES, INPUT_HW, random_images


@pytest.mark.parametrize("fuse", [False, True])
def test_candidates_are_the_scores_above_the_threshold_up_to_topk(zoo_prefix, fuse):
    model = load_deployed(zoo_prefix, input_size_hw=INPUT_HW, fuse=fuse)
    images = random_images(3)
    # One image whose scores are all much alike, and two with clear background.
    images[0] = 0
    logits = load_deployed(zoo_prefix, input_size_hw=INPUT_HW).run_heads(images)[0]
    scores = mx.nd.softmax(logits.reshape((3, -1, len(CLASSES) + 1)), axis=-1).asnumpy()
    above = (scores[:, :, 1:] > 0.01).sum(axis=(1, 2))
    assert model.count_candidates(images) == pytest.approx(np.minimum(above, 400), abs=1)
    assert len(set(above)) > 1


def test_a_graph_without_suppression_does_not_tell(zoo_prefix):
    model = load_deployed(zoo_prefix, input_size_hw=INPUT_HW)
    model.graph.heads = model._halves.network.heads
    assert model.count_candidates(random_images(1)) is None
