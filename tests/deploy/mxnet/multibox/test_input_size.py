from __future__ import annotations

import pytest

from gluon_ssd.compat import mx
from gluon_ssd.deploy.mxnet.files import Exported
from gluon_ssd.deploy.mxnet.graph import parse_graph
from gluon_ssd.deploy.mxnet.multibox.input_size import input_size_of
from gluon_ssd.errors import ModelError


def exported(name: str, **settings) -> Exported:
    features = mx.sym.Pooling(mx.sym.var("data"), kernel=(8, 8), stride=(8, 8), pool_type="max")
    anchors = mx.sym.contrib.MultiBoxPrior(features, sizes=(0.1,), **settings)
    return Exported(name, parse_graph(anchors.tojson()), {}, None)


SPACED = {"steps": (8 / 300, 8 / 300)}


def test_the_steps_of_the_anchors_tell():
    assert input_size_of(exported("folder/model_algo_1", **SPACED), None) == (300, 300)


def test_the_name_tells_with_a_warning(caplog):
    assert input_size_of(exported("x/deploy_ssd_resnet50_512"), None) == (512, 512)
    assert "its name says 512 px" in caplog.text


def test_what_is_asked_for_counts_and_a_difference_is_told(caplog):
    assert input_size_of(exported("ssd_512"), (300, 200)) == (300, 200)
    assert input_size_of(exported("m", **SPACED), (300, 300)) == (300, 300)
    assert not caplog.text
    assert input_size_of(exported("m", **SPACED), (512, 512)) == (512, 512)
    assert "are spaced for images of 300 px; at 512 x 512" in caplog.text


@pytest.mark.parametrize("name", ["model_algo_1", "ssd_resnet50_7", "ssd_99999"])
def test_nothing_that_tells_is_an_error(name):
    with pytest.raises(ModelError, match="does not tell its input size") as caught:
        input_size_of(exported(name), None)
    assert caught.value.settings == ("data_shape",)
