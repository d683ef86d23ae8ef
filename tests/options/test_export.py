"""Options of scripts/export_ssd.py."""

from __future__ import annotations

import pytest

from gluon_ssd.errors import OptionError
from gluon_ssd.options.declare import parse
from gluon_ssd.options.export import OPSETS, ExportCommand, ExportOptions
from gluon_ssd.options.shared import RunOptions


def command(**options):
    return ExportCommand(RunOptions("mobilenet1.0", 512), ExportOptions(output="m", **options))


def test_the_network_is_that_of_its_parts():
    assert command(dataset="coco").network.name == "ssd_512_mobilenet1.0_coco"


def test_an_output_and_a_known_network_are_needed():
    with pytest.raises(
        OptionError, match="^--output PREFIX is needed: where to write the exported"
    ):
        ExportCommand()
    with pytest.raises(OptionError, match="there is no network .*301.*; there are ssd_300_vgg16"):
        ExportCommand(RunOptions(data_shape=301), ExportOptions(output="m"))


@pytest.mark.parametrize(
    ("output", "format", "meant"), [("m.onnx", "mxnet", "onnx"), ("m.xml", "onnx", "openvino")]
)
def test_a_file_name_of_another_format_is_refused(output, format, meant):
    with pytest.raises(OptionError, match=f"{output} is the name of a file for --format {meant}"):
        ExportCommand(RunOptions("mobilenet1.0", 512), ExportOptions(output=output, format=format))


def test_an_exported_model_needs_no_network():
    ExportCommand(RunOptions(data_shape=301), ExportOptions(output="m", model_prefix="p"))


@pytest.mark.parametrize(
    ("format", "output", "expected"),
    [
        ("mxnet", "m", "m"),
        ("onnx", "m", "m.onnx"),
        ("onnx", "m.onnx", "m.onnx"),
        ("openvino", "a.b/m", "a.b/m.xml"),
        ("openvino", "m.xml", "m.xml"),
    ],
)
def test_the_ending_may_be_left_out(format, output, expected):
    assert ExportCommand(export=ExportOptions(format=format, output=output)).output == expected


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"form": "zoo"}, "^--form is for --format onnx; got mxnet$"),
        ({"format": "openvino", "opset": 20}, "^--opset is for --format onnx; got openvino$"),
        ({"fold_preprocessing": True}, "^--fold-preprocessing is for --format onnx; got mxnet$"),
        ({"batch_size": 2}, "^--batch-size is for --format onnx and openvino; MXNet"),
        ({"format": "onnx", "no_fuse": True}, "^--no-fuse is for --format mxnet; other formats"),
        (
            {"format": "onnx", "form": "zoo", "batch_size": 2},
            "^--form zoo holds the boxes of one image; got --batch-size 2$",
        ),
        (
            {"check_images": "d"},
            "^--check-images is for other formats than MXNet and for --model-p",
        ),
        (
            {"model_prefix": "p", "nms_topk": 100},
            "^the suppression of an exported model is part of it; export the network anew instead",
        ),
        ({"model_prefix": "p", "no_fuse": True}, "^--no-fuse would write an exported model as it"),
    ],
)
def test_options_that_exclude_one_another(options, message):
    with pytest.raises(OptionError, match=message):
        command(**options)


@pytest.mark.onnx
def test_names_and_numbers_are_those_of_deployment():
    pytest.importorskip("onnx")
    from gluon_ssd.deploy.onnx import convert, names
    from gluon_ssd.options.export import FORMS

    assert FORMS == tuple(names.FORMS)
    assert OPSETS == (convert.OPSETS[0], convert.OPSETS[-1])
    assert ExportOptions.opset == convert.OPSET


@pytest.mark.parametrize("option", ["--dataset coco", "--pretrained false", "--mirror http://m"])
def test_an_exported_model_leaves_options_of_networks_without_effect(option):
    argv = ["--model-prefix", "p", "--output", "o", *option.split()]
    message = f"^{option.split()[0]} has no effect with --model-prefix"
    with pytest.raises(OptionError, match=message):
        parse(ExportCommand, argv, prog="export_ssd.py", description="")
