"""train_ssd.py --dali from end to end: every kind of data set, resuming, bad files."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

from gluon_ssd.report.draw import class_color
from tests.entry_builders import (
    NETWORK,
    arrays_of,
    assert_same_arrays,
    coco_set,
    one_error,
    run_script,
    train,
    voc_set,
)

pytestmark = pytest.mark.dali

# Five images in batches of two: 2 and 3 steps. A checkpoint after every step.
RUN = ("--dali", "-j", 2, "--epochs", 2, "--log-interval", 1, "--checkpoint-minutes", 1e-6)
CHECKPOINT = f"{NETWORK}_checkpoint.npz"


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return voc_set(tmp_path_factory.mktemp("data") / "set")


def test_a_stopped_and_resumed_run_ends_with_the_same_bits(tmp_path, data):
    unbroken, resumed = tmp_path / "unbroken", tmp_path / "resumed"
    ended = train(unbroken, data, *RUN)
    assert ended.code == 0, ended.err
    for steps in (3, 5):  # the first part ends within an epoch
        checkpoint = resumed / CHECKPOINT
        resume = ("--resume", checkpoint) if checkpoint.exists() else ()
        ended = train(resumed, data, *RUN, "--limit-steps", steps, *resume)
        assert ended.code == 0, ended.err
    assert_same_arrays(arrays_of(resumed / CHECKPOINT), arrays_of(unbroken / CHECKPOINT))
    lines = (unbroken / f"{NETWORK}_journal.jsonl").read_text().splitlines()
    epochs = [event for event in map(json.loads, lines) if event["event"] == "epoch"]
    assert [event["step"] for event in epochs] == [2, 5]
    assert all(0 <= event["data_wait"] <= 1 for event in epochs)
    picture = cv2.imread(str(unbroken / f"{NETWORK}_batch.jpg"))  # of two images, side by side
    assert picture.shape[1] == 2 * 352 - 12 + 32
    # A dog, of 60 % of the image's height, and a cat.
    shown = [(np.abs(picture.astype(int) - class_color(n)[::-1]).max(axis=2) < 60) for n in (0, 1)]
    assert all(share.mean() > 0.002 for share in shown)


def test_it_trains_on_coco(tmp_path):
    categories = {1: "person", 3: "car"}
    root = coco_set(tmp_path / "coco", categories, "train2017", "val2017")
    options = ("--network", "mobilenet0.25", "--dataset", "coco", "--dataset-root", root)
    ended = run_script(
        "train_ssd.py",
        *options,
        *("--dali", "-j", 0, "--batch-size", 2, "--gpus", "", "--pretrained-base", "false"),
        *("--limit-steps", 1, "--epochs", 1, "--save-prefix", f"{tmp_path}/"),
    )
    assert ended.code == 0, ended.err
    assert (tmp_path / "ssd_300_mobilenet0.25_coco_checkpoint.npz").exists()


def test_a_jpeg_that_only_decoding_shows_broken_is_one_line_or_skipped(tmp_path):
    data = voc_set(tmp_path / "set")
    broken = data / "JPEGImages" / "train1.jpg"
    broken.write_bytes(broken.read_bytes().replace(b"\xff\xdb", b"\xff\xdc"))
    ended = train(tmp_path, data, *RUN)
    assert one_error(ended).startswith(f"error: DALI cannot decode the image {broken}: ")
    ended = train(tmp_path, data, *RUN, "--on-bad-image", "skip")
    assert ended.code == 0, ended.err
    counted = [line for line in ended.err.splitlines() if "images were skipped" in line]
    assert len(counted) == 1
    # The image without boxes is left out beforehand, so an epoch has the other four.
    assert "training set: 1 unusable images were skipped, 2 times in all" in counted[0]
