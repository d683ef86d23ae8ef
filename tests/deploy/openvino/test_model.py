"""OpenVINO as a runtime: IR files, types, and files that it cannot use."""

from __future__ import annotations

import json
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from gluon_ssd.deploy.onnx.names import RECORD_KEY
from gluon_ssd.deploy.runtime import find_runtime, load_detector
from gluon_ssd.errors import EnvironmentProblem, ModelError, OptionError
from gluon_ssd.system.cpu import cpu_flags, has_bfloat16
from tests.deploy.tiny_onnx import RECORD, tiny_images, write_tiny

pytestmark = [pytest.mark.openvino, pytest.mark.onnx]


def write_ir(folder, *, record=RECORD, int8=False, **odd):
    """The tiny detector as m.xml and m.bin; returns the path of the first."""
    import openvino

    source = write_tiny(folder / "source.onnx", record=None, **odd)
    model = openvino.convert_model(str(source))
    if int8:
        import nncf

        model.reshape([1, 3, 8, 8])
        data = nncf.Dataset(list(tiny_images()[:, None]))
        model = nncf.quantize(model, data, subset_size=3)
    if record is not None:
        model.set_rt_info(json.dumps(record.to_object()), [RECORD_KEY])
    openvino.save_model(model, str(folder / "m.xml"), compress_to_fp16=False)
    return folder / "m.xml"


@pytest.mark.parametrize("name", ["m.xml", "m", "m.bin"])
def test_an_ir_runs_by_any_of_its_names(tmp_path, name):
    write_ir(tmp_path)
    model = load_detector(str(tmp_path / name))
    assert (model.name, model.record) == (str(tmp_path / "m.xml"), RECORD)
    ids = model.run(tiny_images())[0]
    np.testing.assert_array_equal(ids[:, 0, 0], [0, 1, -1])


def test_a_quantised_network_reports_int8(tmp_path):
    model = load_detector(str(write_ir(tmp_path, int8=True)))
    assert model.precision == "int8"
    np.testing.assert_array_equal(model.run(tiny_images())[0][:, 0, 0], [0, 1, -1])
    with pytest.raises(ModelError, match="computes in int8 already"):
        model.in_precision("bfloat16")


def test_bfloat16_computes_what_float32_does_but_for_rounding(tmp_path):
    model = load_detector(str(write_ir(tmp_path)))
    lower = model.in_precision("bfloat16")
    assert (model.precision, lower.precision) == ("float32", "bfloat16")
    for one, other in zip(model.run(tiny_images()), lower.run(tiny_images()), strict=True):
        np.testing.assert_allclose(one, other, atol=0.02)
    with pytest.raises(ModelError, match="cannot run in float16"):
        model.in_precision("float16")


def test_a_type_that_the_processor_lacks_is_one_line(monkeypatch):
    check = find_runtime("m.xml").check_dtype
    with pytest.raises(EnvironmentProblem, match="OpenVINO computes in float32 or bfloat16"):
        check("float16", "cpu", "--dtype float16")
    if has_bfloat16(cpu_flags()):
        check("bfloat16", "cpu", "--dtype bfloat16")
    monkeypatch.setattr("gluon_ssd.deploy.runtime.cpu_flags", lambda: frozenset({"avx2"}))
    with pytest.raises(EnvironmentProblem, match="--dtype bfloat16 needs a CPU with AVX512_BF16"):
        check("bfloat16", "cpu", "--dtype bfloat16")
    check("float32", "cpu", "")


def test_files_that_it_cannot_use_are_one_line(tmp_path, capfd):
    graph = write_ir(tmp_path).read_bytes()
    weights = (tmp_path / "m.bin").read_bytes()
    for name, left in (("short", weights[: len(weights) // 2]), ("without", None)):
        (tmp_path / f"{name}.xml").write_bytes(graph)
        if left is not None:
            (tmp_path / f"{name}.bin").write_bytes(left)
    (tmp_path / "half.xml").write_bytes(graph[: len(graph) // 2])
    (tmp_path / "half.bin").write_bytes(weights)
    (tmp_path / "text.xml").write_text("hello world, this is no model")
    (tmp_path / "other.xml").write_text("<?xml version='1.0'?><a><b/></a>")
    write_tiny(tmp_path / "operator.onnx", operator="Frobnicate")
    (tmp_path / "text.onnx").write_text("hello world, this is no model")
    messages = {
        "short.xml": "cannot read .*short.xml: Incorrect weights in bin file",
        "without.xml": "cannot read .*without.xml: Empty weights data in bin file or bin file",
        "half.xml": "OpenVINO cannot read .*half.xml: ",
        "text.xml": "OpenVINO cannot read .*text.xml: ",
        "other.xml": "other.xml is no detector that this project wrote",
        "none.xml": "cannot read .*none.xml: No such file or directory",
        "operator.onnx": "OpenVINO cannot read .*operator.onnx: it has no operator Frobnicate",
        "text.onnx": "OpenVINO cannot read .*text.onnx: ",
    }
    capfd.readouterr()
    for name, message in messages.items():
        with pytest.raises(ModelError, match=message) as caught:
            load_detector(str(tmp_path / name), backend="openvino")
        assert "\n" not in str(caught.value) and len(str(caught.value)) < 600
    assert capfd.readouterr() == ("", "")


def test_an_ir_of_something_else_is_no_detector(tmp_path):
    with pytest.raises(ModelError, match="it carries no record"):
        load_detector(str(write_ir(tmp_path, record=None)))


def test_a_file_cannot_run_as_it_is_written(tmp_path):
    with pytest.raises(OptionError, match="OpenVINO always prepares .*m.xml for speed"):
        load_detector(str(write_ir(tmp_path)), fuse=False)


def test_a_missing_package_names_the_command_that_installs_it(tmp_path, monkeypatch):
    path = write_ir(tmp_path)
    monkeypatch.delitem(sys.modules, "gluon_ssd.deploy.openvino.model", raising=False)
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(EnvironmentProblem, match="bash scripts/setup.sh --extras openvino$"):
        load_detector(str(path))


def test_streams_are_compiled_and_give_the_same(tmp_path):
    model = load_detector(str(write_ir(tmp_path)), threads=4)
    for streams in (0, 2):
        other = model.with_streams(streams)
        assert (other.streams, other.threads) == (streams or 4, 4)
        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(other.run, [tiny_images()] * 16))
        for outputs in found:
            for one, same in zip(outputs, model.run(tiny_images()), strict=True):
                np.testing.assert_allclose(one, same, atol=1e-6)
