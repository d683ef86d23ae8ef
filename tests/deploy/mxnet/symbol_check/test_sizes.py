"""Sizes that the attributes of a graph imply, for one image."""

from __future__ import annotations

import math

import pytest

from gluon_ssd.compat import mx
from gluon_ssd.deploy.mxnet.graph import Graph, parse_graph
from gluon_ssd.deploy.mxnet.symbol_check.sizes import checked_shapes
from gluon_ssd.errors import ModelError
from gluon_ssd.families.build import build_network
from gluon_ssd.models.detector import Detector

X = mx.sym.var("data")
IMAGE = {"data": (1, 3, 32, 32)}


def graph_of(symbol) -> Graph:
    return parse_graph(symbol.tojson())


def test_shapes_of_the_heads_come_back():
    split = mx.sym.split(X, num_outputs=3)
    graph = graph_of(mx.sym.Group([split[2], X, mx.sym.Flatten(split[0])]))
    shapes = checked_shapes(graph, {}, IMAGE, "m")
    assert shapes == [(1, 1, 32, 32), (1, 3, 32, 32), (1, 1024)]


def doubled(times: int):
    """Joined with itself again and again."""
    symbol = X
    for _ in range(times):
        symbol = mx.sym.concat(symbol, symbol, dim=1)
    return symbol


WIDE = mx.sym.tile(X, reps=(1, 4096))
FLAT = mx.sym.reshape(WIDE, (1, -1))
TOO_LARGE = {
    "one array": mx.sym.tile(X, reps=(1, 4096, 32, 1)),
    "all arrays": mx.sym.Group([mx.sym.tile(X, reps=(1, 500, 16, 2)) for _ in range(50)]),
    "joined": doubled(40),
    "beyond 32 bits": mx.sym.tile(FLAT, (1, 4096)),
    "repeated": mx.sym.repeat(WIDE, repeats=4096),
    "upsampled": mx.sym.UpSampling(
        mx.sym.reshape(WIDE, (1, 1, 1, -1)), scale=1024, sample_type="nearest", num_args=1
    ),
    "counted": mx.sym.contrib.arange_like(WIDE, repeat=4096),
    "anchors": mx.sym.contrib.MultiBoxPrior(mx.sym.tile(X, reps=(1, 1, 64, 64)), sizes=(0.1,) * 64),
}


@pytest.mark.parametrize("name", TOO_LARGE)
def test_what_no_detector_needs_is_refused_in_one_line(name):
    with pytest.raises(ModelError, match="^m needs too much memory: ") as error:
        checked_shapes(graph_of(TOO_LARGE[name]), {}, IMAGE, "m")
    assert "\n" not in str(error.value)


def test_a_size_that_does_not_follow_from_the_image_is_refused():
    graph = graph_of(mx.sym.Group([X, mx.sym.zeros((0, 3), name="nothing")]))
    with pytest.raises(ModelError, match="the size of nothing ._zeros. does not follow"):
        checked_shapes(graph, {}, IMAGE, "m")


@pytest.mark.parametrize("shape", [(0,), (3,), (1, 3072, 2), (-1, 5), (1, 3072), (1, 3, -4, 4, -1)])
def test_reshaping_keeps_every_number_for_any_batch(shape):
    """MXNet copies as many as there were into what it has made for the new shape."""
    graph = graph_of(mx.sym.reshape(X, shape, name="other"))
    with pytest.raises((ModelError, mx.MXNetError), match="number of elements|Check failed"):
        checked_shapes(graph, {}, IMAGE, "m")
    for sound in ((0, -1), (-1, 3), (0, 3, -1), (-3, 0, 0), (0, 0, -4, 4, -1, 0)):
        checked_shapes(graph_of(mx.sym.reshape(X, sound)), {}, IMAGE, "m")


def test_shapes_that_do_not_fit_are_mxnet_s_to_tell():
    graph = graph_of(mx.sym.concat(X, mx.sym.Flatten(X), dim=1))
    with pytest.raises(mx.MXNetError):
        checked_shapes(graph, {}, IMAGE, "m")


@pytest.mark.parametrize(
    "name",
    ["ssd_512_vgg16_atrous_coco", "ssd_512_resnet152_v2_voc", "retinanet_resnext50_32x4d_coco"],
)
def test_networks_of_the_catalog_stay_far_below_the_limits(name):
    network = build_network(name)
    symbol = mx.sym.Group(list(Detector(network, network.spec.decoding)(X)))
    shape = (1, 3, *network.input_size_hw)
    inner = symbol.get_internals()
    found = zip(inner.list_outputs(), inner.infer_shape_partial(data=shape)[1], strict=True)
    # A test of mixed precision in the same process has every sum cast its terms from then on.
    elements = [math.prod(each) / math.prod(shape) for name, each in found if "amp_" not in name]
    assert max(elements) <= 22 and sum(elements) <= 600
