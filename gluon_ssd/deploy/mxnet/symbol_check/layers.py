"""Layers of networks: convolutions, pooling, normalisation, activations, losses."""

from __future__ import annotations

from gluon_ssd.deploy.mxnet.symbol_check.kinds import Flag, Integer, Number, Text, Tuple, Word
from gluon_ssd.deploy.mxnet.symbol_check.operator import (
    MOST_CHANNELS,
    MOST_PIXELS,
    Attributes,
    Operator,
    Values,
    axis,
    flag,
    given,
    layout,
    number,
    number_or_none,
    parts,
)

# Three at most, one for each dimension of an image or film.
_sizes = Tuple(Integer(1, MOST_PIXELS), most=3)
_padding = Tuple(Integer(0, MOST_PIXELS), most=3)
_channels = Integer(1, MOST_CHANNELS)
_workspace = Integer(0, 2**16)  # MB, a limit for GPUs

CONVOLUTION: Attributes = {
    "kernel": _sizes,
    "stride": _sizes,
    "dilate": _sizes,
    "pad": _padding,
    "num_filter": _channels,
    "num_group": _channels,
    "workspace": _workspace,
    "no_bias": flag,
    "cudnn_tune": Word(("None", "off", "fastest", "limited_workspace")),
    "cudnn_off": flag,
    "layout": layout,
}
POOLING: Attributes = {
    "kernel": _sizes,
    "pool_type": Word(("max", "avg", "sum", "lp")),
    "global_pool": flag,
    "cudnn_off": flag,
    "pooling_convention": Word(("valid", "full", "same")),
    "stride": _sizes,
    "pad": _padding,
    "p_value": Integer(1, 3, none=True),
    "count_include_pad": Flag(none=True),
    "layout": layout,
}
FULLY_CONNECTED: Attributes = {"num_hidden": _channels, "no_bias": flag, "flatten": flag}
BATCH_NORM: Attributes = {
    "eps": Number(0, 1),
    "momentum": Number(0, 1),
    "fix_gamma": flag,
    "use_global_stats": flag,
    "output_mean_var": flag,
    "axis": axis,
    "cudnn_off": flag,
    "min_calib_range": number_or_none,
    "max_calib_range": number_or_none,
}
ACTIVATION: Attributes = {"act_type": Word(("relu", "sigmoid", "tanh", "softrelu", "softsign"))}
_normalization = Word(("null", "batch", "valid"))


def with_bias(values: Values) -> int:
    """Data and weights, and the bias where there is one."""
    return 2 if values.get("no_bias", False) else 3


def _with_bias_unless_asked(values: Values) -> int:
    return 2 if values.get("no_bias", True) else 3


def _mean_and_variance(values: Values) -> int:
    return 3 if values.get("output_mean_var", False) else 1


def convolution_rule(values: Values) -> str | None:
    """Tuples of one length; groups of equal size."""
    dimensions = len(values.get("kernel", ()))
    if not dimensions:
        return "kernel must have a size for each direction"
    return _same_length(values, dimensions, "stride", "dilate", "pad", "adj") or _groups(values)


def pooling_rule(values: Values) -> str | None:
    """Tuples of one length, and a kernel unless the whole image is pooled."""
    dimensions = len(values.get("kernel", ()))
    if not dimensions:
        return None if values.get("global_pool") else "kernel must have a size for each direction"
    if values.get("pool_type") == "lp" and not values.get("p_value"):
        return "p_value must be given for pool_type lp"
    wrong = _same_length(values, dimensions, "stride", "pad")
    if wrong or values.get("global_pool"):
        return wrong
    for kernel, pad in zip(values["kernel"], values.get("pad", ()), strict=False):
        if pad >= kernel:
            return f"pad must be less than the kernel {values['kernel']}, got {values['pad']}"
    return None


def _same_length(values: Values, dimensions: int, *names: str) -> str | None:
    for name in names:
        if len(values.get(name, ())) not in (0, dimensions):
            return f"{name} must have {dimensions} numbers as kernel has, got {values[name]}"
    return None


def _groups(values: Values) -> str | None:
    filters, groups = values.get("num_filter", 1), values.get("num_group", 1)
    if filters % groups:
        return f"num_group must divide num_filter ({filters}), got {groups}"
    return None


def _upsampling_inputs(values: Values) -> int:
    return 2 if values.get("sample_type") == "bilinear" else int(values.get("num_args", 1))


LAYERS: dict[str, Operator] = {
    "Convolution": Operator(with_bias, CONVOLUTION, rule=convolution_rule),
    "Convolution_v1": Operator(with_bias, CONVOLUTION, rule=convolution_rule),
    "Deconvolution": Operator(
        _with_bias_unless_asked,
        {**CONVOLUTION, "adj": _padding, "target_shape": _padding},
        rule=convolution_rule,
    ),
    "FullyConnected": Operator(with_bias, FULLY_CONNECTED),
    "Pooling": Operator(1, POOLING, rule=pooling_rule),
    "Pooling_v1": Operator(
        1,
        {
            name: POOLING[name]
            for name in (
                "kernel",
                "pool_type",
                "global_pool",
                "pooling_convention",
                "stride",
                "pad",
            )
        },
        rule=pooling_rule,
    ),
    "_contrib_AdaptiveAvgPooling2D": Operator(1, {"output_size": Tuple(Integer(1, 4096), most=2)}),
    "_contrib_BilinearResize2D": Operator(
        lambda values: 2 if values.get("mode") == "like" else 1,
        {
            "height": Integer(1, 2**14),
            "width": Integer(1, 2**14),
            "scale_height": Number(0.01, 16, none=True),
            "scale_width": Number(0.01, 16, none=True),
            "mode": Word(
                (
                    *("size", "odd_scale", "like", "to_even_down", "to_even_up"),
                    *("to_odd_down", "to_odd_up"),
                )
            ),
            "align_corners": flag,
        },
    ),
    "UpSampling": Operator(
        _upsampling_inputs,
        {
            "scale": Integer(1, 32),
            "num_filter": Integer(0, MOST_CHANNELS),
            "sample_type": Word(("nearest", "bilinear")),
            "multi_input_mode": Word(("concat", "sum")),
            "num_args": parts,
            "workspace": _workspace,
        },
    ),
    "BatchNorm": Operator(5, BATCH_NORM, _mean_and_variance),
    "_contrib_SyncBatchNorm": Operator(
        5,
        {
            **{
                name: BATCH_NORM[name]
                for name in ("eps", "momentum", "fix_gamma", "use_global_stats", "output_mean_var")
            },
            "ndev": Integer(1, 1024),
            "key": Text(r"[\w.\-/]{1,300}", "a name of letters, digits, . - / and _"),
        },
        _mean_and_variance,
    ),
    "InstanceNorm": Operator(3, {"eps": Number(0, 1)}),
    "LayerNorm": Operator(
        3, {"eps": Number(0, 1), "axis": axis, "output_mean_var": flag}, _mean_and_variance
    ),
    "L2Normalization": Operator(
        1, {"eps": Number(0, 1), "mode": Word(("channel", "instance", "spatial"))}
    ),
    "LRN": Operator(
        1,
        {"alpha": number, "beta": number, "knorm": number, "nsize": Integer(1, MOST_PIXELS)},
        rule=lambda values: None if values.get("nsize", 1) % 2 else "nsize must be odd",
    ),
    "Activation": Operator(1, ACTIVATION),
    "LeakyReLU": Operator(
        lambda values: 2 if values.get("act_type") == "prelu" else 1,
        {
            "act_type": Word(("leaky", "elu", "selu", "gelu", "prelu")),
            "slope": number,
            "lower_bound": number,
            "upper_bound": number,
        },
    ),
    "Dropout": Operator(
        1,
        {
            "p": Number(0, 1),
            "mode": Word(("training",)),
            "axes": Tuple(axis),
            "cudnn_off": Flag(none=True),
        },
    ),
    "SoftmaxActivation": Operator(1, {"mode": Word(("instance", "channel"))}),
    "SoftmaxOutput": Operator(
        2,
        {
            "grad_scale": number,
            "ignore_label": number,
            "multi_output": flag,
            "use_ignore": flag,
            "preserve_shape": flag,
            "normalization": _normalization,
            "out_grad": flag,
            "smooth_alpha": number,
        },
    ),
    "MakeLoss": Operator(
        1, {"grad_scale": number, "valid_thresh": number, "normalization": _normalization}
    ),
    "make_loss": Operator(),
    "smooth_l1": Operator(1, {"scalar": number}),
    "Crop": Operator(
        given("num_args"),
        {"num_args": Integer(1, 2), "offset": _padding, "h_w": _padding, "center_crop": flag},
    ),
}
