"""Training on all there is with --val-splits none, and what is said of a missing validation set."""

from __future__ import annotations

import json

from tests.entry_builders import coco_set, one_error, train, voc_set

TINY = ("--network", "tiny", "--data-shape", 160, "--epochs", 2)


def test_a_json_file_alone_is_trained_on(tmp_path):
    root = coco_set(tmp_path / "set", {1: "cat", 2: "dog"}, "train", "val")
    file = root / "annotations/instances_train.json"
    ended = train(tmp_path, file, *TINY, "--val-splits", "none", "--save-interval", 1)
    assert ended.code == 0, ended.err
    assert "mAP" not in ended.out and "checkpoint " in ended.out
    (journal,) = tmp_path.glob("*.jsonl")
    events = [json.loads(line)["event"] for line in journal.read_text().splitlines()]
    assert "validation" not in events and events.count("checkpoint") >= 2
    assert len(list(tmp_path.glob("*_0001_*.params"))) == 1
    assert not list(tmp_path.glob("*best.params"))


def test_a_missing_validation_set_names_its_option_and_the_splits(tmp_path):
    data = voc_set(tmp_path / "set")
    (data / "ImageSets/Main/val.txt").rename(data / "ImageSets/Main/rest.txt")
    message = one_error(train(tmp_path / "out", data, *TINY))
    assert message.startswith("error: no validation set: no split val or test in ")
    assert (
        "it has rest, train; name one of them; or hold out training images with --val-share 0.2, "
        "or train without one with none (--val-splits)" in message
    )
