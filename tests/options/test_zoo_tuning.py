"""The ssd.yaml of the ONNX model zoo, as far as config_ssd.ini can say the same."""

from __future__ import annotations

from pathlib import Path

import pytest

from gluon_ssd.errors import OptionError
from gluon_ssd.options.tuning import (
    AccuracySection,
    CalibrationSection,
    ExitSection,
    ModelSection,
    QuantizationSection,
    StrategySection,
    TuningConfig,
)
from gluon_ssd.options.zoo_tuning import load_tuning

# Keys and values of the zoo's file; its text is not taken over.
ZOO = """
version: 1.0
model: {name: ssd, framework: onnxrt_qlinearops, inputs: image, outputs: boxes}
quantization:
  approach: post_training_static_quant
  calibration:
    dataloader:
      batch_size: 1
      dataset: {COCORaw: {root: /path/to/calibration/dataset}}
      transform: {Resize: {size: 1200}, Rescale: {}}
  op_wise: {
    'Mul_507': {'activation': {'dtype': ['fp32']}, 'weight': {'dtype': ['fp32']}},
    'Concat_[1-9]\\d{2,}': {'activation': {'dtype': ['fp32']}},
  }
evaluation:
  accuracy: {metric: {COCOmAPv2: {anno_path: /path/to/annotation}}}
  performance: {iteration: 100}
tuning:
  accuracy_criterion: {absolute: 0.01}
  exit_policy: {timeout: 0}
  random_seed: 9527
"""


def load(folder: Path, text: str, name: str = "ssd.yaml"):
    path = folder / name
    path.write_text(text)
    return load_tuning(str(path))


def test_zoo_file_says_what_the_ini_can_say(tmp_path: Path):
    found = load(tmp_path, ZOO)
    assert found.config == TuningConfig(
        model=ModelSection("onnxrt_qlinear"),
        calibration=CalibrationSection("100"),
        accuracy=AccuracySection("absolute", 0.01),
        exit=ExitSection(timeout=0),
        strategy=StrategySection(random_seed=9527),
    )


def test_operators_kept_in_float_are_patterns(tmp_path: Path):
    assert load(tmp_path, ZOO).float_patterns == ("Mul_507", r"Concat_[1-9]\d{2,}")


def test_everything_else_is_named(tmp_path: Path):
    assert load(tmp_path, ZOO).unused == (
        *("model.inputs", "model.outputs", "quantization.calibration"),
        *("evaluation.accuracy", "evaluation.performance"),
    )


def test_every_key_of_the_table_is_taken(tmp_path: Path):
    found = load(
        tmp_path,
        """
model: {framework: onnxrt_qdq}
quantization:
  calibration: {sampling_size: [32, 64]}
  model_wise: {activation: {algorithm: kl}, weight: {granularity: per_tensor}}
  op_wise: {Conv_1: {activation: {dtype: [uint8]}}}
tuning:
  accuracy_criterion: {relative: 0.02}
  exit_policy: {timeout: 60, max_trials: 7}
  strategy: {name: mse}
  objective: model_size
  random_seed: 3
  workspace: {path: here}
""",
    )
    assert found.config == TuningConfig(
        model=ModelSection("onnxrt_qdq"),
        calibration=CalibrationSection("32,64", "kl"),
        quantization=QuantizationSection(granularity="per_tensor"),
        accuracy=AccuracySection("relative", 0.02),
        # A timeout means there to search on until it is over.
        exit=ExitSection(60, 7, go_on_after_first_pass=True),
        strategy=StrategySection("mse", "model_size", 3, "here"),
    )
    assert found.unused == ("quantization.op_wise Conv_1, which asks for other than fp32",)


def test_an_ini_file_is_read_as_before(tmp_path: Path):
    found = load(tmp_path, "[model]\nframework = onnxrt_qdq\n", "x.ini")
    assert found.config == TuningConfig(model=ModelSection("onnxrt_qdq"))
    assert (found.float_patterns, found.unused) == ((), ())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("model: {framework: tensorflow}", r"model.framework must be one of mxnet, .*tensorflow"),
        ("model: {framework: onnxrt_integerops}", r"model.framework must be .*onnxrt_integerops"),
        ("model: {framework: [mxnet]}", r"model.framework must be .*; got \"\['mxnet'\]\""),
        ("model: [", r"ssd.yaml is not a valid YAML file: "),
        ("figsize: 300", r"ssd.yaml: no tuning configuration: it has no part `model`"),
        (
            "model: {framework: onnxrt_qdq}\nquantization: {approach: quant_aware_training}",
            r"approach must be post_training_static_quant; got 'quant_aware_training'",
        ),
        (
            "model: {framework: onnxrt_qdq}\ntuning: {accuracy_criterion: {relative: much}}",
            r"accuracy_criterion.relative must be a fraction .*; got 'much'",
        ),
        (
            "model: {framework: onnxrt_qdq}\ntuning: {strategy: {name: fast}}",
            r"ssd.yaml: \[strategy\] name must be one of basic",
        ),
        (
            "model: {framework: onnxrt_qdq}\ntuning: {exit_policy: {max_trials: few}}",
            r"tuning.exit_policy.max_trials must be a whole number; got 'few'",
        ),
        (
            "model: {framework: onnxrt_qdq}\n"
            "quantization: {op_wise: {'a(': {activation: {dtype: [fp32]}}}}",
            r"op_wise 'a\(' is no regular expression",
        ),
        (
            "model: {framework: onnxrt_qdq}\nquantization: {op_wise: [a]}",
            r"op_wise must hold names of operators",
        ),
        (
            "model: {framework: onnxrt_qdq}\n"
            "quantization: {op_wise: {'a{99999999999}': {activation: {dtype: [fp32]}}}}",
            r"op_wise 'a\{9+\}' is no regular expression",
        ),
    ],
)
def test_what_cannot_be_done_is_one_line_with_the_file(tmp_path: Path, text, message):
    with pytest.raises(OptionError, match=message) as caught:
        load(tmp_path, text)
    assert str(caught.value).startswith(str(tmp_path)) and "\n" not in str(caught.value)


def test_parts_of_another_kind_are_no_names_to_keep(tmp_path: Path):
    text = "model: {framework: mxnet}\nquantization: {op_wise: {a: {activation: 1}, b: 2}}"
    assert load(tmp_path, text).float_patterns == ()


def test_a_missing_file_is_one_line(tmp_path: Path):
    with pytest.raises(OptionError, match=r"cannot read the options in .*none.yml: No such"):
        load_tuning(str(tmp_path / "none.yml"))
