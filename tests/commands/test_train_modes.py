"""train_ssd.py --mode: what each mode prints, and that it leaves no files of a training."""

from __future__ import annotations

import json
import re

import pytest

from gluon_ssd.training.journal import read_journal
from tests.entry_builders import NETWORK, one_error, train, voc_set

BENCHMARK = ("--benchmark-warmup", 1, "--benchmark-iterations", 3)
DONE = re.compile(
    r"Done benchmarking\. Total images: (\d+)\ttotal time: (\d+\.\d{3})\t"
    r"Average images/sec: (\d+\.\d{3})\tMedian images/sec: (\d+\.\d{3})"
)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """One epoch, validated and saved."""
    folder = tmp_path_factory.mktemp("trained")
    data = voc_set(tmp_path_factory.mktemp("data") / "set")
    ended = train(folder, data, "--epochs", 1, "--lr", 0.01)
    assert ended.code == 0, ended.err
    return folder, data


def facts(path):
    """The data of the last line of a summary."""
    return json.loads(path.read_text().splitlines()[-1])["data"]


@pytest.mark.parametrize(
    ("mode", "images"),
    [("training", "2,2,2"), ("inference", "1,2,1")],  # 3 pictures are validated, two by two
)
def test_a_benchmark_times_iterations_and_writes_nothing_else(out, data, mode, images):
    summary = out / "summary.json"
    mode = f"benchmark-{mode}"
    ended = train(out, data, "--mode", mode, *BENCHMARK, "--json-summary", summary, "--epochs", 1)
    assert ended.code == 0, ended.err
    lines = ended.out.splitlines()
    done = DONE.fullmatch(lines[1])
    assert done and int(done[1]) == sum(int(n) for n in images.split(",")), lines
    found = facts(summary)
    assert found.keys() == {"avg_img/sec", "med_img/sec", "min_img/sec", "max_img/sec"}
    assert found["min_img/sec"] <= found["med_img/sec"] <= found["max_img/sec"]
    assert f"{found['med_img/sec']:.3f}" == done[4] and f"{found['avg_img/sec']:.3f}" == done[3]
    is_training = mode == "benchmark-training"
    assert (lines[-1] == f"Training performance = {found['med_img/sec']} FPS") is is_training
    assert [path.name for path in out.iterdir()] == ["summary.json"]


@pytest.mark.parametrize("kind", ["checkpoint.npz", "best.params"])
def test_evaluation_scores_as_the_validation_of_training_did(trained, out, kind):
    folder, data = trained
    (journal,) = folder.glob("*_journal.jsonl")
    (event,) = [e for e in read_journal(journal) if e["event"] == "validation"]
    ended = train(
        out,
        data,
        "--mode",
        "evaluation",
        "--resume",
        folder / f"{NETWORK}_{kind}",
        "--json-summary",
        out / "summary.json",
    )
    assert ended.code == 0, ended.err
    *lines, last = ended.out.splitlines()
    assert dict(line.split() for line in lines) == event["values"]
    assert last == f"Model precision {event['score']} mAP"
    assert facts(out / "summary.json") == {"mAP": event["score"]}
    assert [path.name for path in out.iterdir()] == ["summary.json"]


def test_a_checkpoint_of_another_network_is_refused(trained, data, out):
    folder, _ = trained
    argv = ("--mode", "evaluation", "--resume", folder / f"{NETWORK}_checkpoint.npz")
    ended = train(out, data, *argv, "--network", "mobilenet1.0", "--data-shape", 512)
    assert "--network mobilenet1.0 was given, and the checkpoint" in one_error(ended)
    assert not list(out.iterdir())


def test_a_benchmark_may_start_from_weights(trained, data, out):
    folder, _ = trained
    argv = ("--mode", "benchmark-inference", "--resume", folder / f"{NETWORK}_best.params")
    ended = train(out, data, *argv, *BENCHMARK)
    assert ended.code == 0, ended.err
    assert DONE.fullmatch(ended.out.splitlines()[-1])
