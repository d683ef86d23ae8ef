"""Options of scripts/demo_ssd.py."""

from __future__ import annotations

import pytest

from gluon_ssd.errors import OptionError
from gluon_ssd.options.demo import DemoCommand


def test_gpus_are_numbers():
    assert DemoCommand(images="a").device_ids == ()
    assert DemoCommand(images="a", gpus="1,0").device_ids == (1, 0)
    with pytest.raises(OptionError, match="^--gpus must be whole numbers"):
        _ = DemoCommand(images="a", gpus="one").device_ids


def test_images_and_a_network_are_needed_but_no_network_beside_an_exported_model():
    with pytest.raises(OptionError, match="^--images needs at least one image"):
        DemoCommand()
    with pytest.raises(OptionError, match="^--network must be a full name"):
        DemoCommand(images="a", network="vgg")
    assert DemoCommand(images="a", network="vgg", model_prefix="m").model_prefix == "m"


def test_another_runtime_than_mxnet_needs_an_exported_model():
    with pytest.raises(OptionError, match="^--backend openvino runs exported models: name one"):
        DemoCommand(images="a", backend="openvino")
    assert DemoCommand(images="a", backend="openvino", model_prefix="m").named_backend == "openvino"
    assert DemoCommand(images="a", backend="mxnet").named_backend == "mxnet"
    assert DemoCommand(images="a").named_backend == ""
