"""Weights that `train_ssd.py` wrote need no name, no size and no classes beside them, anywhere."""

from __future__ import annotations

import pytest

from tests.data.builders import voc_object, voc_xml, write_image, write_voc
from tests.entry_builders import NETWORK, one_error, run_script

CUSTOM = ("-j", "0", "--dataset", "custom", "--dataset-root")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Two pictures with two dogs, of which the model knows, and a cow, of which it does not."""
    folder = tmp_path_factory.mktemp("part") / "set"
    objects = [voc_object("dog", (3, 5, 40, 50)), voc_object("cow", (31, 11, 76, 56))]
    texts = {"a": voc_xml(objects), "b": voc_xml(objects[:1])}
    return write_voc(folder, texts, {"val": list(texts)})


@pytest.mark.parametrize("named", [(), ("--network", NETWORK), ("--network", "mobilenet0.25")])
def test_evaluation_scores_the_part_of_the_classes_that_the_data_have(named, data, weights):
    ended = run_script("eval_ssd.py", *named, *CUSTOM, data, "--pretrained", weights)
    assert ended.code == 0, ended.err
    assert f"network='{NETWORK}'" in ended.out and "data_shape=300" in ended.out
    assert "which are left out: cow (1)" in ended.err
    assert "the data set has objects of 1 of the 2 classes of the model: dog" in ended.err
    scores = dict(line.rsplit(" ", 1) for line in ended.out.splitlines()[-3:])
    assert scores["cat"] == "nan" and scores["dog"] == scores["mAP"] != "nan"


def test_export_and_demo_need_the_file_alone(weights, tmp_path):
    output, picture = tmp_path / "m" / "ssd", write_image(tmp_path / "a.jpg", (240, 320))
    ended = run_script("scripts/export_ssd.py", "--pretrained", weights, "--output", output)
    assert f"({NETWORK}, 2 classes)" in ended.out, ended.err
    shown = ("--images", picture, "--output", tmp_path / "d")
    for model in (("--pretrained", weights), ("--model-prefix", output)):
        ended = run_script("scripts/demo_ssd.py", *shown, *model)
        assert " objects in 1 pictures" in ended.out, ended.err
    (tmp_path / "names.txt").write_text("dog\ncat\n")
    ended = run_script(
        *("scripts/demo_ssd.py", *shown, "--model-prefix", output),
        *("--classes", tmp_path / "names.txt"),
    )
    assert "call class 0 dog, and the model says that dog is its class 1, and cat" in one_error(
        ended
    )


@pytest.mark.slow
def test_calibration_needs_the_file_alone(data, weights, tmp_path):
    ended = run_script(
        *("eval_ssd.py", "--calibration", "--batch-size", 2, "--num-calib-batches", 1),
        *("--calib-output", tmp_path, *CUSTOM, data, "--pretrained", weights),
    )
    assert ended.code == 0, ended.err
    assert (tmp_path / f"{NETWORK}-quantized-naive-0000.params").is_file()


@pytest.mark.parametrize(
    ("script", "argv"),
    [
        ("eval_ssd.py", ()),
        ("scripts/export_ssd.py", ("--output", "m")),
        ("scripts/demo_ssd.py", ("--images", "a.jpg")),
        ("scripts/convert_weights.py", ("--output", "m.params")),
        ("train_ssd.py", ()),
    ],
)
def test_a_contradiction_names_both_sides(script, argv, weights, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    option = {"train_ssd.py": "--resume", "scripts/convert_weights.py": "--input"}
    file = (option.get(script, "--pretrained"), weights)
    line = one_error(run_script(script, *argv, *file, "--network", "resnet18_v1"))
    assert (
        f"--network resnet18_v1 was given, and the record beside {weights} says {NETWORK}" in line
    )


def test_names_of_none_of_the_classes_of_the_weights_are_refused(data, weights, tmp_path):
    names = tmp_path / "names.txt"
    names.write_text("Katze\nHund\n")
    ended = run_script(*("eval_ssd.py", *CUSTOM, data, "--pretrained", weights, "--classes", names))
    assert f"{names} names Katze, Hund, and {weights} was trained for cat, dog" in one_error(ended)
