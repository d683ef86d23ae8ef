"""First values of parameters, each by what it is.

GluonCV leaves the extra layers of its generic expander with uniform values in +-0.07 everywhere,
batch-norm variances included, half of which start negative; a global Xavier fails on the 1-D
scales. Here every value is drawn from a generator of its own, so that it depends on seed and name
only: not on devices, order or what was drawn before.
"""

from __future__ import annotations

import math
import warnings
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gluon_ssd.compat import mx

_ONES = ("gamma", "running_var", "moving_var")
_ZEROS = ("beta", "bias", "running_mean", "moving_mean")


@contextmanager
def quiet_symbol_blocks() -> Iterator[None]:
    """Hide the warning that every SymbolBlock with an untyped input gives; float32 is meant."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Cannot decide type for the following arguments")
        yield


def parameters_of(network: Any) -> dict[str, Any]:
    """Structural name -> Gluon parameter, for any network."""
    found: dict[str, Any] = network._collect_params_with_prefix()
    return found


def complete_shapes(network: Any) -> None:
    """Infer the shapes that depend on the channels of the layer before; computes nothing."""
    with quiet_symbol_blocks():
        network.infer_shape(mx.nd.zeros((1, 3, *network.input_size_hw)))


def initialize(network: Any, ctx: Any = None, seed: int = 0) -> None:
    """Give every parameter its first value.

    Args:
        network: shapes are completed here, so no forward pass is needed before or after.
        ctx: one device or a list of them; CPU by default.
        seed: with the parameter's name decides its values.
    """
    complete_shapes(network)
    for name, parameter in parameters_of(network).items():
        own = is_constant(parameter)
        values = None if own else network.first_value(name, parameter.shape, seed)
        assign(parameter, values, mx.cpu() if ctx is None else ctx)
    network.weights_from = f"random values, seed {seed}"


def is_constant(parameter: Any) -> bool:
    """Whether a Gluon parameter is a constant, which has values of its own."""
    return isinstance(parameter, mx.gluon.Constant)


def assign(parameter: Any, values: Any, ctx: Any = None) -> None:
    """Give a parameter its values, and its devices where it has none or `ctx` asks for others.

    On the devices that it has, values are written into its arrays, which others may hold.

    Args:
        parameter: a Gluon parameter of known shape.
        values: NumPy or MXNet array of that shape, any float type; None keeps a constant's own.
        ctx: device or devices; None keeps those it has, CPU for a new one.
    """
    devices = list(ctx) if isinstance(ctx, Sequence) else [ctx or mx.cpu()]
    is_there = parameter._data is not None and (ctx is None or parameter.list_ctx() == devices)
    if not is_there or (values is None and ctx is not None):
        init = None if is_constant(parameter) else mx.init.Zero()
        parameter.initialize(init=init, ctx=devices, force_reinit=True)
    if values is not None:
        parameter.set_data(mx.nd.array(values, dtype=parameter.dtype))


def convolution_value(
    name: str, shape: tuple[int, ...], seed: int, *, is_head: bool
) -> NDArray[np.float32]:
    """First value of a parameter of a convolution or batch norm.

    Convolutions: Gaussian Xavier by fan-out (by fan-in where depthwise), magnitude 2; heads:
    uniform Xavier by the average fan, magnitude 2; biases 0; batch norm gamma 1, beta 0, mean 0,
    variance 1.

    Args:
        name: structural name, e.g. "class_predictors.0.predictor.weight".
        shape: its full shape; of a convolution (out, in per group, height, width).
        seed: any integer >= 0.
        is_head: whether it belongs to a head.

    Returns:
        float32 of that shape.
    """
    # "features.0.weight" and "features.expand_conv0_weight" both end in "weight".
    if name.endswith(_ONES):
        return np.ones(shape, np.float32)
    if name.endswith(_ZEROS):
        return np.zeros(shape, np.float32)
    rng = np.random.default_rng([seed, zlib.crc32(name.encode())])
    area = math.prod(shape[2:])
    fan_out, fan_in = shape[0] * area, shape[1] * area
    if is_head:
        bound = math.sqrt(2 / ((fan_in + fan_out) / 2))
        return rng.uniform(-bound, bound, shape).astype(np.float32)
    is_depthwise = shape[1] == 1
    scale = math.sqrt(2 / (fan_in if is_depthwise else fan_out))
    return rng.standard_normal(shape, dtype=np.float32) * np.float32(scale)
