"""The reference detectors through the scripts: train, evaluate, export, deploy, quantise, time.

One network of each family, the smallest there is, on images of 60x80 px.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from typing import NamedTuple

import pytest

from gluon_ssd.families.build import build_network
from gluon_ssd.families.catalog import find_spec
from gluon_ssd.models.first_weights import initialize, parameters_of
from gluon_ssd.models.weights import save_parameters
from gluon_ssd.system.cpu import cpu_flags, has_bfloat16
from gluon_ssd.training.journal import read_journal
from tests.data.builders import voc_object, voc_xml
from tests.entry_builders import ROOT, demo, run_script, saved_pictures, voc_set
from tests.training.team_launch import LAUNCHER


class Reference(NamedTuple):
    """A network word, a size, and the names of its losses."""

    word: str
    size: int
    losses: tuple[str, ...]

    @property
    def name(self) -> str:
        return find_spec(self.word, self.size, "custom").name

    @property
    def choice(self) -> tuple[str, ...]:
        return ("--network", self.word, "--data-shape", str(self.size), "--dataset", "custom")


MULTIBOX, RETINA = ("CrossEntropy", "SmoothL1"), ("Focal", "L1")
REFERENCES = (
    Reference("ssd300_resnet18", 300, MULTIBOX),
    Reference("ssd_resnet34", 300, MULTIBOX),
    Reference("retinanet_resnext50_32x4d", 128, RETINA),
)
# The network of ssd300_resnet50; what is its own is the augmentation.
YANNQI = Reference("ssd300_yannqi", 300, MULTIBOX)
TRAIN = ("--batch-size", 2, "--gpus", "", "--epochs", 1, "--log-interval", 1, "--lr", 0.001)
FROM_NOTHING = ("--pretrained-base", "false", "-j", 0)

each_family = pytest.mark.parametrize(
    "reference", REFERENCES, ids=lambda reference: reference.word, scope="module"
)
# Of ssd300_resnet18, tests/test_published_ssd_entry.py compares these with plain training.
other_families = pytest.mark.parametrize(
    "reference", [*REFERENCES[1:], YANNQI], ids=lambda reference: reference.word, scope="module"
)
needs_bfloat16 = pytest.mark.skipif(
    not has_bfloat16(cpu_flags()), reason="this CPU has no bfloat16"
)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return voc_set(tmp_path_factory.mktemp("data") / "set")


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """Reference -> weights whose class heads are sure of something, made once each."""
    folder, made = tmp_path_factory.mktemp("weights"), {}

    def weights_of(reference):
        if reference not in made:
            made[reference] = _sure_weights(reference, folder / f"{reference.word}.params")
        return made[reference]

    return weights_of


def _sure_weights(reference, path):
    network = build_network(reference.name, classes=("cat", "dog"))
    initialize(network, seed=2)
    parameters = parameters_of(network)
    for name in network.class_heads():
        value = parameters[name].data()
        parameters[name].set_data(value * 8 if name.endswith("weight") else value * 0)
    save_parameters(network, path)
    return path


@pytest.fixture(scope="module")
def exported(weights, tmp_path_factory):
    """Reference -> prefix of its export, made once each."""
    folder, made = tmp_path_factory.mktemp("exported"), set()

    def export_of(reference):
        prefix = folder / reference.word
        if reference not in made:
            files = ("--pretrained", weights(reference), "--output", prefix)
            ended = run_script("scripts/export_ssd.py", *reference.choice, *files)
            assert ended.code == 0, ended.err
            made.add(reference)
        return prefix

    return export_of


def train_words(reference, data, folder):
    files = ("--dataset-root", data, "--save-prefix", f"{folder}{os.sep}")
    return [str(word) for word in (*reference.choice, *TRAIN, *FROM_NOTHING, *files)]


def evaluate(reference, data, *argv):
    options = ("-j", 0, "--dataset-root", data, "--batch-size", 2)
    ended = run_script("eval_ssd.py", *reference.choice, *options, *argv)
    assert ended.code == 0, ended.err
    return ended


def epochs_of(reference, folder):
    found = read_journal(folder / f"{reference.name}_journal.jsonl")
    return [event for event in found if event["event"] == "epoch"]


def assert_learnt(reference, folder, epochs=1):
    found = epochs_of(reference, folder)
    assert [event["losses"] for event in found] == [list(reference.losses)] * epochs
    assert all(event[name] > 0 for event in found for name in reference.losses)


@pytest.mark.parametrize("reference", [*REFERENCES, YANNQI], ids=lambda r: r.word)
def test_it_trains_and_its_weights_are_evaluated(reference, data, tmp_path):
    ended = run_script("train_ssd.py", *train_words(reference, data, tmp_path))
    assert ended.code == 0, ended.err
    assert_learnt(reference, tmp_path)
    best = tmp_path / f"{reference.name}_best.params"
    assert "mAP" in evaluate(reference, data, "--pretrained", best).out


def run_apart(reference, data, folder, *argv, before=()):
    """Train in a process of its own; what it shows."""
    words = [*before, sys.executable, "train_ssd.py", *train_words(reference, data, folder), *argv]
    ended = subprocess.run(
        [str(word) for word in words], cwd=ROOT, capture_output=True, text=True, timeout=280
    )
    assert ended.returncode == 0, ended.stdout[-3000:] + ended.stderr[-3000:]
    return ended.stderr


@needs_bfloat16
@other_families
def test_it_trains_in_mixed_precision(reference, data, tmp_path):
    shown = run_apart(reference, data, tmp_path, "--amp")
    assert "convolutions in bfloat16" in shown
    assert_learnt(reference, tmp_path)


@pytest.mark.horovod
@other_families
def test_it_trains_in_two_processes(reference, data, tmp_path):
    launcher = (LAUNCHER, "-np", 2, "--gloo")
    run_apart(reference, data, tmp_path, "--horovod", "--limit-steps", 2, before=launcher)
    assert_learnt(reference, tmp_path)


@pytest.mark.dali
@pytest.mark.parametrize("reference", [*REFERENCES, YANNQI], ids=lambda r: r.word)
def test_it_trains_on_images_of_dali(reference, data, tmp_path):
    words = train_words(reference, data, tmp_path)
    ended = run_script("train_ssd.py", *words, "--dali", "--num-workers", 1)
    assert ended.code == 0, ended.err
    assert_learnt(reference, tmp_path)


@each_family
def test_exported_it_detects_the_same(reference, data, weights, exported, tmp_path):
    live, deployed = tmp_path / "live.json", tmp_path / "deployed.json"
    evaluate(reference, data, "--pretrained", weights(reference), "--save-detections", live)
    model = ("--deploy", "--model-prefix", exported(reference))
    evaluate(reference, data, *model, "--save-detections", deployed)
    found, expected = (json.loads(path.read_text())["detections"] for path in (deployed, live))
    assert len(found) == len(expected) > 50
    for one, other in zip(found, expected, strict=True):
        assert (one["image"], one["class"]) == (other["image"], other["class"])
        assert one["score"] == pytest.approx(other["score"], abs=1e-4)
        assert one["box_px"] == pytest.approx(other["box_px"], abs=0.05)


@each_family
def test_its_int8_form_is_written_compared_and_run(reference, data, exported, tmp_path):
    model = ("--deploy", "--model-prefix", exported(reference))
    calibrate = ("--calibration", "--num-calib-batches", 2, "--calib-output", tmp_path)
    ended = evaluate(reference, data, *model, *calibrate)
    assert f"{reference.word}-quantized-naive: " in ended.out and "fp32" in ended.out
    quantised = tmp_path / f"{reference.word}-quantized-naive"
    assert "mAP" in evaluate(reference, data, "--deploy", "--model-prefix", quantised).out


@each_family
def test_its_speed_is_measured_and_its_detections_are_drawn(reference, data, exported, tmp_path):
    prefix = exported(reference)
    options = ("--benchmark", "--num-iterations", 2)
    ended = evaluate(reference, data, "--deploy", "--model-prefix", prefix, *options)
    assert "Inference speed on deploy" in ended.out
    image = data / "JPEGImages" / "val0.jpg"
    ended = demo(image, tmp_path, "--model-prefix", prefix, "--thresh", 0.0)
    assert ended.code == 0, ended.err
    (listed,) = saved_pictures(tmp_path / "detections.json")
    assert listed["detections"]


def set_of_what_is_found(reference, data, model, folder):
    """The images of `data` with the best detections of a model as their truth."""
    copied, found = folder / "found", folder / "found.json"
    shutil.copytree(data, copied)
    evaluate(reference, data, *model, "--post-nms", 6, "--save-detections", found)
    rows = json.loads(found.read_text())["detections"]
    for image in copied.glob("JPEGImages/val*.jpg"):
        boxes = [
            (row["class"], [round(side) + 1 for side in row["box_px"]])
            for row in rows
            if row["image"].endswith(image.name)
        ]
        objects = [
            voc_object(name, box) for name, box in boxes if box[0] < box[2] and box[1] < box[3]
        ]
        (copied / f"Annotations/{image.stem}.xml").write_text(voc_xml(objects))
    return copied


@pytest.mark.tune
@pytest.mark.parametrize(
    "reference",
    [pytest.param(r, marks=[pytest.mark.long] * (r is not REFERENCES[1])) for r in REFERENCES],
    ids=lambda reference: reference.word,
)
def test_a_search_keeps_its_int8_form(reference, data, exported, tmp_path):
    model = ("--deploy", "--model-prefix", exported(reference))
    data = set_of_what_is_found(reference, data, model, tmp_path)
    ini = tmp_path / "search.ini"
    ini.write_text(
        "[calibration]\nsampling_sizes = 2\n[accuracy]\ncriterion = absolute\n"
        "tolerable_loss = 0.5\n[exit]\nmax_trials = 1\n"
        f"[strategy]\nworkspace = {tmp_path / 'workspace'}\n"
    )
    search = ("--auto_tuning", "--auto_tuning_config", ini, "--calib-output", tmp_path / "out")
    ended = evaluate(reference, data, *model, *search)
    assert "the goal was reached" in ended.out and "kept trial 1 as " in ended.out
    tuned = tmp_path / "out" / f"{reference.word}-quantized-tuned"
    assert "mAP" in evaluate(reference, data, "--deploy", "--model-prefix", tuned).out
