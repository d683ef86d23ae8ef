"""ONNX and OpenVINO files that cannot be used: one line, from the command line and from Python.

Each damage is a function that writes a bad file from the good ones, and returns its path.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from gluon_ssd import load
from gluon_ssd.deploy.runtime import load_detector
from gluon_ssd.errors import ModelError, SsdError
from tests.entry_builders import leftovers, one_error, photos, run_script

pytestmark = [pytest.mark.onnx, pytest.mark.openvino]


class Files(NamedTuple):
    """The same detector in each form."""

    onnx: Path
    xml: Path


@pytest.fixture(scope="module")
def files(prefix, tmp_path_factory) -> Files:
    from gluon_ssd.deploy.mxnet.files import read_exported
    from gluon_ssd.deploy.mxnet.parts import detector_parts
    from gluon_ssd.deploy.onnx.export import write_onnx
    from gluon_ssd.deploy.openvino.export import write_openvino

    folder = tmp_path_factory.mktemp("files")
    parts = detector_parts(read_exported(str(prefix)))
    write_onnx(parts, folder / "ssd.onnx")
    write_openvino(parts, folder / "ssd.xml")
    return Files(folder / "ssd.onnx", folder / "ssd.xml")


@pytest.fixture
def images(tmp_path):
    photos(tmp_path / "in", 1)
    return tmp_path / "in"


def edited(files: Files, folder: Path, edit) -> Path:
    """The ONNX file after a change of its model."""
    import onnx

    model = onnx.load(files.onnx)
    edit(model)
    (folder / "bad.onnx").write_bytes(model.SerializeToString())
    return folder / "bad.onnx"


# --- ONNX ---------------------------------------------------------------------------------------


def of_something_else(files, folder):
    from onnx import TensorProto, helper, save

    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 3]) for name in "xy"]
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "g", ends[:1], ends[1:])
    opset = [helper.make_opsetid("", 18)]
    save(helper.make_model(graph, opset_imports=opset, ir_version=9), folder / "bad.onnx")
    return folder / "bad.onnx"


def no_onnx(files, folder):
    (folder / "bad.onnx").write_bytes(np.random.default_rng(1).bytes(5000))
    return folder / "bad.onnx"


def empty_onnx(files, folder):
    (folder / "bad.onnx").touch()
    return folder / "bad.onnx"


def cut_off_onnx(files, folder):
    content = files.onnx.read_bytes()
    (folder / "bad.onnx").write_bytes(content[: len(content) * 2 // 3])
    return folder / "bad.onnx"


def unknown_operator(files, folder):
    def edit(model):
        next(node for node in model.graph.node if node.op_type == "Conv").op_type = "Convolute"

    return edited(files, folder, edit)


def operator_of_others(files, folder):
    def edit(model):
        node = next(node for node in model.graph.node if node.op_type == "Conv")
        node.op_type, node.domain = "FancyConv", "com.example"
        imported = model.opset_import.add()
        imported.domain, imported.version = "com.example", 1

    return edited(files, folder, edit)


def opset_of_the_future(files, folder):
    def edit(model):
        model.opset_import[0].version = 999

    return edited(files, folder, edit)


def wrong_size(files, folder):
    def edit(model):
        for place, length in ((2, 320), (3, 320)):
            model.graph.input[0].type.tensor_type.shape.dim[place].dim_value = length

    return edited(files, folder, edit)


def other_outputs(files, folder):
    def edit(model):
        model.graph.output.pop(0)

    return edited(files, folder, edit)


def damaged_record(files, folder):
    def edit(model):
        for entry in model.metadata_props:
            entry.value = entry.value[:40]

    return edited(files, folder, edit)


def weights_elsewhere(files, folder):
    import onnx

    model = onnx.load(files.onnx)
    path = folder / "bad.onnx"
    onnx.save(model, path, save_as_external_data=True, location="bad.weights", size_threshold=64)
    (folder / "bad.weights").unlink()
    return path


ONNX_DAMAGES = {
    of_something_else: "is no detector that this project wrote",
    no_onnx: "cannot (use|read)",
    empty_onnx: "is empty",
    cut_off_onnx: "cannot (use|read)",
    unknown_operator: "it has no operator Convolute$",
    operator_of_others: "it has no operator com.example.FancyConv$",
    opset_of_the_future: "operators up to version .* asks for 999",
    wrong_size: "300|320",
    other_outputs: "has the outputs",
    damaged_record: "its record is not valid JSON",
    weights_elsewhere: "bad.weights",
}

# --- OpenVINO -----------------------------------------------------------------------------------


def copied(files, folder):
    for path in (files.xml, files.xml.with_suffix(".bin")):
        shutil.copy(path, folder / f"bad{path.suffix}")
    return folder / "bad.xml"


def no_xml(files, folder):
    path = copied(files, folder)
    path.write_bytes(np.random.default_rng(1).bytes(5000))
    return path


def cut_off_xml(files, folder):
    path = copied(files, folder)
    path.write_bytes(path.read_bytes()[:20000])
    return path


def xml_of_something_else(files, folder):
    import openvino
    from openvino import opset13

    image = opset13.parameter([1, 3, 8, 8], np.float32)
    openvino.save_model(openvino.Model([opset13.relu(image)], [image], "g"), folder / "bad.xml")
    return folder / "bad.xml"


def layer_without_an_operator(files, folder):
    path = copied(files, folder)
    path.write_text(path.read_text().replace('type="Convolution"', 'type="Convolute"', 1))
    return path


def missing_weights(files, folder):
    path = copied(files, folder)
    path.with_suffix(".bin").unlink()
    return path


def cut_off_weights(files, folder):
    path = copied(files, folder)
    content = path.with_suffix(".bin").read_bytes()
    path.with_suffix(".bin").write_bytes(content[: len(content) // 2])
    return path


XML_DAMAGES = {
    no_xml: "cannot read",
    cut_off_xml: "cannot read",
    xml_of_something_else: "is no detector that this project wrote",
    layer_without_an_operator: "it has no operator Convolute$",
    missing_weights: r"bad\.bin|weights",
    cut_off_weights: r"bad\.bin|weights",
}

CASES = [
    pytest.param(damage, text, backend, id=f"{damage.__name__}-{backend}")
    for damages, backends in (
        (ONNX_DAMAGES, ("onnxruntime", "openvino")),
        (XML_DAMAGES, ("openvino",)),
    )
    for damage, text in damages.items()
    for backend in backends
    # OpenVINO takes the newest operators that it has.
    if (damage, backend) != (opset_of_the_future, "openvino")
]


TRACES = ("\n", ".cpp", ".cc:", "::", "[ONNXRuntimeError]")
"""What would be of use to the authors of a runtime alone."""


@pytest.mark.parametrize(("damage", "text", "backend"), CASES)
def test_from_python(files, tmp_path, damage, text, backend):
    path = damage(files, tmp_path)
    with pytest.raises(SsdError, match=text) as raised:
        load(path, backend=backend)
    message = str(raised.value)
    assert str(path) in message and len(message) < 400, message
    assert not any(trace in message for trace in TRACES), message


def evaluation(path, backend, images, output):
    options = ("--model-prefix", path, "--backend", backend, "--batch-size", 1)
    return run_script("eval_ssd.py", "--deploy", *options, "--benchmark")


def demo(path, backend, images, output):
    options = ("--model-prefix", path, "--backend", backend, "--images", images)
    return run_script("scripts/demo_ssd.py", *options, "--output", output)


def table(path, backend, images, output):
    options = ("--model-prefix", path, "--backend", backend, "--images", images)
    return run_script("scripts/predict_ssd.py", *options, "--output", output)


@pytest.mark.parametrize(("damage", "text", "backend"), CASES)
def test_from_the_command_line(files, images, tmp_path, damage, text, backend):
    path, output = damage(files, tmp_path), tmp_path / "out"
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    for command in (evaluation, demo, table):
        ended = command(path, backend, images, output)
        message = one_error(ended)
        assert ended.err == f"{message}\n", command
        assert str(path) in message
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("kind", ["onnx", "xml"])
def test_images_of_another_size_are_refused(files, kind):
    model = load_detector(str(getattr(files, kind)))
    for shape in ((1, 3, 320, 320), (1, 3, 300, 299), (3, 300, 300)):
        with pytest.raises(ModelError, match=r"300.* got "):
            model.run(np.zeros(shape, np.float32))


@pytest.mark.parametrize("kind", ["onnx", "xml"])
def test_a_size_that_was_asked_for_and_is_not_that_of_the_file_is_refused(files, images, out, kind):
    path = getattr(files, kind)
    ended = run_script(
        *("scripts/predict_ssd.py", "--model-prefix", path, "--images", images),
        *("--output", out, "--data-shape", 512),
    )
    assert ended.code == 2
    assert f"--data-shape 512 does not fit {path}, which was exported for 300" in one_error(ended)
    assert not list(out.glob("*"))


@pytest.mark.parametrize("kind", ["onnx", "xml"])
def test_the_good_files_are_good(files, images, out, kind):
    ended = table(getattr(files, kind), "auto", images, out)
    assert (ended.code, ended.err) == (0, "")
    assert leftovers(out) == []
