"""Damaged images, annotations, lists and weights: one line that names the file, exit code 2.

Nothing half-written may be left.
"""

from __future__ import annotations

import json
import os
import shutil

import cv2
import numpy as np
import pytest

from tests.entry_builders import (
    NETWORK,
    coco_set,
    demo,
    evaluate,
    export,
    leftovers,
    one_error,
    run_script,
    train,
)


def cut(path, share=0.6):
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    return path


def test_truncated_jpeg_stops_training(data, out):
    bad = cut(data / "JPEGImages/train1.jpg")
    message = one_error(train(out, data))
    assert message.startswith("error: 20.00% of the custom data is bad, allowed is 2.00%: ")
    assert f"unreadable image 1x, first in {bad}" in message
    assert "mend the files or allow a larger share (--max-bad-share)" in message
    assert os.listdir(out) == []


def test_truncated_jpeg_is_left_out_when_allowed(data, out):
    cut(data / "JPEGImages/train1.jpg")
    ended = train(out, data, "--max-bad-share", 0.5, "--limit-steps", 1)
    assert ended.code == 0, ended.err
    assert "training set: 1 unusable images left out" in ended.err.splitlines()


@pytest.mark.parametrize("workers", [0, 2])
def test_truncated_jpeg_stops_evaluation(data, out, weights, workers):
    bad = cut(data / "JPEGImages/val1.jpg")
    ended = evaluate(data, weights, "-j", workers, "--results", out / "r.json")
    message = one_error(ended)
    assert str(bad) in message and "cut off" in message
    assert os.listdir(out) == []


@pytest.mark.parametrize("script", ["train", "eval"])
def test_broken_xml(data, out, weights, script):
    bad = data / "Annotations/val1.xml"
    bad.write_text("<annotation><object>")
    ended = train(out, data) if script == "train" else evaluate(data, weights)
    assert one_error(ended).startswith(f"error: {bad} is not valid XML: ")
    assert os.listdir(out) == []


def test_xml_without_a_box(data, out):
    bad = data / "Annotations/train1.xml"
    bad.write_text("<annotation><object><name>dog</name></object></annotation>")
    message = one_error(train(out, data))
    assert message.startswith(f"error: {bad}") and "has no <bndbox>; add its box" in message


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ('{"images": [', "is not valid JSON: Expecting value at line 1; the file is damaged"),
        ("[]", "is no COCO annotation file: it holds no JSON object"),
        ('{"images": [], "annotations": []}', "has no list 'categories'"),
    ],
    ids=["cut", "list", "no_categories"],
)
@pytest.mark.parametrize("script", ["train", "eval"])
def test_broken_coco_json(tmp_path, out, weights, script, content, reason):
    data = coco_set(tmp_path / "own", {1: "cat", 2: "dog"}, "train", "val")
    bad = (
        data
        / "annotations"
        / ("instances_val.json" if script == "eval" else "instances_train.json")
    )
    bad.write_text(content)
    ended = train(out, data) if script == "train" else evaluate(data, weights)
    message = one_error(ended)
    assert message.startswith(f"error: {bad} ") and reason in message
    assert os.listdir(out) == []


def test_no_images_in_the_list(data, out):
    (data / "ImageSets/Main/train.txt").write_text("\n")
    assert one_error(train(out, data)) == (
        f"error: {data}/ImageSets/Main/train.txt names no image; write one image id a line"
    )
    assert os.listdir(out) == []


def test_no_images_in_the_json(tmp_path, out):
    data = coco_set(tmp_path / "own", {1: "cat", 2: "dog"}, "train", "val")
    bad = data / "annotations/instances_train.json"
    content = json.loads(bad.read_text())
    bad.write_text(json.dumps({**content, "images": [], "annotations": []}))
    expected = f"error: {bad} lists no image; export it with its images"
    assert one_error(train(out, data)) == expected


def test_no_object_anywhere(tmp_path, out):
    from tests.data.builders import voc_xml, write_voc

    data = write_voc(tmp_path / "bare", {"a": voc_xml(), "b": voc_xml()})
    message = one_error(train(out, data))
    assert "no object in any annotation file" in message and str(data) in message


def test_grey_and_tiny_images_are_not_bad(data, out, weights):
    grey = np.full((60, 80), 90, np.uint8)
    assert cv2.imwrite(str(data / "JPEGImages/train0.jpg"), grey)
    assert train(out, data, "--limit-steps", 1).code == 0
    assert evaluate(data, weights).code == 0


# --- weights --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def foreign(tmp_path_factory):
    """Weights of another network of the zoo, for the same classes; their record names this one."""
    from gluon_ssd.families.build import build_network
    from gluon_ssd.models.first_weights import initialize
    from gluon_ssd.models.weights import save_parameters

    network = build_network("ssd_300_mobilenet1.0_custom", classes=("cat", "dog"))
    initialize(network)
    path = tmp_path_factory.mktemp("foreign") / "other.params"
    save_parameters(network, path)
    record = path.with_suffix(".json")
    record.write_text(record.read_text().replace("mobilenet1.0", "mobilenet0.25"))
    return path


@pytest.mark.parametrize("script", ["resume", "base", "eval", "export", "demo"])
def test_weights_of_another_network(script, foreign, data, out):
    zoo = ("--network", NETWORK, "--pretrained", foreign)
    ended = {
        "resume": lambda: train(out, data, "--resume", foreign),
        "base": lambda: train(out, data, "--pretrained-base", foreign),
        "eval": lambda: evaluate(data, foreign),
        "export": lambda: export(foreign, out / "model"),
        "demo": lambda: demo(data / "JPEGImages", out / "found", *zoo),
    }[script]()
    message = one_error(ended)
    assert message.startswith(f"error: {foreign} does not fit ")
    # Names and shapes of what differs, and what to do.
    assert "features." in message and "give the weights of " in message
    assert not list(out.glob("*.params")) and leftovers(out) == []


@pytest.mark.parametrize("kind", ["cut", "text", "empty"])
def test_damaged_weights(kind, weights, data, tmp_path):
    bad = tmp_path / "bad.params"
    content = {"cut": weights.read_bytes()[:-5000], "text": b"hello", "empty": b""}[kind]
    bad.write_bytes(content)
    expected = f"error: {bad} is no MXNet parameter file, or it is damaged or cut off ("
    assert one_error(evaluate(data, bad)).startswith(expected)


def test_damaged_record_beside_the_weights(weights, data, tmp_path):
    bad = tmp_path / "w.params"
    shutil.copy(weights, bad)
    (tmp_path / "w.json").write_text('{"name": "x"')
    message = one_error(evaluate(data, bad))
    assert message.startswith(f"error: {tmp_path}/w.json is not valid JSON: ")


def test_damaged_symbol(prefix, data, tmp_path):
    shutil.copy(f"{prefix}-0000.params", tmp_path / "m-0000.params")
    symbol = tmp_path / "m-symbol.json"
    shutil.copy(f"{prefix}-symbol.json", symbol)
    cut(symbol)
    message = one_error(evaluate(data, None, "--deploy", "--model-prefix", tmp_path / "m"))
    assert str(symbol) in message


def test_exported_parameters_of_another_model(prefix, data, tmp_path):
    from gluon_ssd.compat import mx

    shutil.copy(f"{prefix}-symbol.json", tmp_path / "m-symbol.json")
    mx.nd.save(str(tmp_path / "m-0000.params"), {"arg:something": mx.nd.zeros((2,))})
    message = one_error(evaluate(data, None, "--deploy", "--model-prefix", tmp_path / "m"))
    assert message.startswith(f"error: {tmp_path}/m-0000.params does not fit {tmp_path}/m-symbol")


def test_zoo_that_cannot_be_reached(tmp_path):
    ended = run_script(
        *("eval_ssd.py", "--network", "mobilenet1.0", "--data-shape", 512),
        *("--mirror", "http://127.0.0.1:9/", "--model-root", tmp_path / "models"),
    )
    message = one_error(ended)
    name = "ssd_512_mobilenet1.0_voc-37c18076.params"
    assert message.startswith(f"error: cannot fetch {name} from 127.0.0.1:9: ")
    assert f"put the file {name} into {tmp_path / 'models'}" in message
    assert leftovers(tmp_path) == []
