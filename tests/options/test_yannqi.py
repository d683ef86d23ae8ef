"""The YAML files of yannqi's SSD-for-pytorch as --config, and files that contradict the network."""

from __future__ import annotations

import sys

import pytest

from gluon_ssd.errors import EnvironmentProblem, OptionError
from gluon_ssd.families.catalog import SPECS
from gluon_ssd.options.declare import parse
from gluon_ssd.options.evaluate import EvalCommand
from gluon_ssd.options.train import TrainCommand
from gluon_ssd.options.yannqi import read_yaml

NETWORK_FILE = """
figsize: 300
feat_size: [38, 19, 10, 5, 3, 1]
steps: [8, 16, 32, 64, 100, 300]
scales: [[21, 45], [45, 99], [99, 153], [153, 207], [207, 261], [261, 315]]
aspect_ratios: [[2], [2, 3], [2, 3], [2, 3], [2], [2]]
"""
DATA_FILE = """
NAME: COCO
DATASET_PATH: /data/coco
MEAN: [0.485, 0.456, 0.406]
STD: [0.229, 0.224, 0.225]
NUM_CLASSES: 81
min_dim: 300
MEANS: [104, 117, 123]
"""
SSD300 = SPECS["ssd300_yannqi_coco"]


@pytest.fixture
def write(tmp_path):
    def call(text, name="a.yaml"):
        path = tmp_path / name
        path.write_text(text)
        return str(path)

    return call


def test_both_files_as_published_fit_the_network(write):
    for text in (NETWORK_FILE, DATA_FILE):
        read_yaml(write(text)).check(SSD300)


def test_what_is_an_option_here_is_read_and_the_command_line_wins(write):
    files = ("--config", write(NETWORK_FILE, "SSD300.yaml"), "--config", write(DATA_FILE, "c.yml"))
    config = read_yaml(files[1])
    assert config.options(["network", "data_shape"]) == {
        "network": "ssd300_yannqi",
        "data_shape": 300,
    }
    data = read_yaml(files[3])
    names = ("network", "data_shape", "dataset", "dataset_root")
    assert data.options(names) == {
        "network": "ssd300_yannqi",
        "data_shape": 300,
        "dataset": "coco",
        "dataset_root": "/data/coco",
    }
    found = parse(TrainCommand, files, prog="x", description="")
    assert found.network is SSD300 and found.data.dataset_root == "/data/coco"
    argv = ["--config", files[3], "--network", "vgg16_atrous", "--dataset-root", "here"]
    for command in (TrainCommand, EvalCommand):
        found = parse(command, argv, prog="x", description="")
        assert (found.data.dataset, found.data.dataset_root) == ("coco", "here")
        assert found.network.name == "ssd_300_vgg16_atrous_coco"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("figsize: 512", "figsize is 512 and ssd300_yannqi_coco takes 300"),
        ("min_dim: 512", "min_dim is 512 and ssd300_yannqi_coco takes 300"),
        ("steps: [8, 16]", r"steps is \[8, 16\] and ssd300_yannqi_coco has \[8, 16, 32, 64, 100, "),
        ("steps: 8", "steps is 8 and ssd300_yannqi_coco has"),
        (
            "feat_size: [38, 19, 10, 5, 3, 2]",
            r"feat_size is .* 3, 2\] and .* has .* 3, 1\]",
        ),
        ("scales: [21, 45, 99]", r"scales is \[21, 45, 99\] and .* has \[\[21.0, 45.0\], "),
        ("scales: [[21, 45], [45, 98]]", r"scales is .*98\]\] and .* has \[\[21.0, 45.0\], "),
        (
            "aspect_ratios: [[2], [2]]",
            r"aspect_ratios is \[\[2\], \[2\]\] and .* has \[\[",
        ),
        ("MEAN: [0.5, 0.456, 0.406]", r"MEAN is \[0.5, .* and .* has \[0.485"),
        ("MEAN: [yes, 0.456, 0.406]", r"MEAN is \[True, .* and .* has \[0.485"),
        ("NUM_CLASSES: 80", "NUM_CLASSES is 80 and ssd300_yannqi_coco has 81"),
    ],
)
def test_a_file_that_contradicts_the_network_is_refused_with_both_sides(write, line, message):
    with pytest.raises(OptionError, match=f"a.yaml: {message}") as caught:
        read_yaml(write(line)).check(SSD300)
    assert "\n" not in str(caught.value)


def test_a_network_of_ones_own_classes_may_have_any_number_of_them(write):
    own = SPECS["ssd300_yannqi_custom"]
    read_yaml(write("NUM_CLASSES: 5")).check(own)


def test_default_boxes_of_another_network_are_refused(write):
    argv = ["--config", write(NETWORK_FILE), "--network", "mobilenet0.25"]
    message = "feat_size describes ssd300_yannqi; ssd_300_mobilenet0.25_voc has no such default"
    with pytest.raises(OptionError, match=message):
        parse(TrainCommand, argv, prog="x", description="")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("figsize: big", "figsize must be a side in pixels; got 'big'"),
        ("figsize: true", "figsize must be a side in pixels; got True"),
        ("figsize: 0", "figsize must be a side in pixels; got 0"),
        ("NAME: PASCAL", "NAME must be one of COCO; got 'PASCAL'"),
        ("NAME: [COCO]", r"NAME must be text; got \['COCO'\]"),
        ("DATASET_PATH: 5", "DATASET_PATH must be text; got 5"),
        ("STEPS: [8]", "unknown key 'STEPS'; allowed: figsize, min_dim, NAME"),
        ("[1, 2]", "must hold keys and values"),
        ("", "must hold keys and values"),
        ("a: [1", "is not a valid YAML file"),
        ("figsize: !!python/object/apply:os.system ['false']", "is not a valid YAML file"),
        ("figsize: " + "[" * 3000, "is nested deeper than 50 levels"),
    ],
)
def test_a_damaged_file_is_one_line(write, text, message):
    with pytest.raises(OptionError, match=message) as caught:
        read_yaml(write(text)).options(["data_shape", "dataset", "dataset_root"])
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 400


def test_bytes_that_are_no_text_and_a_missing_file(tmp_path):
    path = tmp_path / "a.yaml"
    with pytest.raises(OptionError, match="cannot read the options in .*a.yaml: No such file"):
        read_yaml(str(path))
    path.write_bytes(b"\x00\x81")
    with pytest.raises(OptionError, match="a.yaml: it is not UTF-8 text"):
        read_yaml(str(path))


def test_without_pyyaml_the_way_out_is_named(write, monkeypatch):
    monkeypatch.setitem(sys.modules, "yaml", None)
    with pytest.raises(EnvironmentProblem, match="needs PyYAML .* run scripts/setup.sh again"):
        read_yaml(write(DATA_FILE))
