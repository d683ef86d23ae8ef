"""The one reader and writer of a detector's two files, and the record among them."""

from __future__ import annotations

import json
import os
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gluon_ssd.compat import mx
from gluon_ssd.deploy.mxnet.files import (
    RECORD_ATTRIBUTE,
    Exported,
    check_shapes,
    read_exported,
    replaced_files,
    write_exported,
)
from gluon_ssd.deploy.mxnet.graph import Graph, format_graph
from gluon_ssd.deploy.mxnet.pair import exported_files
from gluon_ssd.errors import EnvironmentProblem, ModelError, WeightsError
from gluon_ssd.models.first_weights import quiet_symbol_blocks
from gluon_ssd.models.record import ModelRecord
from tests.deploy.conftest import CLASSES, INPUT_HW, make_network, random_images
from tests.deploy.tune_builders import SIZE, export_tiny

RECORD = ModelRecord("ssd_x", CLASSES, INPUT_HW, family="toy")


@pytest.fixture
def prefix(zoo_prefix, tmp_path) -> str:
    """A detector of GluonCV, written again with a record."""
    write_exported(replace(read_exported(zoo_prefix), record=RECORD), str(tmp_path / "m"))
    return str(tmp_path / "m")


def test_what_was_written_is_read(zoo_prefix, prefix):
    before, after = read_exported(zoo_prefix), read_exported(prefix)
    assert (before.record, after.record) == (None, RECORD)
    assert (before.name, after.name) == (zoo_prefix, prefix)
    assert before.params.keys() == after.params.keys()
    for name, array in before.params.items():
        np.testing.assert_array_equal(after.params[name], array)
    after.graph.extra["attrs"].pop(RECORD_ATTRIBUTE)
    assert format_graph(after.graph) == format_graph(before.graph)


def test_plain_mxnet_runs_a_symbol_with_a_record(zoo_prefix, prefix):
    images = mx.nd.array(random_images(1))
    outputs = []
    for path in (zoo_prefix, prefix):
        symbol, params = map(str, exported_files(path))
        with quiet_symbol_blocks():
            block = mx.gluon.SymbolBlock.imports(symbol, ["data"], params)
        outputs.append([output.asnumpy() for output in block(images)])
    for one, other in zip(*outputs, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (3, ": its attribute gluon_ssd_model is damaged"),
        (["str"], ": its attribute gluon_ssd_model is damaged"),
        (["str", "{"], ": its record is not valid JSON"),
        (["str", "[]"], " must hold one JSON object"),
    ],
)
def test_damaged_record_is_one_line_that_names_the_file(prefix, entry, message):
    path = Path(f"{prefix}-symbol.json")
    symbol = json.loads(path.read_text())
    symbol["attrs"][RECORD_ATTRIBUTE] = entry
    path.write_text(json.dumps(symbol))
    with pytest.raises(WeightsError, match=f"^{path}{message}"):
        read_exported(prefix)


@pytest.mark.parametrize(
    ("name", "asked", "size_hw"),
    [
        ("models/ssd_300_mobilenet0.75_voc", None, (300, 300)),
        ("ssd_512_vgg16_atrous_custom-0012", None, (512, 512)),
        ("ssd_300_mobilenet0.75_voc", (64, 96), (64, 96)),
    ],
)
def test_a_name_of_the_zoo_says_the_size_where_nothing_else_does(name, asked, size_hw, caplog):
    exported = Exported(name, Graph([]), {}, None)
    assert exported.input_size_hw(asked) == size_hw
    assert ("its name says" in caplog.text) == (asked is None)
    with pytest.raises(ModelError, match="model does not carry its input size; give its height"):
        Exported("my_ssd_300_model", Graph([]), {}, None).input_size_hw(None)


@pytest.mark.parametrize("name", ["m.onnx", "m.xml"])
def test_a_file_for_another_runtime_is_told(tmp_path, name):
    (tmp_path / name).write_bytes(b"x")
    with pytest.raises(ModelError, match=f"{name} is a file for ONNX Runtime or OpenVINO; MXNet"):
        read_exported(str(tmp_path / name))


def test_files_take_their_names_together(prefix, tmp_path):
    target = tmp_path / "new" / "x"
    with replaced_files(str(target)) as staged:
        write_exported(read_exported(prefix), staged)
        assert not [path for path in exported_files(str(target)) if path.exists()]
    assert sorted(os.listdir(target.parent)) == ["x-0000.params", "x-symbol.json"]


@pytest.mark.parametrize(
    ("error", "raised"), [(ValueError(), ValueError), (OSError(28, ""), EnvironmentProblem)]
)
def test_files_stay_as_they_were_after_an_error(prefix, tmp_path, error, raised):
    before = [path.read_bytes() for path in exported_files(prefix)]
    with pytest.raises(raised), replaced_files(prefix) as staged:
        Path(f"{staged}-symbol.json").write_text("new")
        raise error
    assert [path.read_bytes() for path in exported_files(prefix)] == before
    assert sorted(os.listdir(tmp_path)) == ["m-0000.params", "m-symbol.json"]


def test_preprocessing_inside_is_told_with_the_layout(tmp_path):
    from gluoncv.utils import export_block

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        export_block(str(tmp_path / "m"), make_network(), data_shape=(*INPUT_HW, 3))
    exported = read_exported(str(tmp_path / "m"))
    message = (
        r"m takes images as \(1, 128, 128, 3\), with a preprocessing of its own inside; this needs "
        r"\(1, 3, 128, 128\), normalised: export it with preprocess=None and layout='CHW'"
    )
    with pytest.raises(ModelError, match=message):
        check_shapes(exported, INPUT_HW)


WRONG_ARRAYS = {
    "short_gamma": ("gamma", lambda array: array[:1], "gamma is (1,), needed ("),
    "short_var": ("var", lambda array: array[:1], "var is (1,), needed ("),
    "big2d": ("gamma", lambda array: array[:, None], ", 1), needed ("),
    "no_axes": ("mean", lambda array: array[0].reshape(()), "mean is (), needed ("),
    "neg_var": ("var", lambda array: array * 0 - 5, "the variance is below 0 in "),
    "huge": ("gamma", lambda array: array * 0 + 3e38, "not finite after folding batch norms"),
}


@pytest.mark.parametrize("case", WRONG_ARRAYS)
def test_arrays_that_mxnet_would_misread_are_refused(case, tmp_path):
    """MXNet reads such an array beyond its end, or computes on with what is no number."""
    end, change, message = WRONG_ARRAYS[case]
    exported = read_exported(export_tiny(tmp_path))
    check_shapes(exported, (SIZE, SIZE))
    name = next(name for name in exported.params if name.endswith(end))
    exported.params[name] = change(exported.params[name])
    with pytest.raises(WeightsError) as error:
        check_shapes(exported, (SIZE, SIZE))
    assert message in str(error.value) and name in str(error.value)
    assert "\n" not in str(error.value)
