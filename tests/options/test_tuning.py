"""config_ssd.ini and the sections it is read into."""

from __future__ import annotations

import configparser
from pathlib import Path

import pytest

from gluon_ssd.errors import OptionError
from gluon_ssd.options.declare import flags_of
from gluon_ssd.options.tuning import STRATEGIES, ModelSection, TuningConfig, load_tuning_config

SHIPPED = Path(__file__).parents[2] / "config_ssd.ini"


def test_shipped_file_has_every_key_and_no_other() -> None:
    reader = configparser.ConfigParser(interpolation=None)
    reader.read(SHIPPED)
    keys = {(section, key) for section in reader.sections() for key in reader[section]}
    assert keys == {(flag.group, flag.name) for flag in flags_of(TuningConfig)}


@pytest.mark.parametrize(
    ("path", "framework"),
    [("m.onnx", "onnxrt_qdq"), ("m.xml", "openvino"), ("folder.v2/m", "mxnet"), ("", "mxnet")],
)
def test_the_framework_goes_by_the_file_unless_it_is_named(path: str, framework: str) -> None:
    assert ModelSection().framework_of(path) == framework
    assert ModelSection("openvino").framework_of(path) == "openvino"


def test_shipped_file_holds_the_defaults() -> None:
    assert load_tuning_config(str(SHIPPED)) == TuningConfig()


def test_shipped_file_explains_every_strategy() -> None:
    comments = [line for line in SHIPPED.read_text().splitlines() if line.startswith("# ")]
    assert all(any(line.startswith(f"# {name} ") for line in comments) for name in STRATEGIES)


def test_lists_keep_their_order_and_lose_repetitions(tmp_path: Path) -> None:
    path = tmp_path / "x.ini"
    path.write_text(
        "[calibration]\nsampling_sizes = 64, 32,64\nalgorithms = kl,minmax\n"
        "[quantization]\nfp32_layers = a, b\nfp32_operators = Concat\n"
    )
    config = load_tuning_config(str(path))
    assert config.calibration.sizes == (64, 32)
    assert config.calibration.algorithm_list == ("kl", "minmax")
    assert config.quantization.layers == ("a", "b")
    assert config.quantization.operators == ("Concat",)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[accurracy]\n", r"x.ini: unknown section \[accurracy\]; .*did you mean accuracy"),
        ("[exit]\ntimeot = 3\n", r"x.ini: \[exit\] has no key 'timeot'; did you mean timeout"),
        ("[exit]\ntimeout = soon\n", r"x.ini: \[exit\] timeout must be a whole number"),
        ("[exit]\nmax_trials = 0\n", r"x.ini: \[exit\] max_trials must be at least 1; got 0"),
        ("[exit]\ngo_on_after_first_pass = 7\n", r"x.ini: \[exit\] go_on.* true or false; got '7'"),
        ("[calibration]\nalgorithms = kll\n", r"x.ini: \[calibration\] algorithms must be among"),
        ("[calibration]\nsampling_sizes = 0\n", r"\[calibration\] sampling_sizes must be whole"),
        ("[calibration]\nsampling_sizes = ²\n", r"sampling_sizes must be whole .*; got '²'"),
        (f"[calibration]\nsampling_sizes = {'9' * 5000}\n", r"sampling_sizes must .*\(5000 char"),
        ("[calibration]\nsampling_sizes =\n", r"\[calibration\] sampling_sizes must be whole"),
        ("[quantization]\ngranularity = fine\n", r"\[quantization\] granularity must be one of"),
        ("[quantization]\nbf16 = maybe\n", r"\[quantization\] bf16 must be true or false"),
        ("[accuracy]\ntolerable_loss = 2\n", r"\[accuracy\] tolerable_loss must be at most 1"),
        ("[accuracy]\ntolerable_loss = 1\n", r"\[accuracy\] tolerable_loss must be below 1"),
        ("[strategy]\nobjective = size\n", r"\[strategy\] objective must be one of performance"),
        ("[strategy]\nname = fast\n", r"x.ini: \[strategy\] name must be one of basic, mse"),
        ("[strategy]\nworkspace =\n", r"x.ini: \[strategy\] workspace must name a folder"),
        (
            "[calibration]\nsampling_sizes = 4\nalgorithms = kl\n",
            r"x.ini: \[calibration\] algorithms = kl needs sampling_sizes of at least 8 .*got 4",
        ),
        (
            "[calibration]\nsampling_sizes = 32\n[strategy]\nname = bayesian\n",
            r"x.ini: \[strategy\] name = bayesian has nothing to choose from",
        ),
    ],
)
def test_wrong_file_names_file_section_and_key(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "x.ini"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(OptionError, match=message):
        load_tuning_config(str(path))


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("random", "lists all combinations"),
        ("tpe", "hyperopt"),
        ("sigopt", "account"),
        ("hawq_v2", "PyTorch alone"),
        ("auto", "conservative"),
        ("conservative", "fails"),
        ("automixedprecision", "never quantises"),
    ],
)
def test_strategies_that_do_not_work_are_refused_with_the_reason(
    tmp_path: Path, name: str, reason: str
) -> None:
    path = tmp_path / "x.ini"
    path.write_text(f"[strategy]\nname = {name}\n")
    with pytest.raises(OptionError, match=rf"x.ini: \[strategy\] name = {name} .*{reason}"):
        load_tuning_config(str(path))
