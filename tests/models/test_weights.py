from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from gluon_ssd.compat import mx
from gluon_ssd.data.class_names import VOC_CLASSES
from gluon_ssd.errors import EnvironmentProblem, WeightsError
from gluon_ssd.families.build import build_network
from gluon_ssd.models import weights
from gluon_ssd.models.detector import Detector
from gluon_ssd.models.first_weights import initialize
from gluon_ssd.models.params_file import read_params
from gluon_ssd.models.record import read_sidecar, sidecar_path
from gluon_ssd.models.torch_file.writer import write_state_dict
from gluon_ssd.models.weights import load_parameters, save_arrays, save_parameters
from tests.layout_rules import ROOT
from tests.models.builders import BIAS_0, WEIGHT_0, number_heads, small_network, values_of


def assert_same_values(first, second) -> None:
    assert list(first) == list(second)
    for name, values in first.items():
        np.testing.assert_array_equal(values, second[name], err_msg=name)


def test_saved_weights_come_back_with_their_record(tmp_path):
    network = small_network(seed=1)
    save_parameters(network, tmp_path / "net.params")
    other = small_network(seed=2)
    record = read_sidecar(tmp_path / "net.params")
    change = load_parameters(other, tmp_path / "net.params")
    assert_same_values(values_of(other), values_of(network))
    assert record.name == network.name
    assert record.classes == ("circle", "square", "star")
    assert change.reused == network.classes
    assert sorted(path.name for path in tmp_path.iterdir()) == ["net.json", "net.params"]


def test_loading_needs_no_initialisation(tmp_path):
    network = small_network(seed=1)
    save_parameters(network, tmp_path / "net.params")
    fresh = build_network(network.name, classes=network.classes)
    load_parameters(fresh, tmp_path / "net.params", mx.cpu(0))
    assert_same_values(values_of(fresh), values_of(network))


@pytest.mark.parametrize("form", ["save_params", "export"])
def test_older_and_exported_files_load(tmp_path, form):
    network = small_network(seed=1)
    path = tmp_path / "old.params"
    if form == "save_params":
        network.collect_params().save(str(path), strip_prefix=network.prefix)
    else:
        detector = Detector(network)
        detector.hybridize()
        detector(mx.nd.zeros((1, 3, 96, 96)))
        detector.export(str(tmp_path / "out"))
        path = tmp_path / "out-0000.params"
    other = small_network(seed=2)
    load_parameters(other, path)
    assert_same_values(values_of(other), values_of(network))


def test_heads_follow_class_names(tmp_path, caplog):
    network = small_network(("circle", "square", "star"), seed=1)
    number_heads(network)
    save_parameters(network, tmp_path / "net.params")
    other = small_network(("star", "ring", "circle"), seed=2)
    with caplog.at_level(logging.INFO):
        change = load_parameters(other, tmp_path / "net.params", seed=5)
    # background, star (3), ring (new: bias 0), circle (1), for each of the four shapes
    np.testing.assert_array_equal(values_of(other)[BIAS_0], [0, 3, 0, 1] * 4)
    old, new = values_of(network)[WEIGHT_0], values_of(other)[WEIGHT_0]
    np.testing.assert_array_equal(new[0::4], old[0::4])
    np.testing.assert_array_equal(new[1::4], old[3::4])
    np.testing.assert_array_equal(new[3::4], old[1::4])
    assert new[2::4].std() > 0 and np.isin(new[2::4], old).mean() < 0.01
    assert change.reused == ("star", "circle")
    assert change.new == ("ring",)
    assert change.dropped == ("square",)
    assert "2 classes reused (star, circle), 1 newly initialised (ring), 1 dropped (square)" in (
        caplog.text
    )
    box = "box_predictors.0.predictor.weight"
    np.testing.assert_array_equal(values_of(other)[box], values_of(network)[box])


@pytest.mark.parametrize("classes", [("circle", "square", "star"), ("star", "ring")])
def test_a_torch_file_loads_as_any_other(classes, tmp_path):
    network = small_network(seed=1)
    number_heads(network)
    save_parameters(network, tmp_path / "net.params")
    write_state_dict(tmp_path / "net.pt", values_of(network))  # net.json stands beside both
    loaded = []
    for name in ("net.params", "net.pt"):
        other = small_network(classes, seed=2)
        load_parameters(other, tmp_path / name, seed=5)
        assert other.weights_from == f"the file {name}"
        loaded.append(values_of(other))
    assert_same_values(*loaded)


def test_file_without_record_and_20_classes_is_voc(tmp_path):
    network = small_network(VOC_CLASSES, seed=1)
    number_heads(network)
    network.save_parameters(str(tmp_path / "zoo.params"))
    other = small_network(("person", "cup"), seed=2)
    change = load_parameters(other, tmp_path / "zoo.params")
    np.testing.assert_array_equal(values_of(other)[BIAS_0], [0, 15, 0] * 4)
    assert len(change.dropped) == 19


def test_file_without_record_and_unknown_classes_is_refused(tmp_path):
    small_network(("a", "b", "c", "d", "e")).save_parameters(str(tmp_path / "x.params"))
    with pytest.raises(WeightsError, match=r"5 classes whose names are unknown.*x\.json"):
        load_parameters(small_network(), tmp_path / "x.params")


def test_weights_of_another_network_are_one_line(tmp_path, caplog):
    network = build_network("ssd_300_resnet34_v1b_custom", classes=("circle", "square", "star"))
    initialize(network)
    save_parameters(network, tmp_path / "r34.params")
    other = small_network(("star", "moon"))
    before = values_of(other)
    with (
        caplog.at_level(logging.INFO),
        pytest.raises(
            WeightsError,
            match=r"r34\.params does not fit ssd_300_mobilenet0\.25_custom: 175 arrays missing "
            r"\(features\.mobilenet0_conv0_weight \(8, 3, 3, 3\), .* and 172 more\), \d+ too many "
            r"\(features\.stage1\.0\.weight \(64, 3, 7, 7\), .* of another shape",
        ) as caught,
    ):
        load_parameters(other, tmp_path / "r34.params")
    assert "\n" not in str(caught.value)
    assert caplog.messages == []
    assert_same_values(values_of(other), before)


def test_statistics_of_another_length_or_below_0_are_one_line(tmp_path):
    classes = ("ant", "bee")
    network = build_network("ssd_160_tiny_custom", classes=classes)
    initialize(network, seed=4)
    save_parameters(network, tmp_path / "a.params")
    arrays = read_params(tmp_path / "a.params")
    for end, change, message in (
        ("gamma", lambda array: array[:1], "does not fit .* 1 of another shape .*gamma .1,. for "),
        ("running_var", lambda array: array[:, None], "does not fit .* 1 of another shape .*var "),
        ("running_var", lambda array: array * 0 - 5, "the variance is below 0 in .*running_var"),
    ):
        name = next(name for name in arrays if name.endswith(end))
        save_arrays(tmp_path / "b.params", {**arrays, name: change(arrays[name])})
        with pytest.raises(WeightsError, match=message):
            load_parameters(
                build_network("ssd_160_tiny_custom", classes=classes), tmp_path / "b.params"
            )


def test_long_lists_of_adapted_classes_are_cut_short(tmp_path, caplog):
    save_parameters(small_network(("a", "b", "c", "d", "e")), tmp_path / "x.params")
    with caplog.at_level(logging.INFO):
        load_parameters(small_network(("e", "x")), tmp_path / "x.params")
    assert caplog.messages == [
        "class heads adapted: 1 classes reused (e), 1 newly initialised (x), "
        "4 dropped (a, b, c and 1 more)"
    ]


@pytest.mark.parametrize(
    ("field", "value"), [("channel_order", "BGR"), ("layout", "NHWC"), ("value_range", 1.0)]
)
def test_weights_that_want_other_input_are_refused(field, value, tmp_path):
    path = tmp_path / "w.params"
    save_parameters(small_network(), path)
    record = json.loads(sidecar_path(path).read_text())
    sidecar_path(path).write_text(json.dumps({**record, field: value}))
    for load in (load_parameters, weights.take_input):
        with pytest.raises(WeightsError, match=f"its input has {field} {value!r}; .* gets"):
            load(small_network(), path)


def test_checkpoint_in_place_of_weights_says_what_to_give(tmp_path):
    path = tmp_path / "run_checkpoint.npz"
    np.savez(path, facts=np.zeros(3))
    with pytest.raises(
        WeightsError,
        match=r"checkpoint, which only a training run resumes from.* .*/run_best\.params$",
    ):
        load_parameters(small_network(), path)


def damaged(path: Path, kind: str) -> Path:
    small_network().save_parameters(str(path))
    content = path.read_bytes()
    new = {
        "cut off in an array": content[: len(content) // 2],
        "cut off in the names": content[:-100],
        "text": b"this is no parameter file at all\n" * 40,
        "empty": b"",
        "header alone": content[:24],
    }[kind]
    path.write_bytes(new)
    return path


@pytest.mark.parametrize(
    "kind", ["cut off in an array", "cut off in the names", "text", "empty", "header alone"]
)
def test_damaged_files_are_named(tmp_path, kind):
    path = damaged(tmp_path / "bad.params", kind)
    with pytest.raises(WeightsError, match=r"bad\.params (is no MXNet|holds no)") as caught:
        load_parameters(small_network(), path)
    assert "\n" not in str(caught.value)


def test_missing_file_and_folder_are_named(tmp_path):
    with pytest.raises(WeightsError, match=r"nowhere\.params does not exist"):
        load_parameters(small_network(), tmp_path / "nowhere.params")
    with pytest.raises(WeightsError, match="is a folder"):
        load_parameters(small_network(), tmp_path)


def test_file_of_nameless_arrays_is_refused(tmp_path):
    mx.nd.save(str(tmp_path / "list.params"), [mx.nd.zeros(3)])
    with pytest.raises(WeightsError, match=r"list\.params holds no named arrays"):
        load_parameters(small_network(), tmp_path / "list.params")


def test_anchors_of_the_file_win_and_are_told(tmp_path, caplog):
    network = small_network()
    constant = network.anchor_generators[0].anchors
    constant.set_data(constant.value * 0.5)
    save_parameters(network, tmp_path / "old.params")
    other = small_network()
    load_parameters(other, tmp_path / "old.params")
    assert "trained with other anchors" in caplog.text
    assert other.anchors()[0].tolist() == [4, 4, 10.5, 10.5]
    np.testing.assert_array_equal(
        other(mx.nd.zeros((1, 3, 300, 300)))[2][0].asnumpy(), other.anchors()
    )


def test_loading_into_a_hybridised_network_takes_effect(tmp_path):
    source = small_network(seed=1)
    save_parameters(source, tmp_path / "net.params")
    network = small_network(seed=2)
    network.hybridize(static_alloc=True, static_shape=True)
    image = mx.nd.random.normal(shape=(1, 3, 96, 96))
    network(image)[0].asnumpy()
    load_parameters(network, tmp_path / "net.params", mx.cpu())
    np.testing.assert_array_equal(network(image)[0].asnumpy(), source(image)[0].asnumpy())


def test_saving_where_nothing_can_be_written(tmp_path):
    with pytest.raises(EnvironmentProblem, match=r"cannot write .*net\.params"):
        save_parameters(small_network(), tmp_path / "missing" / "net.params")


@pytest.mark.parametrize(
    ("classes", "stays"), [(("circle", "square", "star"), True), (("a", "b", "c"), False)]
)
def test_a_kill_between_the_two_files_leaves_no_record_of_others(
    tmp_path, monkeypatch, classes, stays
):
    def killed(path, record):
        raise KeyboardInterrupt

    save_parameters(small_network(), tmp_path / "net.params")
    monkeypatch.setattr(weights, "write_sidecar", killed)
    with pytest.raises(KeyboardInterrupt):
        save_parameters(small_network(classes=classes), tmp_path / "net.params")
    assert (read_sidecar(tmp_path / "net.params") is not None) == stays


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full to play a full disk")
def test_full_disk_is_told_and_leaves_the_earlier_file(tmp_path, monkeypatch):
    network = small_network()
    save_parameters(network, tmp_path / "net.params")
    before = (tmp_path / "net.params").read_bytes()
    real = network.save_parameters
    monkeypatch.setattr(network, "save_parameters", lambda path: real("/dev/full"))
    with pytest.raises(EnvironmentProblem, match=r"cannot write .*net\.params"):
        save_parameters(network, tmp_path / "net.params")
    assert (tmp_path / "net.params").read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["net.json", "net.params"]


def test_arrays_of_no_detector_are_written_whole_or_not_at_all(tmp_path, monkeypatch):
    arrays = {"conv1.weight": np.arange(6, dtype=np.float32).reshape(2, 3)}
    save_arrays(tmp_path / "a.params", arrays)
    found = read_params(tmp_path / "a.params")
    np.testing.assert_array_equal(found["conv1.weight"], arrays["conv1.weight"])
    before = (tmp_path / "a.params").read_bytes()
    real = mx.nd.save
    monkeypatch.setattr(mx.nd, "save", lambda path, content: real("/dev/full", content))
    with pytest.raises(EnvironmentProblem, match=r"cannot write .*a\.params: the disk is full"):
        save_arrays(tmp_path / "a.params", {"w": np.zeros(100000, np.float32)})
    assert (tmp_path / "a.params").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["a.params"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", r"net\.json is not valid JSON"),
        ("[]", "must hold one JSON object; got list"),
        ('{"name": "x"}', "lacks classes, input_size_hw"),
        ('{"name": "x", "classes": [], "input_size_hw": [3, 3]}', "classes cannot be"),
        ('{"name": "x", "classes": ["a"], "input_size_hw": [3]}', "input_size_hw cannot be"),
        ('{"name": 5}', "name cannot be 5"),
    ],
)
def test_damaged_record_is_named(tmp_path, content, message):
    save_parameters(small_network(), tmp_path / "net.params")
    sidecar_path(tmp_path / "net.params").write_text(content)
    with pytest.raises(WeightsError, match=message):
        load_parameters(small_network(), tmp_path / "net.params")


def test_record_is_plain_json(tmp_path):
    save_parameters(small_network(), tmp_path / "net.params")
    record = json.loads((tmp_path / "net.json").read_text())
    assert record["classes"] == ["circle", "square", "star"]
    assert record["input_size_hw"] == [300, 300]
    assert record["mean"] == [0.485, 0.456, 0.406]
    assert record["std"] == [0.229, 0.224, 0.225]
    assert (record["nms_thresh"], record["nms_topk"], record["post_nms"]) == (0.45, 400, 100)


@pytest.mark.parametrize("short", [1, 30, 1000])
def test_a_limit_on_file_sizes_never_cuts_weights_in_silence(tmp_path, short):
    arrays = {"a": np.ones((25, 10), np.float32), "deep.é": np.ones(3, np.float32)}
    save_arrays(tmp_path / "w.params", arrays)
    size = (tmp_path / "w.params").stat().st_size
    code = (
        "import resource, sys, numpy as np\n"
        "from gluon_ssd.models.weights import save_arrays\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, ({size - short}, {size - short}))\n"
        "arrays = {'a': np.zeros((25, 10), 'f4'), 'deep.é': np.zeros(3, 'f4')}\n"
        "save_arrays(sys.argv[1], arrays)\n"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "w.params")]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert "EnvironmentProblem: cannot write" in ended.stderr and "ulimit -f" in ended.stderr
    assert read_params(tmp_path / "w.params")["a"].sum() == 250  # the earlier file
    assert os.listdir(tmp_path) == ["w.params"]
