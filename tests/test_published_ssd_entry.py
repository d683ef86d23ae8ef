"""A published SSD network beside plain training: in bfloat16 and in two processes; what it refuses.

NVIDIA's SSD300 with the smallest backbone stands for the three families, which differ in numbers.
"""

from __future__ import annotations

import os
import re
import subprocess

import pytest

from gluon_ssd.families.catalog import SPECS
from gluon_ssd.models.record import read_sidecar
from gluon_ssd.system.cpu import cpu_flags, has_bfloat16
from gluon_ssd.training.journal import read_journal
from tests.entry_builders import ROOT, one_error, python, run_script, voc_set
from tests.training.team_launch import LAUNCHER

pytestmark = pytest.mark.slow

NAME = "ssd300_resnet18_custom"
CHOICE = ("--network", "ssd300_resnet18", "--dataset", "custom")
TRAIN = (*CHOICE, "--batch-size", 2, "--gpus", "", "--epochs", 1, "--log-interval", 1)
PATIENCE_S = 250

needs_bfloat16 = pytest.mark.skipif(
    not has_bfloat16(cpu_flags()), reason="this CPU has no bfloat16"
)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return voc_set(tmp_path_factory.mktemp("data") / "set")


@pytest.fixture(scope="module")
def weights(tmp_path_factory, data):
    """Those of two steps, with a worker process that makes the targets."""
    folder = tmp_path_factory.mktemp("trained")
    ended = run_script("train_ssd.py", *TRAIN, "-j", 1, *files(folder, data))
    assert ended.code == 0, ended.err
    return folder / f"{NAME}_best.params"


def files(folder, data):
    return ("--dataset-root", data, "--save-prefix", f"{folder}{os.sep}")


def steps_of(folder):
    found = read_journal(folder / f"{NAME}_journal.jsonl")
    return [event for event in found if event["event"] == "interval"]


def run_apart(*command):
    """A script in processes of its own; what it shows."""
    ended = subprocess.run(
        list(map(str, command)), cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_S
    )
    assert ended.returncode == 0, ended.stdout[-3000:] + ended.stderr[-3000:]
    return ended.stderr


def test_both_losses_are_journalled_and_the_record_says_how_it_decodes(weights):
    steps = steps_of(weights.parent)
    assert len(steps) == 2
    for step in steps:
        assert step["losses"] == ["CrossEntropy", "SmoothL1"]
        assert 0 < step["CrossEntropy"] < 100 and 0 < step["SmoothL1"] < 100
    record = read_sidecar(weights)
    assert record.decoding == SPECS[NAME].decoding
    assert (record.family, record.resize) == ("ssd300_nvidia", "pil")


@needs_bfloat16
def test_bfloat16_learns_the_same(data, weights, tmp_path):
    # In a process of its own: MXNet's AMP cannot be taken back in one.
    script = python(ROOT / "train_ssd.py", *TRAIN, "-j", 0, "--amp", *files(tmp_path, data))
    shown = run_apart(*script)
    (found,) = re.findall(r"AMP: (\d+) of 37 convolutions in bfloat16", shown)
    assert int(found) > 15 and "gradient is wrong" not in shown
    # Later steps part: batch norm of two images divides by the spread of two numbers.
    low, exact = (steps_of(folder)[0] for folder in (tmp_path, weights.parent))
    found, expected = ([e[p] for p in ("CrossEntropy", "SmoothL1")] for e in (low, exact))
    assert found != expected
    assert found == pytest.approx(expected, rel=0.1)
    assert len(steps_of(tmp_path)) == 2


@pytest.mark.horovod
def test_two_processes_share_a_batch(data, tmp_path):
    """Their batch statistics are each its own, so that the losses differ a little."""
    one_step = (*TRAIN, "-j", 0, "--batch-size", 4, "--limit-steps", 1)
    launched = (LAUNCHER, "-np", 2, "--gloo", *python(ROOT / "train_ssd.py"), "--horovod")
    run_apart(*launched, *one_step, *files(tmp_path, data))
    ended = run_script("train_ssd.py", *one_step, *files(tmp_path / "alone", data))
    assert ended.code == 0, ended.err
    (both,), (alone,) = (steps_of(folder) for folder in (tmp_path, tmp_path / "alone"))
    for part in ("CrossEntropy", "SmoothL1"):
        assert both[part] == pytest.approx(alone[part], rel=0.3)


@pytest.mark.parametrize(
    ("network", "size"), [("ssd300_resnet18", 512), ("ssd_resnet34", 512), ("ssd300_yannqi", 512)]
)
def test_other_sizes_list_those_there_are(network, size, tmp_path):
    options = ("--network", network, "--dataset", "custom", "--data-shape", size)
    ended = run_script("train_ssd.py", *options, *files(tmp_path, tmp_path))
    line = one_error(ended)
    assert f"there is no network {network} of {size} pixels for custom" in line
    assert all(name in line for name, spec in SPECS.items() if spec.network == network)


def test_weights_of_another_network_are_one_line(weights):
    choice = ("--network", "ssd_resnet34", "--dataset", "custom", "--pretrained", weights)
    ended = run_script("eval_ssd.py", *choice, "--benchmark", "-j", 0)
    line = one_error(ended)
    assert "--network ssd_resnet34 was given" in line and "says ssd300_resnet18_custom" in line
