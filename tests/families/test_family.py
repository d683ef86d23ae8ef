from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from gluon_ssd.compat import mx
from gluon_ssd.families.build import family_of
from gluon_ssd.families.catalog import SPECS
from gluon_ssd.families.family import Family
from tests.families.builders import FP32_NAMES, THREE, built


def test_a_family_may_have_no_published_weights_and_does_not_change():
    family = Family(build=print, target_maker=print, loss=print)
    assert (family.load_base, family.int8_form) == (None, None)
    with pytest.raises(dataclasses.FrozenInstanceError, match="loss"):
        family.loss = max
    with pytest.raises(TypeError, match="target_maker"):
        Family(build=print, loss=print)


# One name of each network and size, with three classes of one's own.
CUSTOM = [name for name in FP32_NAMES if SPECS[name].dataset == "custom"]


@pytest.mark.parametrize("name", CUSTOM)
def test_targets_and_loss_of_a_family_fit_its_networks(name):
    network = built(name)
    family, spec, anchors = family_of(network), network.spec, network.anchors()
    make_targets = family.target_maker(spec, anchors)
    side = spec.input_size_hw[0]
    boxes = np.array([(0.1, 0.2, 0.7, 0.9), (0.4, 0.1, 0.5, 0.3)], np.float32) * np.float32(side)
    made = [
        make_targets(boxes, np.array([2, 0], np.int32)),
        make_targets(np.zeros((0, 4), np.float32), np.zeros(0, np.int32)),
    ]
    classes, offsets = (np.stack(each) for each in zip(*made, strict=True))
    assert (classes.dtype, classes.shape) == (np.int32, (2, len(anchors)))
    assert (offsets.dtype, offsets.shape) == (np.float32, (2, len(anchors), 4))
    assert set(np.unique(classes[0])) >= {0, 1, 3} and not classes[1].any()
    assert offsets[0][classes[0] > 0].any()
    generator = np.random.default_rng(5)
    columns = len(THREE) + spec.decoding.has_background
    predictions = [
        mx.nd.array(generator.normal(size=(2, len(anchors), width))) for width in (columns, 4)
    ]
    for prediction in predictions:
        prediction.attach_grad()
    targets = [mx.nd.array(classes), mx.nd.array(offsets)]
    with mx.autograd.record():
        divisor, facts = family.loss.divisor(classes), family.loss.facts(classes)
        parts = family.loss.parts(*predictions, *targets, divisor, **facts)
        total = sum(parts.values())
    total.backward()
    for part in parts.values():
        assert part.shape == (2,) and np.isfinite(part.asnumpy()).all()
        assert part.asnumpy()[0] > 0
    for prediction in predictions:
        assert np.isfinite(prediction.grad.asnumpy()).all() and prediction.grad[0].asnumpy().any()
