"""ONNX Runtime as a runtime: precision, settings, and files that it cannot use."""

from __future__ import annotations

import os
import time
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pytest

from gluon_ssd.deploy.runtime import load_detector
from gluon_ssd.errors import EnvironmentProblem, ModelError
from tests.deploy.tiny_onnx import tiny_images, write_tiny

pytestmark = pytest.mark.onnx


def quantised(path, **options):
    """The tiny detector in int8, by ONNX Runtime's own quantiser."""
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, quantize_static

    class Reader(CalibrationDataReader):
        def __init__(self):
            self.batches = iter(tiny_images()[:, None])

        def get_next(self):
            image = next(self.batches, None)
            return None if image is None else {"images": image}

    form = {"QDQ": QuantFormat.QDQ, "QOperator": QuantFormat.QOperator}[options.pop("form")]
    target = path.with_name("int8.onnx")
    quantize_static(str(path), str(target), Reader(), quant_format=form, **options)
    return target


@pytest.mark.parametrize("form", ["QDQ", "QOperator"])
def test_files_with_integer_operators_report_int8(tmp_path, form):
    path = write_tiny(tmp_path / "m.onnx", batch=1)
    float32, int8 = load_detector(str(path)), load_detector(str(quantised(path, form=form)))
    assert (float32.precision, int8.precision) == ("float32", "int8")
    for one, other in zip(float32.run(tiny_images()), int8.run(tiny_images()), strict=True):
        np.testing.assert_allclose(one, other, atol=0.05)
    with pytest.raises(ModelError, match=r"computes in int8 already; run it in float32"):
        int8.in_precision("bfloat16")


def test_other_types_are_refused(tmp_path):
    with pytest.raises(ModelError, match=r"m\.onnx cannot run in bfloat16"):
        load_detector(str(write_tiny(tmp_path / "m.onnx"))).in_precision("bfloat16")


def test_the_ending_may_be_left_out(tmp_path):
    write_tiny(tmp_path / "m.onnx")
    assert load_detector(str(tmp_path / "m")).name == str(tmp_path / "m.onnx")


def test_the_graph_may_run_as_it_is_written(tmp_path):
    path = str(write_tiny(tmp_path / "m.onnx"))
    fused, plain = load_detector(path), load_detector(path, fuse=False)
    for one, other in zip(fused.run(tiny_images()), plain.run(tiny_images()), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_files_that_it_cannot_use_are_one_line(tmp_path, capfd):
    path = write_tiny(tmp_path / "whole.onnx")
    content = path.read_bytes()
    (tmp_path / "part.onnx").write_bytes(content[: len(content) // 2])
    (tmp_path / "text.onnx").write_text("hello world, this is no model")
    (tmp_path / "empty.onnx").touch()
    (tmp_path / "folder.onnx").mkdir()
    write_tiny(tmp_path / "operator.onnx", operator="Frobnicate")
    messages = {
        "part": "ONNX Runtime cannot use .*part.onnx: Protobuf parsing failed",
        "text": "ONNX Runtime cannot use .*text.onnx: Protobuf parsing failed",
        "empty": "empty.onnx is empty; export it anew",
        "folder": "cannot read .*folder.onnx: Is a directory",
        "none": "cannot read .*none.onnx: No such file or directory",
        "operator": "ONNX Runtime cannot use .*operator.onnx: it has no operator Frobnicate",
    }
    for name, message in messages.items():
        with pytest.raises(ModelError, match=message) as caught:
            load_detector(str(tmp_path / f"{name}.onnx"), backend="onnxruntime")
        assert "\n" not in str(caught.value)
    assert capfd.readouterr() == ("", "")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_one_line(tmp_path):
    path = write_tiny(tmp_path / "m.onnx")
    path.chmod(0)
    with pytest.raises(ModelError, match="Permission denied"):
        load_detector(str(path))


def test_a_missing_package_names_the_command_that_installs_it(tmp_path, monkeypatch):
    import sys

    monkeypatch.delitem(sys.modules, "gluon_ssd.deploy.onnx.model", raising=False)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(EnvironmentProblem, match="bash scripts/setup.sh --extras onnx$"):
        load_detector(str(write_tiny(tmp_path / "m.onnx")))


def test_streams_are_compiled_and_give_the_same(tmp_path):
    model = load_detector(str(write_tiny(tmp_path / "m.onnx")), threads=4)
    for streams in (0, 2):
        other = model.with_streams(streams)
        assert (other.streams, other.threads) == (streams or 4, 4)
        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(other.run, [tiny_images()] * 16))
        for outputs in found:
            for one, same in zip(outputs, model.run(tiny_images()), strict=True):
                np.testing.assert_allclose(one, same, atol=1e-6)


def test_a_file_that_was_written_anew_is_not_the_one_that_was_loaded(tmp_path):
    path = write_tiny(tmp_path / "m.onnx")
    model = load_detector(str(path), threads=2)
    write_tiny(path, batch=1)
    with pytest.raises(ModelError, match=r"m\.onnx is not the file any more that was loaded"):
        model.with_streams()
    path.unlink()
    with pytest.raises(ModelError, match="is not the file any more"):
        model.with_streams()
    assert len(model.run(tiny_images())) == 3


def test_threads_follow_the_load_of_the_machine(tmp_path, monkeypatch):
    monkeypatch.setenv("GLUON_SSD_CORES", "free")
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    watch = SimpleNamespace(free_cores=2.0)
    monkeypatch.setattr("gluon_ssd.deploy.teams.load_watch", lambda: watch)
    model = load_detector(str(write_tiny(tmp_path / "m.onnx")))
    before = model.run(tiny_images())
    assert model.threads == 2
    watch.free_cores = 0.4
    deadline = time.monotonic() + 60
    while model.threads != 1:
        model.run(tiny_images())
        assert time.monotonic() < deadline
    for one, same in zip(model.run(tiny_images()), before, strict=True):
        np.testing.assert_allclose(one, same, atol=1e-6)
    assert load_detector(str(tmp_path / "m.onnx"), threads=2).threads == 2


@pytest.mark.parametrize("batch", [0, 2**31])
def test_a_batch_that_nobody_has_memory_for_is_refused(tmp_path, batch):
    path = write_tiny(tmp_path / "tiny.onnx", batch=batch)
    with pytest.raises(ModelError, match="tiny.onnx"):
        load_detector(str(path))
