"""Values of batch norms that make no numbers."""

from __future__ import annotations

import numpy as np
import pytest

from gluon_ssd.compat import mx
from gluon_ssd.deploy.mxnet.graph import parse_graph
from gluon_ssd.deploy.mxnet.symbol_check.batch_norms import check_batch_norms
from gluon_ssd.errors import WeightsError

X, V = mx.sym.var("data"), mx.sym.var
NORM = {"gamma": V("gamma"), "beta": V("beta"), "moving_mean": V("mean"), "moving_var": V("var")}
ALONE = mx.sym.BatchNorm(X, **NORM, fix_gamma=False, name="norm")
FOLDED = mx.sym.BatchNorm(
    mx.sym.Convolution(X, V("w"), num_filter=2, kernel=(1, 1), no_bias=True),
    **NORM,
    fix_gamma=False,
    name="norm",
)
FIXED = mx.sym.BatchNorm(X, **NORM, fix_gamma=True, name="norm")
SOUND = {"w": 1.0, "gamma": 1.0, "beta": 0.0, "mean": 0.0, "var": 1.0}
SHAPES = {"w": (2, 3, 1, 1)}


def check(symbol, **values) -> None:
    params = {
        name: np.full(SHAPES.get(name, (2,)), value, np.float32)
        for name, value in {**SOUND, **values}.items()
    }
    check_batch_norms(parse_graph(symbol.tojson()), params, "m")


@pytest.mark.parametrize("symbol", [ALONE, FOLDED, FIXED])
def test_sound_values_pass_and_a_variance_of_0_is_one(symbol):
    check(symbol)
    check(symbol, var=0.0, gamma=-1e3)


def test_the_variance_that_mxnet_makes_of_a_constant_channel_passes():
    norm = mx.gluon.nn.BatchNorm(epsilon=1e-5, momentum=0.0)
    norm.initialize()
    with mx.autograd.record():
        loss = norm(mx.nd.zeros((4, 3, 8, 8)))
    loss.backward()
    (variance,) = set(norm.running_var.data().asnumpy().tolist())
    assert -1e-11 < variance < 0
    check(ALONE, var=variance)


@pytest.mark.parametrize("symbol", [ALONE, FOLDED, FIXED])
def test_a_variance_below_0_is_refused_by_its_name(symbol):
    with pytest.raises(WeightsError, match="^m: the variance is below 0 in var .-1e-06.") as error:
        check(symbol, var=-1e-6)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("symbol", "values"),
    [
        (ALONE, {"gamma": 3e38, "var": 0.0}),
        (ALONE, {"gamma": 3e30, "mean": 1e30}),
        (FOLDED, {"gamma": 3e38}),
        (FOLDED, {"w": 1e20, "gamma": 1e20}),
    ],
)
def test_a_scale_beyond_float32_is_refused(symbol, values):
    with pytest.raises(WeightsError, match="^m: weights are not finite after folding .* norm "):
        check(symbol, **values)


def test_a_gamma_that_is_not_used_may_be_any():
    check(FIXED, gamma=3e38)
