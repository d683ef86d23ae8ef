from __future__ import annotations

import numpy as np
import pytest

from gluon_ssd.compat import mx
from gluon_ssd.deploy.mxnet.files import Exported
from gluon_ssd.deploy.mxnet.graph import parse_graph
from gluon_ssd.deploy.mxnet.multibox.input_convention import input_convention
from gluon_ssd.detection.preprocessing import Preprocessing


def exported(name="model_algo_1", mean=None, deviation=60.0) -> Exported:
    """A network that begins with a batch norm of the images where a mean is given."""
    data = mx.sym.var("data")
    first = mx.sym.identity(data)
    if mean is not None:
        first = mx.sym.BatchNorm(first, name="bn_data", fix_gamma=True)
    behind = mx.sym.BatchNorm(mx.sym.relu(first), name="bn0")
    params = {
        "bn_data_moving_mean": np.array(mean or (0, 0, 0), np.float32),
        "bn_data_moving_var": np.full(3, deviation**2, np.float32),
    }
    return Exported(name, parse_graph(behind.tojson()), params, None)


@pytest.mark.parametrize(
    ("mean", "deviation", "kind"),
    [
        ((124, 117, 104), 60, "rgb_0_255"),
        ((0.7, -0.3, 2.0), 60, "rgb_minus_mean"),
        ((0.02, 0.1, 0.1), 1.1, "imagenet"),
    ],
)
def test_a_batch_norm_of_the_images_tells(mean, deviation, kind, caplog):
    found = input_convention(exported(mean=mean, deviation=deviation), None)
    assert found == Preprocessing(kind)
    (line,) = caplog.messages
    assert "its first batch norm has seen a mean of (" in line and str(found) in line


@pytest.mark.parametrize("mean", [None, (124, 50, 10)])
@pytest.mark.parametrize(
    ("name", "kind"),
    [("x/model_algo_1", "rgb_0_255"), ("deploy_ssd_vgg16_reduced_300", "rgb_minus_mean")],
)
def test_a_guess_is_called_one(name, kind, mean, caplog):
    assert input_convention(exported(name, mean), None).kind == kind
    (line,) = caplog.messages
    assert "which is a guess" in line
    assert "--preprocessing (imagenet, rgb_0_255, rgb_minus_mean); what scripts/export_ssd" in line


def test_what_is_told_counts(caplog):
    told = Preprocessing("rgb_minus_mean", (123.68, 116.779, 103.939))
    assert input_convention(exported(mean=(1.0, 0.5, -2.0)), told) is told
    (line,) = caplog.messages
    assert "RGB from 0 to 255 less (123.68, 116.779, 103.939), not divided, as you say" in line


def test_what_the_batch_norm_denies_is_warned_of(caplog):
    told = Preprocessing("imagenet")
    assert input_convention(exported(mean=(124, 117, 104)), told) is told
    assert "was trained on other images" in caplog.messages[1]
    assert "--preprocessing rgb_0_255 fits that" in caplog.messages[1]
