"""Options of a runtime reach the model; a size that is not the model's is refused."""

from __future__ import annotations

import pytest

from gluon_ssd.commands.wiring.exported import deployed_model, inference_device
from gluon_ssd.errors import EnvironmentProblem, OptionError
from gluon_ssd.options.shared import RuntimeOptions
from tests.deploy.tiny_onnx import write_tiny

pytestmark = pytest.mark.onnx


@pytest.fixture
def path(tmp_path):
    return str(write_tiny(tmp_path / "m.onnx"))


def test_the_options_of_the_runtime_are_those_of_the_model(path):
    asked = RuntimeOptions(backend="onnxruntime", threads=3, streams=3)
    model = deployed_model(path, None, device="cpu", runtime=asked)
    assert (model.threads, model.streams) == (3, 3)
    assert deployed_model(path, None, device="cpu").streams == 1


@pytest.mark.parametrize("asked", [(8, 8), None])
def test_a_size_that_was_asked_for_is_that_of_the_file(path, asked):
    assert deployed_model(path, asked, device="cpu").input_size_hw == (8, 8)
    with pytest.raises(OptionError, match="^--data-shape 300 does not fit .* for 8 pixels; give"):
        deployed_model(path, (300, 300), device="cpu")


def test_devices_and_types_are_those_of_the_runtime(path):
    assert inference_device((), "", prefix=path) == "cpu"
    with pytest.raises(OptionError, match="--num-gpus 1: the model runs on the CPU alone"):
        inference_device((0,), "--num-gpus 1", prefix=path)
    with pytest.raises(EnvironmentProblem, match="--dtype bfloat16: ONNX Runtime computes in"):
        inference_device((), "", prefix=path, dtype="bfloat16")
    with pytest.raises(EnvironmentProblem, match="--dtype float16: OpenVINO computes in"):
        inference_device((), "", prefix=path, backend="openvino", dtype="float16")
