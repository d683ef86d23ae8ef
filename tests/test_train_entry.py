"""train_ssd.py from the command line to its files, on the smallest network."""

from __future__ import annotations

import json
import re

import cv2
import numpy as np
import pytest

from gluon_ssd.compat import mx
from gluon_ssd.training.checkpoint import load_checkpoint
from gluon_ssd.training.journal import read_journal
from tests.entry_builders import (
    NETWORK,
    SMALL,
    arrays_of,
    assert_same_arrays,
    coco_set,
    leftovers,
    one_error,
    run_script,
    sure_network,
    sure_weights,
    train,
    voc_set,
)

NUMBER = r"\d+\.\d{3}"
LOSSES = rf"CrossEntropy={NUMBER}, SmoothL1={NUMBER}"
SCORE = r"(?:\d\.\d+(?:e-\d+)?|nan)"


def journal_of(folder, name=NETWORK):
    return read_journal(folder / f"{name}_journal.jsonl")


def values(folder, event, field, name=NETWORK):
    return [line[field] for line in journal_of(folder, name) if line["event"] == event]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return voc_set(tmp_path_factory.mktemp("data") / "set")


@pytest.fixture(scope="module")
def finished(tmp_path_factory, data):
    """Five images in batches of two: 2, 3 and 2 batches an epoch. Rates fall at epochs 1 and 2."""
    folder = tmp_path_factory.mktemp("finished")
    ended = train(
        folder,
        data,
        *("--epochs", 3, "--log-interval", 2, "--save-interval", 2),
        *("--lr", 0.01, "--lr-decay-epoch", "1,2"),
    )
    assert ended.code == 0, ended.err
    return folder, ended


def batch_line(epoch, batch):
    return rf"\[Epoch {epoch}\]\[Batch {batch}\], Speed: {NUMBER} samples/sec, {LOSSES}"


def end_of_epoch(epoch):
    return [
        rf"\[Epoch {epoch}\] Training cost: {LOSSES}".replace("cost: ", f"cost: {NUMBER}, "),
        rf"\[Epoch {epoch}\] Validation: ",
        rf"cat={SCORE}",
        rf"dog={SCORE}",
        rf"mAP={SCORE}",
    ]


def test_log_holds_the_legacy_lines_and_no_other(finished):
    lines = (finished[0] / f"{NETWORK}_train.log").read_text().splitlines()
    expected = [
        r"Namespace\(accumulate=1, amp=False, .*batch_size=2, .*dataset='custom', "
        r".*worker_timeout=120.0\)",
        r"Start training from \[Epoch 0\]",
        batch_line(0, 1),
        *end_of_epoch(0),
        r"\[Epoch 1\] Set learning rate to 0\.001",
        batch_line(1, 1),
        *end_of_epoch(1),
        r"\[Epoch 2\] Set learning rate to 0\.0001\d*",
        batch_line(2, 1),
        *end_of_epoch(2),
    ]
    assert len(lines) == len(expected), "\n".join(lines)
    for line, pattern in zip(lines, expected, strict=True):
        assert re.fullmatch(pattern, line), f"{line!r} is not {pattern}"


def test_log_is_shown_on_the_terminal_too(finished):
    folder, ended = finished
    shown = ended.err.splitlines()
    assert shown[:2] == [
        "training set custom: 5 images, 8 labels, 0 images unusable, worst share 0.00%",
        "validation set custom: 3 images, 4 labels, 0 images unusable, worst share 0.00%",
    ]
    assert shown[2:] == (folder / f"{NETWORK}_train.log").read_text().splitlines()


def test_every_file_of_the_run_is_there_under_its_legacy_name(finished):
    names = sorted(path.name.removeprefix(NETWORK) for path in finished[0].iterdir())
    assert [re.sub(r"_\d\.\d{4}\.", "_S.", name) for name in names] == [
        "_0000_S.json",
        "_0000_S.params",
        "_0002_S.json",
        "_0002_S.params",
        "_batch.jpg",
        "_best.json",
        "_best.params",
        "_best_map.log",
        "_checkpoint.npz",
        "_curves.png",
        "_journal.jsonl",
        "_results.csv",
        "_run.json",
        "_samples.jpg",
        "_train.log",
    ]
    assert leftovers(finished[0]) == []


def test_summary_names_files_and_the_best_score(finished):
    folder, ended = finished
    prefix = f"{folder}/{NETWORK}"
    lines = ended.out.splitlines()
    assert lines[:3] == [
        f"log {prefix}_train.log",
        f"checkpoint {prefix}_checkpoint.npz",
        f"best weights {prefix}_best.params",
    ]
    best = max(values(folder, "validation", "score"))
    epoch = values(folder, "validation", "score").index(best)
    assert lines[3:] == [f"best mAP {best:.4f} in epoch {epoch}"]


def test_best_map_log_has_a_line_per_improvement(finished):
    scores, best, expected = values(finished[0], "validation", "score"), -1.0, []
    for epoch, score in enumerate(scores):
        if score > best:
            best = score
            expected.append(f"{epoch:04d}:\t{score:.4f}")
    lines = (finished[0] / f"{NETWORK}_best_map.log").read_text().splitlines()
    assert lines == expected


def test_saved_weights_carry_classes_size_and_normalisation(finished):
    saved = json.loads((finished[0] / f"{NETWORK}_best.json").read_text())
    assert saved["name"] == NETWORK
    assert saved["classes"] == ["cat", "dog"]
    assert saved["input_size_hw"] == [300, 300]
    assert saved["mean"] == [0.485, 0.456, 0.406]
    assert saved["std"] == [0.229, 0.224, 0.225]


def test_periodic_weights_of_the_last_epoch_are_those_of_the_checkpoint(finished):
    (path,) = finished[0].glob(f"{NETWORK}_0002_*.params")
    weights = {f"weights/{name}": array.asnumpy() for name, array in mx.nd.load(str(path)).items()}
    checkpoint = arrays_of(finished[0] / f"{NETWORK}_checkpoint.npz")
    assert_same_arrays(
        weights, {key: a for key, a in checkpoint.items() if key.startswith("weights/")}
    )


def test_journal_tells_the_whole_run(finished):
    events = journal_of(finished[0])
    epoch = ["interval", "epoch", "checkpoint", "validation", "checkpoint"]
    assert [line["event"] for line in events] == ["start", *epoch * 3, "end"]
    assert values(finished[0], "interval", "at") == [[0, 2], [1, 2], [2, 2]]
    assert values(finished[0], "epoch", "at") == [[1, 0], [2, 0], [3, 0]]
    assert values(finished[0], "epoch", "step") == [2, 5, 7]
    assert values(finished[0], "epoch", "lr") == pytest.approx([0.01, 0.001, 0.0001])
    assert events[0]["options"]["lr_decay_epoch"] == "1,2"
    assert all(0 < loss < 100 for loss in values(finished[0], "epoch", "CrossEntropy"))


def test_curves_are_a_png(finished):
    path = finished[0] / f"{NETWORK}_curves.png"
    assert path.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert cv2.imread(str(path)).shape == (800, 800, 3)


def test_options_are_saved_in_the_checkpoint(finished):
    facts = load_checkpoint(finished[0] / f"{NETWORK}_checkpoint.npz").facts
    assert (facts["epoch"], facts["batch"], facts["step"]) == (3, 0, 7)
    assert facts["options"]["lr"] == 0.01
    assert facts["options"]["seed"] == 233
    assert facts["network"]["classes"] == ["cat", "dog"]


@pytest.fixture(scope="module")
def two_steps(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("two")
    assert train(folder, data, "--limit-steps", 2).code == 0
    return arrays_of(folder / f"{NETWORK}_checkpoint.npz")


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_same_seed_gives_the_same_bits_whatever_the_workers(tmp_path, data, two_steps, workers):
    assert train(tmp_path, data, "--limit-steps", 2, "-j", workers).code == 0
    assert_same_arrays(arrays_of(tmp_path / f"{NETWORK}_checkpoint.npz"), two_steps)


def test_other_seed_gives_other_weights(tmp_path, data, two_steps):
    assert train(tmp_path, data, "--limit-steps", 2, "--seed", 1).code == 0
    found = arrays_of(tmp_path / f"{NETWORK}_checkpoint.npz")
    weights = [key for key in found if key.startswith("weights/") and key.endswith("weight")]
    assert len(weights) > 40
    assert all(not np.array_equal(found[key], two_steps[key]) for key in weights)


def test_last_epoch_is_validated_and_saved_whatever_the_intervals(tmp_path, data):
    options = ("--epochs", 3, "--val-interval", 10, "--save-interval", 10, "--batch-size", 5)
    assert train(tmp_path, data, *options).code == 0
    assert values(tmp_path, "validation", "epoch") == [0, 2]
    assert len(list(tmp_path.glob(f"{NETWORK}_0002_*.params"))) == 1


def test_save_interval_zero_keeps_only_the_best(tmp_path, data):
    options = ("--limit-steps", 1, "--save-interval", 0)
    assert train(tmp_path, data, *options).code == 0
    assert [path.name for path in tmp_path.glob("*.params")] == [f"{NETWORK}_best.params"]


def test_voc_trains_from_the_given_root(tmp_path, tiny_voc):
    ended = run_script(
        *("train_ssd.py", "--network", "mobilenet0.25", "--dataset", "VOC", "-j", 0),
        *("--dataset-root", tiny_voc, "--splits", "2007_trainval", "--limit-steps", 1),
        *("--batch-size", 3, "--pretrained-base", "false", "--save-prefix", f"{tmp_path}/out/"),
    )
    assert ended.code == 0, ended.err
    assert "training set voc: 3 images, 4 labels" in ended.err
    assert "validation set voc: 4 images, 5 labels" in ended.err
    name = "ssd_300_mobilenet0.25_voc"
    (scored,) = values(tmp_path / "out", "validation", "values", name)
    assert len(scored) == 21 and list(scored)[0] == "aeroplane" and list(scored)[-1] == "mAP"
    if mx.context.num_gpus() == 0:
        # The legacy default is --gpus 0.
        assert "--gpus 0: MXNet finds no GPU here; running on the CPU" in ended.err.splitlines()


COCO_CATEGORIES = {1: "person", 18: "dog", 90: "toothbrush"}


def test_coco_trains_and_logs_as_legacy_does(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # its result file goes there, and is removed at the end
    coco_set(tmp_path / "coco", COCO_CATEGORIES, "train2017", "val2017")
    ended = run_script(
        *("train_ssd.py", "--network", "mobilenet0.25", "--dataset", "coco", "-j", 0),
        *("--dataset-root", tmp_path / "coco", "--batch-size", 3, "--epochs", 2),
        *("--gpus", "", "--pretrained-base", "false", "--val-interval", 1),
    )
    assert ended.code == 0, ended.err
    # Legacy training leaves images without boxes out, validation keeps them.
    assert "training set coco: 3 images, 6 labels" in ended.err
    assert "validation set coco: 4 images, 6 labels" in ended.err
    name = "ssd_300_mobilenet0.25_coco"
    assert values(tmp_path, "validation", "epoch", name) == [0, 1]
    log = (tmp_path / f"{name}_train.log").read_text()
    pattern = (
        r"\[Epoch 1\] Validation: \n~~~~ Summary metrics ~~~~\n= ?Average Precision.*"
        r"\nperson=\d+\.\d\n.*\n~~~~ MeanAP @ IoU=\[0\.50,0\.95\] ~~~~\n=\d+\.\d\n"
    )
    assert re.search(pattern, log, re.DOTALL), log


def test_custom_coco_json_takes_classes_by_rising_id(tmp_path):
    coco_set(tmp_path / "own", {7: "zebra", 9: "ant"}, "train", "val")
    ended = train(tmp_path, tmp_path / "own", "--limit-steps", 1, "--metric", "voc07")
    assert ended.code == 0, ended.err
    saved = json.loads((tmp_path / f"{NETWORK}_best.json").read_text())
    assert saved["classes"] == ["zebra", "ant"]


def test_classes_file_decides_the_order(tmp_path, data):
    (tmp_path / "names.txt").write_text("dog\ncat\n")
    ended = train(tmp_path, data, "--limit-steps", 1, "--classes", tmp_path / "names.txt")
    assert ended.code == 0, ended.err
    saved = json.loads((tmp_path / f"{NETWORK}_best.json").read_text())
    assert saved["classes"] == ["dog", "cat"]


def test_images_without_boxes_train_with_zero_loss(tmp_path, data):
    options = ("--batch-size", 1, "--log-interval", 1, "--epochs", 1)
    ended = train(tmp_path, data, *options)
    assert ended.code == 0, ended.err
    losses = values(tmp_path, "interval", "CrossEntropy")
    assert len(losses) == 5
    # One of the five images is bare.
    assert sum(loss == 0 for loss in losses) == 1


def test_limit_images_uses_the_first_ones(tmp_path, data):
    ended = train(tmp_path, data, "--limit-images", 2, "--epochs", 1)
    assert "training set custom: 2 images, 4 labels" in ended.err
    assert values(tmp_path, "epoch", "step") == [1]


def test_limit_steps_ends_within_an_epoch_with_all_files(tmp_path, data):
    assert train(tmp_path, data, "--limit-steps", 3).code == 0
    assert values(tmp_path, "epoch", "step") == [2, 3]
    assert values(tmp_path, "validation", "epoch") == [0, 1]
    assert load_checkpoint(tmp_path / f"{NETWORK}_checkpoint.npz").facts["step"] == 3


def test_syncbn_on_one_device_is_one_line(data):
    ended = run_script("train_ssd.py", *SMALL, "--dataset-root", data, "--syncbn", "--gpus", "")
    assert one_error(ended) == (
        "error: --syncbn needs several devices; name them with --gpus or leave it out"
    )


def test_legacy_weights_of_other_classes_are_adapted_by_name(tmp_path, data):
    weights = sure_weights(tmp_path / "old.params", ("bird", "dog"))
    options = ("--limit-steps", 1, "--lr", 1e-30, "--batch-size", 1, "--resume", weights)
    ended = train(tmp_path, data, *options)
    assert ended.code == 0, ended.err
    assert (
        "class heads adapted: 1 classes reused (dog), 1 newly initialised (cat), 1 dropped (bird)"
    ) in ended.err.splitlines()
    head = sure_network(("bird", "dog")).class_predictors[0].predictor.weight.data().asnumpy()
    old = head.reshape(4, 3, *head.shape[1:])  # shapes, background + classes
    found = arrays_of(tmp_path / f"{NETWORK}_checkpoint.npz")
    new = found["weights/class_predictors.0.predictor.weight"].reshape(old.shape)
    np.testing.assert_array_equal(new[:, 0], old[:, 0])  # background
    np.testing.assert_array_equal(new[:, 2], old[:, 2])  # dog is the second in both
    assert not np.array_equal(new[:, 1], old[:, 1])


def test_legacy_resume_starts_where_told_and_keeps_the_best_map(tmp_path, data):
    weights = sure_weights(tmp_path / "old.params")
    best_log = tmp_path / f"{NETWORK}_best_map.log"
    best_log.write_text("0000:\t0.9000\n")
    options = ("--epochs", 5, "--start-epoch", 4, "--batch-size", 5)
    ended = train(tmp_path, data, *options, "--resume", weights)
    assert ended.code == 0, ended.err
    assert "Start training from [Epoch 4]" in ended.err.splitlines()
    # The score of an earlier run stands: nothing is overwritten by the first validation.
    assert best_log.read_text() == "0000:\t0.9000\n"
    assert not (tmp_path / f"{NETWORK}_best.params").exists()
    assert ended.out.splitlines()[-1] == "best mAP 0.9000 in epoch 0"


def test_pretrained_base_file_fills_the_backbone(tmp_path, data):
    from gluon_ssd.families.zoo.network import classification_network

    classifier = classification_network("mobilenet0.25")
    classifier.initialize(mx.init.Xavier())
    classifier(mx.nd.zeros((1, 3, 64, 64)))
    base = tmp_path / "base.params"
    classifier.save_parameters(str(base))
    options = ("--limit-steps", 1, "--lr", 1e-30, "--batch-size", 1, "--pretrained-base", base)
    ended = train(tmp_path, data, *options)
    assert ended.code == 0, ended.err
    found = arrays_of(tmp_path / f"{NETWORK}_checkpoint.npz")
    (first,) = [
        a for key, a in found.items() if re.search(r"^weights/.*mobilenet0_conv0_weight$", key)
    ]
    np.testing.assert_array_equal(first, mx.nd.load(str(base))["features.0.weight"].asnumpy())


def test_divergence_names_everything_and_keeps_the_last_good_checkpoint(tmp_path, data):
    # A decay that multiplies: epoch 0 trains as usual, epoch 1 cannot stay finite.
    options = ("--lr-decay", 1e22, "--lr-decay-epoch", "1", "--epochs", 3)
    ended = train(tmp_path, data, *options)
    message = one_error(ended, code=3)
    prefix = re.escape(f"{tmp_path}/{NETWORK}")
    expected = (
        r"error: the weights are beyond 1e19 or not finite after \[Epoch 1\]\[Batch 0\], "
        rf"learning rate 1e\+19, {LOSSES}; images: \S+/train\d\.jpg, \S+/train\d\.jpg; "
        r"(weights/\S+ is not finite|no weight is NaN or infinite); "
        rf"the last good checkpoint is {prefix}_checkpoint\.npz; try a lower learning rate \(--lr\)"
    )
    assert re.fullmatch(expected, message), message
    checkpoint = load_checkpoint(tmp_path / f"{NETWORK}_checkpoint.npz")
    assert (checkpoint.facts["epoch"], checkpoint.facts["batch"]) == (1, 0)
    assert all(np.isfinite(array).all() for array in checkpoint.arrays.values())
    assert values(tmp_path, "diverged", "message") == [
        message.removeprefix("error: ").removesuffix(" (--lr)")
    ]
    assert leftovers(tmp_path) == []
