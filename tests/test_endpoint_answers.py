"""The demo and tables answer as a SageMaker endpoint did, for one of its models and its image."""

from __future__ import annotations

import json
import shutil

import cv2
import numpy as np
import pytest

from tests.entry_builders import run_script
from tests.other_mxnet import MODELS, RuleModel, needs_other_mxnet


@pytest.fixture(scope="module")
def case(tmp_path_factory):
    """The prefix of the model, and a folder with the image."""
    folder = tmp_path_factory.mktemp("endpoint")
    model = RuleModel(MODELS / "tiny_96_2")
    shutil.copy(model.symbol_file, folder / "model_algo_1-symbol.json")
    shutil.copy(model.folder / "hyperparams.json", folder)
    model.write_params(folder / "model_algo_1-0000.params")
    (folder / "in").mkdir()
    image = cv2.cvtColor(model.pixels()[0], cv2.COLOR_RGB2BGR)
    assert cv2.imwrite(str(folder / "in/first.png"), image)
    return folder / "model_algo_1", folder / "in"


def assert_answered(answer):
    wanted = json.loads((MODELS / "tiny_96_2/response_first_image.json").read_text())
    found, rows = np.array(answer["prediction"]), np.array(wanted["prediction"])
    assert found.shape == rows.shape
    np.testing.assert_array_equal(found[:, 0], rows[:, 0])
    np.testing.assert_allclose(found[:, 1:], rows[:, 1:], atol=1e-4)


@needs_other_mxnet
def test_the_demo(case, tmp_path):
    prefix, images = case
    argv = ("--model-prefix", prefix, "--images", images, "--output", tmp_path)
    argv = (*argv, "--preprocessing", "rgb_0_255", "--schema", "endpoint")
    ended = run_script("scripts/demo_ssd.py", *argv)
    assert ended.code == 0, ended.err
    answer = json.loads((tmp_path / "first.json").read_text())
    assert answer.keys() == {"prediction"}
    assert_answered(answer)


@needs_other_mxnet
def test_the_table_of_a_folder(case, tmp_path):
    prefix, images = case
    argv = ("--model-prefix", prefix, "--images", images, "--output", tmp_path)
    argv = (*argv, "--preprocessing", "rgb_0_255", "--format", "endpoint")
    ended = run_script("scripts/predict_ssd.py", *argv)
    assert ended.code == 0, ended.err
    (line,) = (tmp_path / "part-000000.jsonl").read_text().splitlines()
    assert_answered(json.loads(line))
