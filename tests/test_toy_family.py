"""A family of its own, added by one folder and a line in each table: the whole life of a model.

Its scores are sigmoids without a background, its boxes are coded with stds of its own, its loss has
three named parts and its matcher ignores anchors. No file of the package knows it.
"""

from __future__ import annotations

import json
import os
import subprocess

import numpy as np
import pytest

from gluon_ssd.benchmarks.data import targets_of
from gluon_ssd.benchmarks.training import make_learner, random_batch, random_network, take_steps
from gluon_ssd.commands.wiring.loaders import augmentation
from gluon_ssd.compat import mx
from gluon_ssd.data.augment.policies import POLICIES
from gluon_ssd.data.class_names import VOC_CLASSES
from gluon_ssd.deploy.runtime import load_detector
from gluon_ssd.detection.matching import TargetMaker
from gluon_ssd.families.build import FAMILIES, build_network
from gluon_ssd.families.catalog import SPECS, find_spec
from gluon_ssd.models.first_weights import initialize, parameters_of
from gluon_ssd.models.record import ModelRecord, read_sidecar
from gluon_ssd.models.weights import load_parameters, save_parameters
from gluon_ssd.options.declare import parse
from gluon_ssd.options.train import TrainCommand
from gluon_ssd.system.cpu import cpu_flags, has_bfloat16, use_amx
from gluon_ssd.training.journal import read_journal
from tests.entry_builders import (
    ROOT,
    arrays_of,
    assert_same_arrays,
    decodings_of_the_demo,
    demo,
    one_error,
    python,
    run_script,
    saved_pictures,
    voc_set,
)
from tests.models.contract import assert_is_network
from tests.toy_family.family import TOY_FAMILY
from tests.toy_family.matching import NearestAnchor
from tests.toy_family.spec import TOY
from tests.training.team_launch import LAUNCHER

CHOICE = ("--network", "toynet", "--data-shape", 64, "--dataset", "custom")
TRAIN = ("--batch-size", 2, "--gpus", "", "--epochs", 2, "--log-interval", 1, "--lr", 0.01)
PARTS = ("Which", "Place", "Size")

needs_bfloat16 = pytest.mark.skipif(
    not has_bfloat16(cpu_flags()), reason="this CPU has no bfloat16"
)


@pytest.fixture(autouse=True, scope="module")
def _toy_is_listed():
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(SPECS, TOY.name, TOY)
        patch.setitem(FAMILIES, TOY.family, TOY_FAMILY)
        yield


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return voc_set(tmp_path_factory.mktemp("data") / "set")


def train(folder, data, *argv):
    prefix = f"{folder}{os.sep}"
    files = ("--dataset-root", data, "--save-prefix", prefix)
    ended = run_script("train_ssd.py", *CHOICE, *TRAIN, *files, *argv)
    assert ended.code == 0, ended.err
    return ended


@pytest.fixture(scope="module")
def trained(tmp_path_factory, data):
    """Two epochs of two or three steps, with a worker process that imports the matcher."""
    folder = tmp_path_factory.mktemp("trained")
    train(folder, data, "-j", 1)
    return folder


@pytest.fixture(scope="module")
def weights(trained):
    return trained / f"{TOY.name}_best.params"


@pytest.fixture(scope="module")
def prefix(weights, tmp_path_factory):
    prefix = tmp_path_factory.mktemp("exported") / "toy"
    files = ("--pretrained", weights, "--output", prefix)
    ended = run_script("scripts/export_ssd.py", *CHOICE, *files)
    assert ended.code == 0, ended.err
    return prefix


def evaluate(data, *argv):
    ended = run_script(
        "eval_ssd.py", *CHOICE, "-j", 0, "--dataset-root", data, "--batch-size", 2, *argv
    )
    assert ended.code == 0, ended.err
    return ended


def run_apart(script, *argv, before=()):
    """A script in a process of its own, which knows the toy family too; what it shows."""
    command = (*before, *python("-m", "tests.toy_family.script", script, *argv))
    ended = subprocess.run(
        list(map(str, command)), cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert ended.returncode == 0, ended.stdout[-3000:] + ended.stderr[-3000:]
    return ended.stderr


def events(folder, kind):
    found = read_journal(folder / f"{TOY.name}_journal.jsonl")
    return [event for event in found if event["event"] == kind]


def test_name_is_found_by_the_fields_of_its_spec():
    assert find_spec("toynet", 64, "shapes") is TOY


@pytest.mark.parametrize(("asked", "used"), [((), "light"), (("--hue", "narrow"), "light")])
def test_images_are_changed_as_the_spec_says(asked, used):
    command = parse(TrainCommand, [*map(str, CHOICE), *asked], prog="train", description="")
    assert augmentation(command) == POLICIES[used]


def test_network_keeps_the_contract():
    assert_is_network(build_network(TOY.name, classes=("a", "b", "c")))


def test_log_and_journal_name_the_three_losses(trained):
    log = (trained / f"{TOY.name}_train.log").read_text()
    assert "Which=" in log and "Place=" in log and "Size=" in log
    assert "CrossEntropy" not in log
    epochs = events(trained, "epoch")
    assert len(epochs) == 2
    assert all(event[part] > 0 for event in epochs for part in PARTS)
    assert (trained / f"{TOY.name}_curves.png").stat().st_size > 0


def test_run_cut_after_two_steps_resumes_to_the_same_bits(trained, data, tmp_path):
    train(tmp_path, data, "-j", 0, "--limit-steps", 2)
    checkpoint = tmp_path / f"{TOY.name}_checkpoint.npz"
    train(tmp_path, data, "-j", 0, "--resume", checkpoint)
    assert_same_arrays(arrays_of(checkpoint), arrays_of(trained / f"{TOY.name}_checkpoint.npz"))


def test_record_beside_the_weights_says_what_the_detector_is(weights):
    record = read_sidecar(weights)
    assert isinstance(record, ModelRecord)
    assert (record.family, record.decoding) == ("toy", TOY.decoding)
    assert record.input_format == TOY.input_format()
    assert record.resize == "pil"
    assert record.classes == ("cat", "dog")


def test_exported_model_detects_what_the_network_does(data, weights, prefix, tmp_path):
    live, exported = tmp_path / "live.json", tmp_path / "exported.json"
    evaluate(data, "--pretrained", weights, "--save-detections", live)
    evaluate(data, "--deploy", "--model-prefix", prefix, "--save-detections", exported)
    found, expected = (json.loads(file.read_text())["detections"] for file in (exported, live))
    assert len(found) == len(expected) > 0
    for one, other in zip(found, expected, strict=True):
        assert (one["image"], one["class"]) == (other["image"], other["class"])
        assert one["score"] == pytest.approx(other["score"], abs=1e-4)
        assert one["box_px"] == pytest.approx(other["box_px"], abs=0.05)


def test_suppression_is_that_of_the_family_unless_asked_for(weights, data):
    shown = evaluate(data, "--pretrained", weights).out.splitlines()[0]
    assert "nms_thresh=0.6, nms_topk=60" in shown and "post_nms=20" in shown
    shown = evaluate(data, "--pretrained", weights, "--post-nms", 5).out.splitlines()[0]
    assert "nms_topk=60" in shown and "post_nms=5" in shown


def test_int8_form_is_written_and_runs(data, prefix, tmp_path):
    options = ("--calibration", "--num-calib-batches", 2, "--calib-output", tmp_path)
    ended = evaluate(data, "--deploy", "--model-prefix", prefix, *options)
    assert "toy-quantized-naive" in ended.out
    quantised = tmp_path / "toy-quantized-naive"
    assert load_detector(str(quantised)).record.decoding == TOY.decoding
    assert "mAP" in evaluate(data, "--deploy", "--model-prefix", quantised).out


def test_layers_are_ranked_by_the_error_of_their_int8_form(data, prefix, tmp_path):
    options = ("--calibration", "--layer-report", "--num-calib-batches", 1)
    ended = evaluate(
        data, "--deploy", "--model-prefix", prefix, *options, "--calib-output", tmp_path
    )
    listed = json.loads((tmp_path / "toy-quantized-naive-layers.json").read_text())["layers"]
    # Four convolutions and two heads of each of the two levels, and all of them together.
    assert listed[0]["layer"] == "all layers" and len(listed) == 1 + 4 + 2 * 2
    for row in listed[1:]:
        # A head of scores leaves the offsets alone, and one of offsets the scores.
        assert 0 < max(row["score_error"], row["offset_error"]) < 0.5
    assert "layers, the worst first" in ended.out
    assert (tmp_path / "toy-quantized-naive-layers.png").stat().st_size > 0


@needs_bfloat16
def test_bfloat16_detects_nearly_the_same(data, weights, prefix, tmp_path):
    files = [tmp_path / name for name in ("float32.json", "network.json", "exported.json")]
    models = [("--pretrained", weights)] * 2 + [("--deploy", "--model-prefix", prefix)]
    dtypes = ("float32", "bfloat16", "bfloat16")
    for file, model, dtype in zip(files, models, dtypes, strict=True):
        evaluate(data, *model, "--dtype", dtype, "--save-detections", file)
    exact, *low = [_best_scores(json.loads(file.read_text())["detections"]) for file in files]
    for found in low:
        assert found != exact
        assert found == pytest.approx(exact, abs=0.03)


def _best_scores(rows):
    """image -> the score of its first detection."""
    return {row["image"]: row["score"] for row in reversed(rows)}


@needs_bfloat16
def test_mixed_precision_learns_with_its_loss_and_matcher(data, trained, tmp_path):
    files = ("--dataset-root", data, "--save-prefix", f"{tmp_path}{os.sep}")
    # In a process of its own: MXNet's AMP cannot be taken back in one.
    shown = run_apart("train_ssd.py", *CHOICE, *TRAIN, "-j", 0, "--amp", *files)
    count = 1 if use_amx() else 7  # with AMX, small layers would not gain
    assert f"AMP: {count} of 8 convolutions in bfloat16" in shown
    low, exact = (events(folder, "epoch") for folder in (tmp_path, trained))
    assert [event["losses"] for event in (*low, *exact)] == [list(PARTS)] * 4
    # The first epoch is compared: from there on two runs of such large steps part.
    found, expected = ([events[0][part] for part in PARTS] for events in (low, exact))
    assert found != expected
    assert found == pytest.approx(expected, rel=0.1)
    first, last = (sum(event[part] for part in PARTS) for event in low)
    assert last < first / 4


@pytest.mark.horovod
def test_two_processes_share_a_batch(data, tmp_path):
    """Their batch statistics are each its own, so that the losses differ a little."""
    one_step = (*CHOICE, *TRAIN, "-j", 0, "--batch-size", 4, "--limit-steps", 1)
    files = ("--dataset-root", data, "--save-prefix", f"{tmp_path}{os.sep}")
    launcher = (LAUNCHER, "-np", 2, "--gloo")
    run_apart("train_ssd.py", "--horovod", *one_step, *files, before=launcher)
    train(tmp_path / "alone", data, *one_step)
    (both,), (alone,) = (events(f, "interval") for f in (tmp_path, tmp_path / "alone"))
    assert both["losses"] == list(PARTS)
    found, expected = ([e[part] for part in PARTS] for e in (both, alone))
    assert found == pytest.approx(expected, rel=0.3)


@pytest.mark.dali
def test_dali_feeds_its_matcher(data, tmp_path):
    train(tmp_path, data, "--dali", "-j", 1)
    epochs = events(tmp_path, "epoch")
    assert [event["losses"] for event in epochs] == [list(PARTS)] * 2
    assert all(event[part] > 0 for event in epochs for part in PARTS)


def test_speed_is_measured(prefix, data):
    options = ("--benchmark", "--num-iterations", 3)
    ended = evaluate(data, "--deploy", "--model-prefix", prefix, *options)
    assert "Inference speed on deploy" in ended.out


def test_detections_are_drawn(prefix, data, tmp_path):
    image = data / "JPEGImages" / "val0.jpg"
    ended = demo(image, tmp_path, "--model-prefix", prefix, "--thresh", 0.0)
    assert ended.code == 0, ended.err
    (listed,) = saved_pictures(tmp_path / "detections.json")
    assert {row["class"] for row in listed["detections"]} <= {"cat", "dog"}
    assert listed["detections"]


def test_the_demo_keeps_the_candidates_of_the_family(data, weights, tmp_path, monkeypatch):
    used = decodings_of_the_demo(monkeypatch)
    image = data / "JPEGImages" / "val0.jpg"
    ended = demo(image, tmp_path, "--network", TOY.name, "--pretrained", weights)
    assert ended.code == 0, ended.err
    assert used == [TOY.decoding]


def test_heads_without_a_background_move_by_class_name(tmp_path):
    source = build_network(TOY.name, classes=("cat", "dog", "cow"))
    initialize(source, seed=1)
    save_parameters(source, tmp_path / "toy.params")
    target = build_network(TOY.name, classes=("cow", "ant"))
    change = load_parameters(target, tmp_path / "toy.params")
    assert (change.reused, change.new, change.dropped) == (("cow",), ("ant",), ("cat", "dog"))
    rows = source.which[0].weight.data().asnumpy().reshape(2, 3, 64, 3, 3)
    moved = target.which[0].weight.data().asnumpy().reshape(2, 2, 64, 3, 3)
    np.testing.assert_array_equal(moved[:, 0], rows[:, 2])


def test_published_weights_of_the_family_are_converted(tmp_path):
    source = build_network(TOY.name, classes=("cat", "dog"))
    initialize(source, seed=1)
    values = {name: p.data() for name, p in parameters_of(source).items()}
    published = {"toy/" + name.replace(".", "/"): array for name, array in values.items()}
    mx.nd.save(str(tmp_path / "published.params"), published)
    target = build_network(TOY.name, classes=("cat", "dog"))
    load_parameters(target, tmp_path / "published.params")
    for name, parameter in parameters_of(target).items():
        np.testing.assert_array_equal(parameter.data().asnumpy(), values[name].asnumpy())


def test_imagenet_weights_are_refused_where_there_are_none(data, tmp_path):
    network = build_network(TOY.name, classes=("a",))
    initialize(network)
    save_parameters(network, tmp_path / "base.params")
    files = ("--dataset-root", data, "--save-prefix", f"{tmp_path}/")
    options = ("--pretrained-base", tmp_path / "base.params", "-j", 0)
    ended = run_script("train_ssd.py", *CHOICE, *TRAIN, *files, *options)
    assert "no ImageNet weights for Toy of two levels" in one_error(ended)


def test_loss_is_zero_where_nothing_counts():
    ignored = mx.nd.full((1, 4), -1)
    parts = TOY_FAMILY.loss.parts(
        mx.nd.ones((1, 4, 2)), mx.nd.ones((1, 4, 4)), ignored, mx.nd.zeros((1, 4, 4)), 0.0
    )
    assert {name: part.asscalar() for name, part in parts.items()} == dict.fromkeys(PARTS, 0)


def test_matcher_is_not_that_of_the_zoo():
    anchors = build_network(TOY.name, classes=("a",)).anchors()
    boxes, labels = np.array([[8, 8, 40, 40]], np.float32), np.array([0], np.int32)
    own, _ = TOY_FAMILY.target_maker(TOY, anchors)(boxes, labels)
    zoo, _ = TargetMaker(anchors)(boxes, labels)
    assert (own > 0).sum() == 1 and (own < 0).any()
    assert (own != zoo).any()


def test_benchmarks_take_its_targets_and_its_loss():
    network = random_network(TOY.name, mx.cpu())
    assert len(network.classes) == len(VOC_CLASSES)
    anchors, make_targets = targets_of(network, TOY.input_size_hw)
    assert isinstance(make_targets, NearestAnchor)
    assert len(anchors) == network.num_anchors()
    (step,) = take_steps(make_learner(network, mx.cpu()), [random_batch(network, 2)])
    assert tuple(step.losses) == PARTS


def test_gluoncv_cannot_decode_as_it_does():
    ended = run_script("scripts/benchmark_ssd.py", "decode", "--network", TOY.name)
    assert one_error(ended) == (
        f"error: {TOY.name} decodes with score_activation sigmoid, which GluonCV's detection layer "
        "cannot; name another network (--network)"
    )
