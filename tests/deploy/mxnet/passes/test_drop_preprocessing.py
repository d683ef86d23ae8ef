"""What GluonCV's export_block writes in front of a network, as GluonCV writes it."""

from __future__ import annotations

import numpy as np
import pytest
from gluoncv.utils import export_block

from gluon_ssd.compat import mx
from gluon_ssd.deploy.mxnet.files import read_exported
from gluon_ssd.deploy.mxnet.model import load_deployed
from gluon_ssd.deploy.mxnet.passes.drop_preprocessing import drop_preprocessing
from gluon_ssd.detection.normalization import IMAGENET_MEAN, IMAGENET_STD
from gluon_ssd.errors import ModelError
from tests.deploy.conftest import INPUT_HW, by_mxnet, make_network


@pytest.fixture(scope="module")
def prefix(tmp_path_factory):
    path = str(tmp_path_factory.mktemp("block") / "net")
    export_block(path, make_network(), data_shape=(*INPUT_HW, 3), preprocess=True, layout="HWC")
    return path


def test_pictures_go_in_as_prepared_images(prefix):
    pixels = np.random.default_rng(0).integers(0, 256, (2, *INPUT_HW, 3)).astype(np.float32)
    images = ((pixels / 255 - IMAGENET_MEAN) / IMAGENET_STD).transpose(0, 3, 1, 2)
    model = load_deployed(prefix, input_size_hw=INPUT_HW)
    found = model.run(np.ascontiguousarray(images, np.float32))
    expected = by_mxnet(prefix, pixels)
    assert (expected[0] >= 0).any()
    for own, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(own.asnumpy(), theirs, atol=2e-3)
    assert model.can_split


def test_other_numbers_are_refused(prefix):
    exported = read_exported(prefix)
    params = dict(exported.params)
    (mean,) = (name for name in params if name.endswith("init_mean"))
    params[mean] = params[mean] + 1
    with pytest.raises(ModelError, match="which are not ImageNet's mean and deviation: export it"):
        drop_preprocessing(exported.graph, params, "data", "m")


@pytest.mark.parametrize(
    "start",
    [
        lambda x: x,
        lambda x: mx.sym.broadcast_sub(x, mx.sym.var("m")),
        lambda x: mx.sym.broadcast_div(mx.sym.broadcast_sub(x, mx.sym.var("m")), mx.sym.var("s")),
    ],
)
def test_other_graphs_stay(start):
    from gluon_ssd.deploy.mxnet.graph import parse_graph

    graph = parse_graph(mx.sym.relu(start(mx.sym.var("data"))).tojson())
    count = len(graph.nodes())
    arrays = {name: np.ones(3, np.float32) for name in "ms"}
    assert not drop_preprocessing(graph, arrays, "data", "m")
    assert len(graph.nodes()) == count
