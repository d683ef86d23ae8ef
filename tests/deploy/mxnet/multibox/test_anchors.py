from __future__ import annotations

import numpy as np
import pytest

from gluon_ssd.compat import mx
from gluon_ssd.deploy.mxnet.graph import parse_graph
from gluon_ssd.deploy.mxnet.multibox.anchors import centre_form, fixed_anchors
from gluon_ssd.errors import ModelError

SHAPES = {"data": (1, 3, 8, 12)}
DATA = mx.sym.var("data")


def anchors_of(symbol, params=None):
    return fixed_anchors(parse_graph(symbol.tojson()).heads[0], params or {}, SHAPES, "m")


@pytest.mark.parametrize(
    "settings",
    [
        {"sizes": (0.2, 0.4), "ratios": (1, 2, 0.5)},
        {"sizes": (0.9,), "clip": True},
        {"sizes": (0.3,), "steps": (0.25, 0.2), "offsets": (0.1, 0.7)},
    ],
)
def test_anchors_are_those_of_the_operator(settings):
    found = anchors_of(mx.sym.contrib.MultiBoxPrior(mx.sym.relu(DATA), **settings))
    expected = mx.nd.contrib.MultiBoxPrior(mx.nd.zeros(SHAPES["data"]), **settings)
    np.testing.assert_array_equal(found, expected.asnumpy()[0])
    assert found.dtype == np.float32


def test_stored_anchors_are_taken_as_they_are():
    stored = np.arange(8, dtype=np.float32).reshape(1, 2, 4)
    np.testing.assert_array_equal(anchors_of(mx.sym.var("a"), {"a": stored}), stored[0])
    doubled = anchors_of(mx.sym.var("a") * 2, {"a": stored})
    np.testing.assert_array_equal(doubled, 2 * stored[0])


def test_anchors_of_the_images_are_refused():
    with pytest.raises(ModelError, match="the anchors of m depend on the images"):
        anchors_of(mx.sym.reshape(DATA, (1, -1, 4)))


@pytest.mark.parametrize("stored", [np.zeros((2, 4)), np.full((1, 2, 4), np.nan)])
def test_what_are_no_anchors_is_refused(stored):
    with pytest.raises(ModelError, match="needed are finite numbers"):
        anchors_of(mx.sym.var("a"), {"a": stored.astype(np.float32)})


def test_corners_become_centres_in_pixels():
    corners = np.array([[0.0, 0.25, 0.5, 0.75]], np.float32)
    np.testing.assert_array_equal(centre_form(corners, (100, 200)), [[50, 50, 100, 50]])
