from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gluon_ssd.compat import mx
from gluon_ssd.errors import WeightsError
from gluon_ssd.models.params_file import check_finite, check_variances, mismatch, read_params
from gluon_ssd.models.torch_file.writer import write_state_dict
from tests.models.torch_file.builders import GOLDEN


def test_names_of_exported_arrays_lose_their_marks(tmp_path: Path):
    path = tmp_path / "net-0000.params"
    arrays = {"arg:w": mx.nd.array([1, 2]), "aux:mean": mx.nd.array([3]), "b.bias": mx.nd.ones(1)}
    mx.nd.save(str(path), arrays)
    found = read_params(path)
    assert list(found) == ["w", "mean", "b.bias"]
    assert [array.tolist() for array in found.values()] == [[1, 2], [3], [1]]


def test_a_checkpoint_is_told_apart_by_its_content(tmp_path: Path):
    path = tmp_path / "run_checkpoint.npz"
    np.savez(path, facts=np.zeros(3))
    with pytest.raises(WeightsError, match=r"is a checkpoint.*/run_best\.params$"):
        read_params(path)
    path.rename(tmp_path / "odd.params")
    with pytest.raises(WeightsError, match=r"odd\.params is a checkpoint"):
        read_params(tmp_path / "odd.params")


@pytest.mark.parametrize("form", ["written", "legacy"])
def test_a_torch_file_is_told_by_its_content(form, tmp_path: Path):
    path = tmp_path / "odd.params"
    if form == "written":
        write_state_dict(path, {"module.w": np.array([1.0, 2.0])}, below="model")
        wanted = {"w": [1.0, 2.0]}
    else:
        path.write_bytes((GOLDEN / "weights_legacy.pt").read_bytes())
        wanted = {"count": 7, "type.bfloat16": [1, 2, 3]}
    found = read_params(path)
    assert all(isinstance(array, np.ndarray) for array in found.values())
    assert {name: found[name].tolist() for name in wanted} == wanted


def test_a_pickle_is_not_read(tmp_path: Path):
    (tmp_path / "a.pkl").write_bytes(b"\x80\x04K\x01.")
    with pytest.raises(WeightsError, match=r"a\.pkl is a pickle, which is not read, since reading"):
        read_params(tmp_path / "a.pkl")


def test_weights_that_are_not_finite_are_named():
    arrays = {"a": np.ones(2), "b": np.array([1, np.nan]), "c": np.array([np.inf])}
    with pytest.raises(WeightsError, match="^m: 2 weights are not finite, the first is b; go on$"):
        check_finite(arrays, "go on", "m: ")
    check_finite({"a": np.ones(2), "count": np.array([3]), "none": np.zeros(0)}, "go on")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("none.params", r"none\.params does not exist; give the path of a \.params file"),
        ("folder", "folder is a folder; give the path"),
        ("text.params", r"text\.params is no MXNet parameter file, or it is damaged"),
        ("list.params", r"list\.params holds no named arrays"),
    ],
)
def test_other_files_are_named_in_one_line(tmp_path: Path, name: str, message: str):
    (tmp_path / "folder").mkdir()
    (tmp_path / "text.params").write_text("this is no parameter file at all\n" * 40)
    mx.nd.save(str(tmp_path / "list.params"), [mx.nd.zeros(3)])
    with pytest.raises(WeightsError, match=message) as caught:
        read_params(tmp_path / name)
    assert "\n" not in str(caught.value)


def test_a_variance_below_0_is_named():
    sound = {"a_running_var": np.zeros(2), "b_running_mean": -np.ones(2), "moving_var": np.ones(0)}
    sound["of_a_constant_channel_running_var"] = np.float32([-7.8e-13, 1])
    check_variances(sound, "go on")
    with pytest.raises(
        WeightsError, match="^m: the variance is below 0 in c_moving_var .-2., .*on$"
    ):
        check_variances({**sound, "c_moving_var": np.array([1.0, -2.0])}, "go on", "m: ")


def test_where_shapes_differ():
    wanted = {"a": (1,), "b": (2, 3), "c": (4,)}
    assert mismatch(wanted, dict(wanted)) is None
    assert mismatch(wanted, {"b": (2, 3), "c": (5,), "d": (6,)}) == (
        "1 arrays missing (a (1,)), 1 too many (d (6,)), 1 of another shape (c (5,) for (4,))"
    )
    assert mismatch({}, {"d": (6,)}) == "1 too many (d (6,))"
