from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gluon_ssd.compat import mx
from gluon_ssd.detection.decoder import DetectionDecoder
from gluon_ssd.models.detector import Detector, DetectorWithOutputs
from gluon_ssd.models.first_weights import quiet_symbol_blocks
from tests.models.builders import small_network


@pytest.fixture(scope="module")
def network():
    return small_network()


def test_detections_are_decoded_raw_outputs(network):
    detector = Detector(network)
    detector.hybridize(static_alloc=True, static_shape=True)
    image = mx.nd.random.normal(shape=(2, 3, 300, 300))
    ids, scores, bboxes = detector(image)
    assert (ids.shape, scores.shape, bboxes.shape) == ((2, 100, 1), (2, 100, 1), (2, 100, 4))
    expected = DetectionDecoder(3)(*network(image))
    for found, wanted in zip((ids, scores, bboxes), expected, strict=True):
        np.testing.assert_array_equal(found.asnumpy(), wanted.asnumpy())
    assert (np.diff(scores.asnumpy()[:, :, 0], axis=1) <= 0).all()
    assert set(np.unique(ids.asnumpy())) <= {0, 1, 2}


def test_outputs_beside_the_detections_are_those_of_the_network(network):
    plain, both = Detector(network), DetectorWithOutputs(network)
    image = mx.nd.random.normal(shape=(2, 3, 300, 300))
    for detector in (plain, both):
        detector.hybridize(static_alloc=True, static_shape=True)
    expected = (*plain(image), *network(image)[:2])
    for found, wanted in zip(both(image), expected, strict=True):
        np.testing.assert_array_equal(found.asnumpy(), wanted.asnumpy())


@pytest.mark.parametrize(
    ("changes", "rows"),
    [({"post_nms": 7}, 7), ({"nms_thresh": 0.0}, 2268 * 3)],
    ids=["fewer rows", "no suppression"],
)
def test_decoding_may_differ_from_that_of_the_spec(network, changes, rows):
    detector = Detector(network, replace(network.spec.decoding, **changes))
    assert detector(mx.nd.random.normal(shape=(1, 3, 300, 300)))[0].shape == (1, rows, 1)


def test_input_sizes_may_change_even_to_fewer_candidates_than_topk(network):
    detector = Detector(network)
    detector.hybridize()
    plain = Detector(network)
    for size in (300, 64, 96, 64, 300):
        image = mx.nd.random.normal(shape=(1, 3, size, size))
        for found, wanted in zip(detector(image), plain(image), strict=True):
            np.testing.assert_array_equal(found.asnumpy(), wanted.asnumpy())
    assert network.num_anchors((64, 64)) * 3 < 400


def test_export_computes_the_same(network, tmp_path):
    detector = Detector(network)
    detector.hybridize()
    image = mx.nd.random.normal(shape=(1, 3, 300, 300))
    expected = detector(image)
    detector.export(str(tmp_path / "net"))
    with quiet_symbol_blocks():
        block = mx.gluon.SymbolBlock.imports(
            str(tmp_path / "net-symbol.json"), ["data"], str(tmp_path / "net-0000.params")
        )
    for found, wanted in zip(block(image), expected, strict=True):
        np.testing.assert_array_equal(found.asnumpy(), wanted.asnumpy())
