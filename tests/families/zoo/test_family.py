from __future__ import annotations

from dataclasses import replace

import numpy as np

from gluon_ssd.detection.decoding import Decoding
from gluon_ssd.detection.multibox_loss import multibox_loss
from gluon_ssd.families.zoo.family import ZOO
from gluon_ssd.families.zoo.imagenet_weights import load_base
from gluon_ssd.families.zoo.network import SsdNetwork, int8_form
from gluon_ssd.families.zoo.spec import SPECS

TINY = next(spec for spec in SPECS if spec.name == "ssd_160_tiny_custom")
ANCHORS = np.array([[10, 10, 8, 8], [40, 40, 8, 8]], np.float32)


def test_targets_are_coded_with_the_deviations_of_the_spec():
    # 2 px to the right and twice as high as the first anchor; label 1 becomes class 2.
    box, label = np.array([[8, 2, 16, 18]], np.float32), np.array([1])
    expected = np.array([0.25, 0, 0, np.log(2)])
    for stds in ((0.1, 0.1, 0.2, 0.2), (1.0, 1.0, 1.0, 1.0)):
        maker = ZOO.target_maker(replace(TINY, decoding=Decoding(stds=stds)), ANCHORS)
        classes, boxes = maker(box, label)
        assert classes.tolist() == [2, 0]
        np.testing.assert_allclose(boxes[0], expected / stds, rtol=1e-5, atol=1e-6)
        assert boxes[1].tolist() == [0, 0, 0, 0]


def test_the_parts_are_those_of_the_zoo():
    network = ZOO.build(TINY, ("ant",))
    assert isinstance(network, SsdNetwork) and network.classes == ("ant",)
    assert (ZOO.loss.parts, ZOO.load_base, ZOO.int8_form) == (multibox_loss, load_base, int8_form)
