"""The table of operators against MXNet's own list, and its rules."""

from __future__ import annotations

import ctypes

import pytest
from mxnet.base import _LIB, check_call

from gluon_ssd.compat import mx
from gluon_ssd.deploy.mxnet.symbol_check.operator import count_of
from gluon_ssd.deploy.mxnet.symbol_check.table import OPERATORS

DANGEROUS = (
    "_Native _NDArray Custom _CustomFunction _foreach _while_loop _cond _CachedOp _cross_device "
    "_TensorRT _FusedOp _contrib_tvm_vadd _cvimread _cvimdecode _random_uniform _sample_uniform "
    "_npi_add _image_resize IdentityAttachKLSparseReg _set_value"
).split()
# What is never needed, as a name of each operator that has it.
LEFT_OUT = {"dot": {"forward_stype"}, "batch_dot": {"forward_stype"}, "Crop": {"data"}}


def known_attributes(name: str) -> set[str]:
    """Names of the attributes that MXNet knows for an operator, without its inputs."""
    handle, texts = ctypes.c_void_p(), [ctypes.c_char_p() for _ in range(4)]
    count, lists = ctypes.c_uint(), [ctypes.POINTER(ctypes.c_char_p)() for _ in range(3)]
    check_call(_LIB.NNGetOpHandle(name.encode(), ctypes.byref(handle)))
    pointers = [ctypes.byref(each) for each in (*texts[:2], count, *lists, *texts[2:])]
    check_call(_LIB.MXSymbolGetAtomicSymbolInfo(handle, *pointers))
    assert texts[0].value == name.encode(), "it is another name of an operator"
    pairs = [(lists[0][i].decode(), lists[1][i].decode()) for i in range(count.value)]
    return {name for name, kind in pairs if "NDArray-or-Symbol" not in kind}


@pytest.mark.parametrize("name", [n for n, each in OPERATORS.items() if not each.fused])
def test_every_operator_is_mxnet_s_with_all_its_attributes(name):
    counted = {"num_args"} if name == "add_n" else set()
    expected = (known_attributes(name) | counted) - LEFT_OUT.get(name, set())
    assert set(OPERATORS[name].attributes) == expected


@pytest.mark.parametrize("name", DANGEROUS)
def test_what_runs_code_or_reads_files_is_not_in_the_table(name):
    assert name not in OPERATORS


COUNTS = {
    "Convolution": ({}, 3, 1),
    "Deconvolution": ({}, 2, 1),
    "FullyConnected": ({"no_bias": True}, 2, 1),
    "BatchNorm": ({"output_mean_var": True}, 5, 3),
    "UpSampling": ({"sample_type": "nearest", "num_args": 2}, 2, 1),
    "LeakyReLU": ({"act_type": "prelu"}, 2, 1),
    "Concat": ({"num_args": 7}, 7, 1),
    "SliceChannel": ({"num_outputs": 4}, 1, 4),
    "_split_v2": ({"indices": (0, 2, 5)}, 1, 3),
    "topk": ({"ret_typ": "both"}, 1, 2),
    "amp_multicast": ({"num_outputs": 3}, 3, 3),
    "_contrib_MultiBoxTarget": ({}, 3, 3),
    "_contrib_quantize_v2": ({}, 1, 3),
    "_contrib_quantized_conv": ({"no_bias": False}, 9, 3),
    "_contrib_quantized_concat": ({"num_args": 2}, 6, 3),
}


@pytest.mark.parametrize("name", COUNTS)
def test_inputs_and_outputs_follow_the_attributes(name):
    values, inputs, outputs = COUNTS[name]
    operator = OPERATORS[name]
    assert (count_of(operator.inputs, values), count_of(operator.outputs, values)) == (
        inputs,
        outputs,
    )


def test_counts_are_those_of_mxnet():
    x = mx.sym.var("x")
    made = mx.sym.topk(x, ret_typ="both"), mx.sym.split(x, num_outputs=4)
    assert [len(symbol.list_outputs()) for symbol in made] == [2, 4]
    assert len(mx.sym.contrib.box_nms(x).list_outputs()) == 1


WRONG = [
    ("Convolution", {"kernel": ()}, "kernel must have a size"),
    ("Convolution", {"kernel": (3, 3), "pad": (1,)}, "pad must have 2 numbers"),
    ("Convolution", {"kernel": (3, 3), "num_filter": 4, "num_group": 3}, "must divide num_filter"),
    ("Pooling", {}, "kernel must have a size"),
    ("Pooling", {"kernel": (2, 2), "pad": (2, 2)}, "pad must be less than the kernel"),
    ("Pooling", {"kernel": (2, 2), "pool_type": "lp"}, "p_value must be given"),
    ("LRN", {"nsize": 2}, "nsize must be odd"),
    ("_div_scalar", {"scalar": 0.0}, "scalar must not be 0"),
    ("Reshape", {"shape": (-4, 0, -1)}, "two parts of at least 1 behind -4"),
    ("Reshape", {"shape": (-4, -1, -1)}, "two parts of at least 1 behind -4"),
    ("Reshape", {"shape": (-4, 2)}, "two parts of at least 1 behind -4"),
    ("_arange", {"start": 0.0, "step": 0.0}, "step must not be 0"),
    ("_arange", {"start": 0.0, "stop": 1e9}, "it has 1000000000 elements"),
    ("_zeros", {"shape": (2**20, 2**20)}, "it has 1099511627776 elements"),
    ("Pad", {"pad_width": (0, 0, 1)}, "two numbers for each axis"),
    ("slice", {"begin": (0,), "end": (1,), "step": (0,)}, "step must not be 0"),
    ("slice", {"begin": (0,), "end": (1, 1)}, "of one length"),
    ("_split_v2", {}, "indices or sections"),
    ("broadcast_like", {"lhs_axes": (0,)}, "of one length"),
    ("_contrib_MultiBoxPrior", {"sizes": ()}, "sizes must have one number"),
    ("_contrib_MultiBoxPrior", {"steps": (1.0,)}, "steps must be two numbers"),
    ("_contrib_MultiBoxDetection", {"variances": (0.1,)}, "variances must be four numbers"),
    ("_contrib_quantize_v2", {"min_calib_range": 1.0}, "both or neither"),
    (
        "_contrib_requantize",
        {"min_calib_range": 1.0, "max_calib_range": 0.0},
        "must not be less than min_calib_range",
    ),
]


@pytest.mark.parametrize(("name", "values", "said"), WRONG)
def test_attributes_that_do_not_go_together_are_refused(name, values, said):
    rule = OPERATORS[name].rule
    assert rule is not None and said in (rule(values) or "")


RIGHT = [
    ("Convolution", {"kernel": (3, 3), "num_filter": 4, "num_group": 2, "pad": (1, 1)}),
    ("Pooling", {"global_pool": True}),
    ("Reshape", {"shape": (0, -4, 2, -1, -2)}),
    ("_arange", {"start": 5.0, "stop": None}),
    ("_contrib_MultiBoxPrior", {"sizes": (0.1,)}),
]


@pytest.mark.parametrize(("name", "values"), RIGHT)
def test_attributes_that_go_together_are_taken(name, values):
    rule = OPERATORS[name].rule
    assert rule is not None and rule(values) is None
