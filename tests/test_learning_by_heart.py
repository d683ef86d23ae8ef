"""The SSD families of reference detectors learn eight drawn images by heart, through train_ssd.py.

RetinaNet does so in tests/families/retinanet/test_training.py.
"""

from __future__ import annotations

import os

import pytest

from gluon_ssd.training.journal import read_journal
from tests.entry_builders import run_script

pytestmark = [pytest.mark.long, pytest.mark.timeout(3600)]

ENOUGH = 0.95
ADAM = ("--optimizer", "adam", "--warmup-iters", 10, "--augmentation", "hflip")
SHORT = ("--epochs", 160, "--val-interval", 8, "--save-interval", 0, "--target-map", ENOUGH)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    root = tmp_path_factory.mktemp("data")
    sizes = ("--num-train", 8, "--num-val", 1, "--image-size", 160)
    ended = run_script("scripts/prepare_shapes.py", "--output", root / "shapes", *sizes)
    assert ended.code == 0, ended.err
    return root


@pytest.mark.parametrize(
    ("network", "size", "rate"),
    [
        ("ssd300_resnet18", 300, 0.0005),
        ("ssd_resnet34", 300, 0.0003),
        ("ssd300_yannqi", 300, 0.0003),
    ],
)
def test_eight_images_are_learnt_by_heart(network, size, rate, data, tmp_path):
    choice = ("--network", network, "--data-shape", size, "--dataset", "shapes", "--lr", rate)
    files = ("--dataset-root", data, "--save-prefix", f"{tmp_path}{os.sep}")
    same = ("--splits", "train", "--val-splits", "train", "--batch-size", 8, "-j", 0)
    start = ("--gpus", "", "--pretrained-base", "false")
    ended = run_script("train_ssd.py", *choice, *files, *same, *start, *ADAM, *SHORT)
    assert ended.code == 0, ended.err
    (journal,) = tmp_path.glob("*_journal.jsonl")
    scores = [e["score"] for e in read_journal(journal) if e["event"] == "validation"]
    assert scores[-1] > ENOUGH > scores[0]
