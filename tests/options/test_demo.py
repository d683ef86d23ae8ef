"""Options of scripts/demo_ssd.py."""

from __future__ import annotations

import pytest

from gluon_ssd.errors import OptionError
from gluon_ssd.options.declare import parse
from gluon_ssd.options.demo import DemoCommand


def test_gpus_are_numbers():
    assert DemoCommand(images="a").device_ids == ()
    assert DemoCommand(images="a", gpus="1,0").device_ids == (1, 0)
    with pytest.raises(OptionError, match="^--gpus must be whole numbers"):
        _ = DemoCommand(images="a", gpus="one").device_ids


def test_images_and_a_network_are_needed_but_no_network_beside_an_exported_model():
    with pytest.raises(OptionError, match="^--images needs at least one image"):
        DemoCommand()
    with pytest.raises(OptionError, match="^the network must be one of .*; got 'vgg'"):
        DemoCommand(images="a", network="vgg")
    assert DemoCommand(images="a", network="vgg", model_prefix="m").model_prefix == "m"


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({}, "ssd_300_vgg16_atrous_coco"),
        ({"network": "ssd_300_mobilenet1.0_custom"}, "ssd_300_mobilenet1.0_custom"),
        ({"network": "mobilenet1.0"}, "ssd_300_mobilenet1.0_voc"),
        ({"network": "mobilenet1.0", "data_shape": 512}, "ssd_512_mobilenet1.0_voc"),
        ({"network": "mobilenet1.0", "classes": "names.txt"}, "ssd_300_mobilenet1.0_custom"),
    ],
)
def test_a_network_is_named_by_a_word_or_in_full(options, name):
    assert DemoCommand(images="a", **options).spec.name == name


def test_another_runtime_than_mxnet_needs_an_exported_model():
    with pytest.raises(OptionError, match="^--backend openvino runs exported models: name one"):
        DemoCommand(images="a", backend="openvino")
    assert DemoCommand(images="a", backend="openvino", model_prefix="m").named_backend == "openvino"
    assert DemoCommand(images="a", backend="mxnet").named_backend == "mxnet"
    assert DemoCommand(images="a").named_backend == ""


def test_what_is_written_is_named():
    assert DemoCommand(images="a", save=" csv, json,csv ", model_prefix="m").saves == (
        "csv",
        "json",
    )
    with pytest.raises(OptionError, match="^--save must be of pictures, json, csv, coco, yolo, cr"):
        DemoCommand(images="a", save="csv,cvs", model_prefix="m")
    with pytest.raises(OptionError, match="^--save names nothing to write; there are pictures"):
        DemoCommand(images="a", save=" , ", model_prefix="m")


REFUSED = {
    "--save json --films pictures": "--films has no effect without pictures in --save",
    "--save csv --schema endpoint": "--schema has no effect without json in --save",
    "--coco-ids x": "--coco-ids has no effect without coco in --save",
    "--model-prefix m --model-root x": "--model-root has no effect with --model-prefix",
    "--model-prefix m --streams 2": "--streams has no effect in the demo, which computes one",
}
TOLD = {
    "--gpus 0,1": "--gpus has no effect beyond its first number",
}


def parsed(text):
    return parse(DemoCommand, ["--images", "a", *text.split()], prog="demo_ssd.py", description="")


@pytest.mark.parametrize(("text", "message"), REFUSED.items())
def test_options_of_ours_without_effect_are_refused(text, message):
    with pytest.raises(OptionError, match=message):
        parsed(text)


@pytest.mark.parametrize(("text", "message"), TOLD.items())
def test_options_of_gluoncv_without_effect_are_told(text, message, caplog):
    parsed(text)
    (line,) = caplog.messages
    assert line.startswith(message)


def test_options_with_effect_pass(caplog):
    parsed("--model-root x --gpus 0 --threads 2 --every 3")
    assert not caplog.messages
