"""Operators on arrays: arithmetic, reductions, shapes, picking and sorting."""

from __future__ import annotations

import math

from gluon_ssd.deploy.mxnet.symbol_check.kinds import Integer, Number, Tuple, Word
from gluon_ssd.deploy.mxnet.symbol_check.operator import (
    LARGEST,
    MOST_PIXELS,
    Attributes,
    Operator,
    Values,
    axes,
    axes_or_none,
    axis,
    axis_or_none,
    context,
    dtype,
    dtype_or_none,
    flag,
    given,
    index,
    index_or_none,
    number,
    number_or_none,
    parts,
    product,
    shape,
)

_ONE_ARRAY = """
    abs cbrt ceil erf exp expm1 fix floor gamma gammaln log log10 log1p log2 logical_not negative
    rcbrt reciprocal relu rint round rsqrt sigmoid sign softsign sqrt square trunc
    sin cos tan tanh sinh cosh arcsin arccos arctan arcsinh arccosh arctanh degrees radians
    _copy BlockGrad Flatten zeros_like ones_like shape_array size_array _contrib_div_sqrt_dim
""".split()
_TWO_ARRAYS = """
    elemwise_add elemwise_sub elemwise_mul elemwise_div
    _maximum _minimum _power _mod _hypot _equal _not_equal _greater _greater_equal _lesser
    _lesser_equal _logical_and _logical_or _logical_xor
    broadcast_add broadcast_sub broadcast_mul broadcast_div broadcast_mod broadcast_power
    broadcast_maximum broadcast_minimum broadcast_hypot broadcast_equal broadcast_not_equal
    broadcast_greater broadcast_greater_equal broadcast_lesser broadcast_lesser_equal
    broadcast_logical_and broadcast_logical_or broadcast_logical_xor
    _identity_with_attr_like_rhs
""".split()
_SCALARS = """
    plus minus rminus mul rdiv rmod power rpower maximum minimum hypot equal not_equal greater
    greater_equal lesser lesser_equal logical_and logical_or logical_xor
""".split()
_REDUCTIONS = "sum mean prod nansum nanprod max min".split()
_NOT_ZERO_SCALARS = ("div", "mod")


def _not_zero(values: Values) -> str | None:
    return None if values.get("scalar", 1) else "scalar must not be 0"


def _reshape_rule(values: Values) -> str | None:
    """What -4 splits a dimension into must be there, and not be 0."""
    wanted = list(values.get("shape") or ())
    while wanted:
        if wanted.pop(0) != -4:
            continue
        split, wanted = wanted[:2], wanted[2:]
        if len(split) < 2 or any(part < -1 or part == 0 for part in split) or max(split) < 0:
            return f"shape must name two parts of at least 1 behind -4, got {values['shape']}"
    return None


def _arange_rule(values: Values) -> str | None:
    start, stop = values.get("start", 0.0), values.get("stop")
    step, repeat = values.get("step", 1.0), values.get("repeat", 1)
    if not step:
        return "step must not be 0"
    if stop is None:
        start, stop = 0.0, start
    length = math.ceil(abs((stop - start) / step)) * repeat
    return None if length <= LARGEST else f"it has {length} elements, allowed are {LARGEST}"


def _shape_rule(values: Values) -> str | None:
    elements = product(values.get("shape") or ())
    return None if elements <= LARGEST else f"it has {elements} elements, allowed are {LARGEST}"


def _broadcast_like_rule(values: Values) -> str | None:
    left, right = values.get("lhs_axes"), values.get("rhs_axes")
    if (left is None) != (right is None) or (left is not None and len(left) != len(right or ())):
        return "lhs_axes and rhs_axes must be of one length"
    return None


def _pad_rule(values: Values) -> str | None:
    return "pad_width must have two numbers for each axis" if len(values["pad_width"]) % 2 else None


def _slice_rule(values: Values) -> str | None:
    if 0 in (values.get("step") or ()):
        return "step must not be 0"
    same = len(values["begin"]) == len(values["end"])
    return None if same else "begin and end must be of one length"


def _split_rule(values: Values) -> str | None:
    if values.get("sections") or values.get("indices"):
        return None
    return "indices or sections must say where to split"


def _split_outputs(values: Values) -> int:
    return int(values.get("sections", 0)) or len(values.get("indices", ()))


def _topk_outputs(values: Values) -> int:
    return 2 if values.get("ret_typ") == "both" else 1


_scalar: Attributes = {"scalar": number, "is_int": flag}
_reduction: Attributes = {"axis": axes_or_none, "keepdims": flag, "exclude": flag}
_softmax: Attributes = {
    "axis": axis,
    "temperature": Number(1e-6, 1e6, none=True),
    "dtype": dtype_or_none,
    # A length beyond the axis would be believed: MXNet writes behind the array.
    "use_length": Word(("False", "false", "0", "None")),
}
_filled: Attributes = {"shape": shape, "ctx": context, "dtype": dtype}
_slice_ends = Tuple(index_or_none)

ARRAYS: dict[str, Operator] = {
    **{name: Operator() for name in _ONE_ARRAY},
    **{name: Operator(2) for name in _TWO_ARRAYS},
    **{f"_{name}_scalar": Operator(1, _scalar) for name in _SCALARS},
    **{f"_{name}_scalar": Operator(1, _scalar, rule=_not_zero) for name in _NOT_ZERO_SCALARS},
    **{name: Operator(1, _reduction) for name in _REDUCTIONS},
    "norm": Operator(
        1,
        {"ord": Integer(1, 2), "axis": axes_or_none, "out_dtype": dtype_or_none, "keepdims": flag},
    ),
    "_np_cumsum": Operator(1, {"axis": axis_or_none, "dtype": dtype_or_none}),
    "argmax": Operator(1, {"axis": axis_or_none, "keepdims": flag}),
    "argmin": Operator(1, {"axis": axis_or_none, "keepdims": flag}),
    "argmax_channel": Operator(),
    "sort": Operator(1, {"axis": axis_or_none, "is_ascend": flag}),
    "argsort": Operator(1, {"axis": axis_or_none, "is_ascend": flag, "dtype": dtype}),
    "topk": Operator(
        1,
        {
            "axis": axis_or_none,
            "k": Integer(-1, LARGEST),
            "ret_typ": Word(("both", "indices", "mask", "value")),
            "is_ascend": flag,
            "dtype": dtype,
        },
        _topk_outputs,
    ),
    "softmax": Operator(1, _softmax),
    "log_softmax": Operator(1, _softmax),
    "hard_sigmoid": Operator(1, {"alpha": number, "beta": number}),
    "clip": Operator(1, {"a_min": number, "a_max": number}),
    "where": Operator(3),
    "add_n": Operator(given("num_args"), {"num_args": parts}),
    "dot": Operator(2, {"transpose_a": flag, "transpose_b": flag}),
    "batch_dot": Operator(2, {"transpose_a": flag, "transpose_b": flag}),
    "Cast": Operator(1, {"dtype": dtype}),
    "amp_cast": Operator(1, {"dtype": dtype}),
    "amp_multicast": Operator(
        given("num_outputs"), {"num_outputs": parts, "cast_narrow": flag}, given("num_outputs")
    ),
    "Reshape": Operator(
        1,
        {
            "shape": Tuple(Integer(-4, LARGEST), most=16),
            "reverse": flag,
            "target_shape": shape,
            "keep_highest": flag,
        },
        rule=_reshape_rule,
    ),
    "reshape_like": Operator(
        2, dict.fromkeys(("lhs_begin", "lhs_end", "rhs_begin", "rhs_end"), axis_or_none)
    ),
    "expand_dims": Operator(1, {"axis": axis}),
    "squeeze": Operator(1, {"axis": axes_or_none}),
    "transpose": Operator(1, {"axes": axes}),
    "SwapAxis": Operator(1, {"dim1": Integer(0, 8), "dim2": Integer(0, 8)}),
    "Concat": Operator(given("num_args"), {"num_args": parts, "dim": axis}),
    "stack": Operator(given("num_args"), {"num_args": parts, "axis": axis}),
    "SliceChannel": Operator(
        1, {"num_outputs": parts, "axis": axis, "squeeze_axis": flag}, given("num_outputs")
    ),
    "_split_v2": Operator(
        1,
        {
            "indices": Tuple(Integer(0, LARGEST), most=1000),
            "axis": axis,
            "squeeze_axis": flag,
            "sections": Integer(0, 1000),
        },
        _split_outputs,
        _split_rule,
    ),
    "slice": Operator(
        1, {"begin": _slice_ends, "end": _slice_ends, "step": _slice_ends}, rule=_slice_rule
    ),
    "slice_axis": Operator(1, {"axis": axis, "begin": index, "end": index_or_none}),
    "slice_like": Operator(2, {"axes": axes}),
    "reverse": Operator(1, {"axis": axes}),
    "take": Operator(2, {"axis": axis, "mode": Word(("clip", "wrap"))}),
    "batch_take": Operator(2),
    "pick": Operator(2, {"axis": axis_or_none, "keepdims": flag, "mode": Word(("clip", "wrap"))}),
    "gather_nd": Operator(2),
    "broadcast_like": Operator(
        2, {"lhs_axes": axes_or_none, "rhs_axes": axes_or_none}, rule=_broadcast_like_rule
    ),
    "broadcast_axis": Operator(1, {"axis": axes, "size": shape}),
    "broadcast_to": Operator(1, {"shape": shape}, rule=_shape_rule),
    "tile": Operator(1, {"reps": Tuple(Integer(1, MOST_PIXELS))}),
    "repeat": Operator(1, {"repeats": Integer(1, MOST_PIXELS), "axis": axis_or_none}),
    "Pad": Operator(
        1,
        {
            "mode": Word(("constant", "edge", "reflect")),
            "pad_width": Tuple(Integer(0, MOST_PIXELS), most=16),
            "constant_value": number,
        },
        rule=_pad_rule,
    ),
    "_zeros": Operator(0, _filled, rule=_shape_rule),
    "_ones": Operator(0, _filled, rule=_shape_rule),
    "_full": Operator(0, {**_filled, "value": number}, rule=_shape_rule),
    "_arange": Operator(
        0,
        {
            "start": number,
            "stop": number_or_none,
            "step": number,
            "repeat": Integer(1, LARGEST),
            "infer_range": flag,
            "ctx": context,
            "dtype": dtype,
        },
        rule=_arange_rule,
    ),
    "_contrib_arange_like": Operator(
        1,
        {
            "start": number,
            "step": number,
            "repeat": Integer(1, MOST_PIXELS),
            "ctx": context,
            "axis": axis_or_none,
        },
    ),
}
