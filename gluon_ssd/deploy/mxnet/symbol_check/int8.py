"""Quantised operators, and oneDNN's fused ones, whose subgraph says what they compute."""

from __future__ import annotations

from gluon_ssd.deploy.mxnet.symbol_check.kinds import Word
from gluon_ssd.deploy.mxnet.symbol_check.layers import (
    ACTIVATION,
    BATCH_NORM,
    CONVOLUTION,
    FULLY_CONNECTED,
    POOLING,
    convolution_rule,
    pooling_rule,
    with_bias,
)
from gluon_ssd.deploy.mxnet.symbol_check.operator import (
    Attributes,
    Operator,
    Values,
    axis,
    flag,
    number_or_none,
    parts,
)

FUSED_CONVOLUTION = "_sg_mkldnn_conv"
FUSED_FULLY_CONNECTED = "_sg_mkldnn_fully_connected"
# An array of 8-bit integers comes with the least and the largest value that it stands for.
_ARRAY = 3

_ranges: Attributes = {"min_calib_range": number_or_none, "max_calib_range": number_or_none}
_integers = Word(("int8", "uint8"))
_integers_or_auto = Word(("auto", "int8", "uint8"))


def _with_ranges(values: Values) -> int:
    return _ARRAY * with_bias(values)


def _ranges_rule(values: Values) -> str | None:
    low, high = values.get("min_calib_range"), values.get("max_calib_range")
    if (low is None) != (high is None):
        return "min_calib_range and max_calib_range must be given both or neither"
    if low is not None and high is not None and low > high:
        return f"max_calib_range must not be less than min_calib_range {low:g}, got {high:g}"
    return None


def _fused_outputs(values: Values) -> int:
    quantised = values.get("quantized") and not values.get("enable_float_output")
    return _ARRAY if quantised else 1


INT8: dict[str, Operator] = {
    "_contrib_quantize": Operator(3, {"out_type": _integers}, _ARRAY),
    "_contrib_quantize_v2": Operator(
        1, {"out_type": _integers_or_auto, **_ranges}, _ARRAY, _ranges_rule
    ),
    "_contrib_requantize": Operator(
        3, {"out_type": _integers_or_auto, **_ranges}, _ARRAY, _ranges_rule
    ),
    "_contrib_dequantize": Operator(3, {"out_type": Word(("float32",))}),
    "_contrib_quantized_conv": Operator(_with_ranges, CONVOLUTION, _ARRAY, convolution_rule),
    "_contrib_quantized_fully_connected": Operator(_with_ranges, FULLY_CONNECTED, _ARRAY),
    "_contrib_quantized_pooling": Operator(3, POOLING, _ARRAY, pooling_rule),
    "_contrib_quantized_act": Operator(3, ACTIVATION, _ARRAY),
    "_contrib_quantized_flatten": Operator(3, outputs=_ARRAY),
    "_contrib_quantized_concat": Operator(
        lambda values: _ARRAY * values.get("num_args", 1), {"num_args": parts, "dim": axis}, _ARRAY
    ),
    "_contrib_quantized_elemwise_add": Operator(6, _ranges, _ARRAY, _ranges_rule),
    "_contrib_quantized_batch_norm": Operator(7, BATCH_NORM, _ARRAY, _ranges_rule),
    FUSED_CONVOLUTION: Operator(
        0,  # as many as its subgraph has, see `fused`
        {
            "quantized": flag,
            **dict.fromkeys(("with_bn", "with_act", "with_sum", "with_postsum_act"), flag),
            # As MXNet before 1.6 called them.
            **dict.fromkeys(("with_relu", "with_postsum_relu"), flag),
            **_ranges,
        },
        _fused_outputs,
        _ranges_rule,
        fused=True,
    ),
    FUSED_FULLY_CONNECTED: Operator(
        0,
        {
            "quantized": flag,
            "enable_float_output": flag,
            "channel_wise_quantize": flag,
            **dict.fromkeys(("with_eltwise", "with_relu"), flag),
            **_ranges,
        },
        _fused_outputs,
        _ranges_rule,
        fused=True,
    ),
}
