"""eval_ssd.py --calibration with --layer-report and --calib-exclude."""

from __future__ import annotations

import json

import cv2
import pytest

from gluon_ssd.deploy.mxnet.files import read_exported
from gluon_ssd.deploy.mxnet.int8.quantize import prepare_detector
from gluon_ssd.deploy.mxnet.int8.quantize_graph import layer_names
from tests.entry_builders import export, found_set, one_error, run_script, sure_weights

PER_IMAGE = 4
SIZE = 300


@pytest.fixture(scope="module")
def prefix(tmp_path_factory):
    """An exported fp32 model and a data set for it."""
    folder = tmp_path_factory.mktemp("exported")
    weights = sure_weights(folder / "sure.params")
    assert export(weights, folder / "model").code == 0
    return folder / "model", found_set(folder / "set", weights, PER_IMAGE)


def calibrate(prefix, *options):
    model, data = prefix
    return run_script(
        *("eval_ssd.py", "--deploy", "--model-prefix", model, "--data-shape", SIZE),
        *("--dataset", "custom", "--dataset-root", data, "-j", 0, "--batch-size", 2, *options),
    )


@pytest.fixture(scope="module")
def layers(prefix):
    return list(layer_names(prepare_detector(str(prefix[0]), (SIZE, SIZE)).network))


@pytest.fixture(scope="module")
def reported(prefix, layers, tmp_path_factory):
    folder = tmp_path_factory.mktemp("reported")
    options = ("--calibration", "--calib-output", folder, "--layer-report")
    ended = calibrate(prefix, *options, "--calib-exclude", f"{layers[0]}, {layers[-1]}")
    assert ended.code == 0, ended.err
    return ended, folder / "model-quantized-naive"


def test_report_lies_beside_the_model_and_is_printed(reported, layers):
    ended, stem = reported
    content = json.loads(stem.with_name(f"{stem.name}-layers.json").read_text())
    assert content["model"] == "model-quantized-naive"
    assert content["calibration_images"] == content["images_measured"] == 5
    assert content["layers"][0]["layer"] == "all layers"
    assert sorted(row["layer"] for row in content["layers"][1:]) == sorted(layers)
    text = stem.with_name(f"{stem.name}-layers.md").read_text()
    table = text[text.index("| layer") :]
    assert table in ended.out
    assert cv2.imread(str(stem.with_name(f"{stem.name}-layers.png"))) is not None


def test_excluded_layers_are_float_in_the_file(reported, layers):
    written = read_exported(str(reported[1]))
    kept = [
        node.name
        for node in written.graph.nodes()
        if node.op in ("_sg_mkldnn_conv", "Convolution") and not node.flag("quantized")
    ]
    names = layer_names(written.graph)
    assert sorted(kept) == sorted(names[layer] for layer in (layers[0], layers[-1]))


def test_unknown_layer_is_refused_before_any_image_is_read(prefix, tmp_path):
    ended = calibrate(
        prefix, "--calibration", "--calib-output", tmp_path / "m", "--calib-exclude", "conv99"
    )
    assert one_error(ended).startswith("error: there is no layer conv99 to keep in float; layers")
    assert not (tmp_path / "m").exists()


@pytest.mark.parametrize("options", [("--layer-report",), ("--calib-exclude", "conv0")])
def test_flags_without_calibration_are_refused(prefix, options):
    line = one_error(calibrate(prefix, *options))
    assert line == f"error: {options[0]} is for --calibration; add that"
