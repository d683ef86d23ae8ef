"""The two main scripts on a GPU against themselves on the CPU, where a GPU is at hand.

bash scripts/setup.sh --gpu && bash scripts/test.sh -m gpu
"""

from __future__ import annotations

import json
import math

import pytest

from gluon_ssd.training.journal import read_journal
from tests.entry_builders import NETWORK, SMALL, run_script, train, voc_set

pytestmark = pytest.mark.gpu

NO_GPU = "MXNet finds no GPU here"


@pytest.fixture(scope="module", autouse=True)
def _gpu() -> None:
    from gluon_ssd.compat import mx

    if not mx.context.num_gpus():
        pytest.skip(NO_GPU)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory):
    return voc_set(tmp_path_factory.mktemp("data") / "set")


def losses(folder, data, *argv: object) -> list[dict]:
    """The losses of two steps on the same images."""
    steps = ("--epochs", 1, "--limit-steps", 2, "--log-interval", 1, "--lr", 0.001)
    ended = train(folder, data, *steps, *argv)
    assert ended.code == 0, ended.err
    assert NO_GPU not in ended.err
    lines = read_journal(folder / f"{NETWORK}_journal.jsonl")
    return [line for line in lines if line["event"] == "interval"]


def test_training_steps_have_the_losses_of_the_cpu(tmp_path, data):
    on = {gpus: losses(tmp_path / f"gpu{gpus}", data, "--gpus", gpus) for gpus in ("", "0")}
    assert len(on["0"]) == len(on[""]) == 2
    for name in ("CrossEntropy", "SmoothL1"):
        cpu, gpu = ([line[name] for line in on[gpus]] for gpus in ("", "0"))
        assert gpu == pytest.approx(cpu, rel=1e-2)


def test_mixed_precision_trains(tmp_path, data):
    found = losses(tmp_path, data, "--gpus", "0", "--amp")
    assert len(found) == 2
    assert all(math.isfinite(line["CrossEntropy"]) for line in found)


def test_evaluation_finds_what_the_cpu_finds(tmp_path, data, weights):
    found = {}
    for number in (0, 1):
        file = tmp_path / f"{number}.json"
        model = (*SMALL, "--data-shape", 300, "--pretrained", weights, "--dataset-root", data)
        ended = run_script("eval_ssd.py", *model, "--num-gpus", number, "--results", file)
        assert ended.code == 0, ended.err
        assert NO_GPU not in ended.err
        found[number] = json.loads(file.read_text())
    assert found[1]["images"] == found[0]["images"]
    assert found[1]["class_scores"] == pytest.approx(found[0]["class_scores"], abs=1e-3)
