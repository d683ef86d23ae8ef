"""Options of scripts/predict_ssd.py."""

from __future__ import annotations

import pytest

from gluon_ssd.deploy.runtime import RUNTIMES
from gluon_ssd.errors import OptionError
from gluon_ssd.inference.tables.part_folder import FORMATS
from gluon_ssd.options.declare import flags_of, parse
from gluon_ssd.options.predict import PredictCommand


def command(*argv: str) -> PredictCommand:
    needed = ("--model-prefix", "m", "--images", "folder")
    return parse(PredictCommand, [*needed, *argv], prog="p", description="")


def test_the_model_and_the_folder_are_enough():
    assert (command().output, command().format, command().device) == ("predictions", "jsonl", "cpu")
    assert command().input_size_hw is None


def test_input_size_and_gpu():
    assert command("--data-shape", "300").input_size_hw == (300, 300)
    assert command("--gpus", "1").device == "gpu:1"


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--format", "csv"], "--format must be one of jsonl, parquet, endpoint; got 'csv'"),
        (["--backend", "tensorrt"], "--backend must be one of auto, mxnet, onnxruntime"),
        (["--part-files", "0"], "--part-files must be at least 1; got 0"),
        (["--thresh", "2"], "--thresh must be at most 1; got 2"),
        (["--model-prefix", ""], "--model-prefix needs a detector"),
        (["--images", ""], "--images needs a folder of images"),
    ],
)
def test_wrong_options(argv, message):
    with pytest.raises(OptionError, match=message):
        command(*argv)


def test_choices_are_what_there_is():
    choices = {flag.name: set(flag.choices) for flag in flags_of(PredictCommand)}
    assert choices["format"] == set(FORMATS)
    assert choices["backend"] == {"auto", *RUNTIMES}


def test_a_second_gpu_would_have_no_effect():
    given = ["--model-prefix", "m", "--images", "a", "--gpus"]
    with pytest.raises(OptionError, match="^--gpus has no effect beyond its first number"):
        parse(PredictCommand, [*given, "0,1"], prog="predict_ssd.py", description="")
    assert parse(PredictCommand, [*given, "1"], prog="", description="").device == "gpu:1"


def test_an_endpoint_leaves_out_no_score():
    assert command().threshold == 0.5
    assert command("--format", "endpoint").threshold == 0
    assert command("--format", "endpoint", "--thresh", "0.25").threshold == 0.25
