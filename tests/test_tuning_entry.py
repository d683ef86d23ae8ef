"""eval_ssd.py --auto_tuning, from the command line to the files."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.deploy.tune_builders import SETTINGS, SIZE, Bench, export_tiny, search
from tests.entry_builders import (
    ROOT,
    SMALL,
    found_set,
    leftovers,
    one_error,
    python,
    run_script,
    voc_set,
)

pytestmark = pytest.mark.tune


@pytest.fixture(scope="module")
def tiny(tmp_path_factory) -> str:
    """Prefix of a tiny fp32 detector of three classes."""
    return export_tiny(tmp_path_factory.mktemp("tiny"))


def tune(folder: Path, ini: str, *options):
    """Run --auto_tuning with the text of a configuration; results and workspace go below folder."""
    path = folder / "x.ini"
    if "workspace" not in ini:
        section = "" if "[strategy]" in ini else "[strategy]\n"
        ini += f"{section}workspace = {folder / 'workspace'}\n"
    path.write_text(ini)
    arguments = ("--auto_tuning", "--auto_tuning_config", path, "--calib-output", folder / "out")
    return run_script("eval_ssd.py", *arguments, *options)


def on_voc(tiny: str, folder: Path) -> tuple:
    """Options for the tiny detector on three images of cats and dogs."""
    names = folder / "names.txt"
    names.write_text("ant\nbee\ncat\n")
    data = voc_set(folder / "data")
    return (
        *("--deploy", "--model-prefix", tiny, "--dataset", "custom", "--classes", names),
        *("--dataset-root", data, "-j", 0, "--batch-size", 2),
    )


@pytest.mark.parametrize(
    ("ini", "message"),
    [
        ("[exit]\ntimeot = 3\n", r"x.ini: [exit] has no key 'timeot'; did you mean timeout"),
        ("[strategy]\nname = random\n", "x.ini: [strategy] name = random does not work here"),
        (
            "[calibration]\nsampling_sizes = 4\n",
            "x.ini: [calibration] sampling_sizes asks for 4 images, the calibration set has 3; ",
        ),
        (
            "[calibration]\nsampling_sizes = 2\n[quantization]\nfp32_layers = nothing\n",
            "x.ini: [quantization] fp32_layers: there is no layer nothing",
        ),
    ],
)
def test_mistake_in_the_configuration_is_one_line(tiny, tmp_path: Path, ini, message) -> None:
    ended = tune(tmp_path, ini, *on_voc(tiny, tmp_path))
    assert message in one_error(ended)
    assert not (tmp_path / "out/tiny-quantized-tuned-symbol.json").exists()
    assert leftovers(tmp_path) == []


def test_missing_configuration_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "none.ini"
    ended = run_script("eval_ssd.py", "--auto_tuning", "--auto_tuning_config", path)
    assert (
        one_error(ended) == f"error: cannot read the options in {path}: No such file or directory"
    )


def test_workspace_that_cannot_be_written_is_one_line(tiny, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("mine")
    ini = f"[strategy]\nworkspace = {tmp_path / 'taken'}\n"
    ended = tune(tmp_path, ini, *on_voc(tiny, tmp_path))
    assert "x.ini: [strategy] workspace: cannot make the folder" in one_error(ended)
    assert (tmp_path / "taken").read_text() == "mine" and not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--num-gpus", 1), "--auto_tuning works on the CPU alone; got --num-gpus 1"),
        (("--calibration",), "--auto_tuning and --calibration exclude each other"),
        (("--benchmark",), "--auto_tuning and --benchmark exclude each other"),
        (("--quantized",), "--auto_tuning and --quantized exclude each other"),
    ],
)
def test_options_that_exclude_each_other(tmp_path: Path, options, message) -> None:
    ended = tune(tmp_path, "", "--network", "mobilenet1.0", "--data-shape", 512, *options)
    assert message in one_error(ended) and ended.out == ""


def test_missing_extra_is_one_line(tiny, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "neural_compressor.strategy", None)
    ended = tune(tmp_path, "", *on_voc(tiny, tmp_path))
    assert one_error(ended).endswith("bash scripts/setup.sh --extras tune")


def test_model_that_finds_nothing_is_one_line_and_leaves_nothing(tiny, tmp_path: Path) -> None:
    ended = tune(tmp_path, "[calibration]\nsampling_sizes = 2\n", *on_voc(tiny, tmp_path))
    assert "finds nothing on these images (accuracy 0.0)" in one_error(ended)
    assert not (tmp_path / "out").exists()


def test_symbol_that_is_int8_already_is_one_line(tiny, tmp_path: Path) -> None:
    search(tiny, tmp_path, dataclasses.replace(SETTINGS, max_trials=1), Bench(tiny))
    options = ("--deploy", "--model-prefix", tmp_path / "out/best", "--data-shape", SIZE)
    ended = tune(tmp_path, "", *options)
    assert "is quantised already; give the fp32 model it was made from" in one_error(ended)


def test_search_of_a_network_goes_on_in_another_process(weights, tmp_path: Path) -> None:
    """Its symbol is written anew each time, and must be the same."""
    data = found_set(tmp_path / "data", weights)
    options = (
        *(*SMALL, "--pretrained", weights, "--dataset-root", data, "--batch-size", 2),
        *("--auto_tuning", "--auto_tuning_config", tmp_path / "x.ini"),
        *("--calib-output", tmp_path / "out"),
    )
    said = []
    for most in (1, 2):
        ini = f"[calibration]\nsampling_sizes = 2\n[exit]\nmax_trials = {most}\n"
        ini += "go_on_after_first_pass = true\n[strategy]\nworkspace = "
        (tmp_path / "x.ini").write_text(f"{ini}{tmp_path / 'workspace'}\n")
        ended = subprocess.run(
            python(ROOT / "eval_ssd.py", *options),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert ended.returncode == 0, ended.stderr
        said.append(ended.stdout)
    assert "going on with" not in said[0] and "going on with 2 measured models" in said[1]
    lines = (tmp_path / "workspace/journal.jsonl").read_text().splitlines()
    trials = [e for e in map(json.loads, lines) if e["event"] == "trial"]
    assert [trial["number"] for trial in trials] == [0, 1, 2]
    assert trials[0]["choice"] == "float32" and trials[0]["measured"]["accuracy"] > 0.5


def test_crash_in_native_code_is_one_line_and_the_search_goes_on(weights, tmp_path: Path) -> None:
    data = found_set(tmp_path / "data", weights)
    ini = "[calibration]\nsampling_sizes = 2\n[exit]\nmax_trials = {}\n"
    ini += f"go_on_after_first_pass = true\n[strategy]\nworkspace = {tmp_path / 'workspace'}\n"
    (tmp_path / "x.ini").write_text(ini.format(500))
    options = (
        *(*SMALL, "--pretrained", weights, "--dataset-root", data, "--batch-size", 2),
        *("--auto_tuning", "--auto_tuning_config", tmp_path / "x.ini"),
        *("--calib-output", tmp_path / "out"),
    )
    process = subprocess.Popen(
        python(ROOT / "eval_ssd.py", *options),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("trial 1: "):
            break
    (child,) = psutil.Process(process.pid).children()
    child.send_signal(signal.SIGSEGV)
    _, complaints = process.communicate(timeout=60)
    assert process.returncode == 2
    assert complaints.splitlines()[-1] == (
        "error: the search was ended by SIGSEGV in native code; the same command goes on from its "
        "history"
    )
    (tmp_path / "x.ini").write_text(ini.format(2))
    command = python(ROOT / "eval_ssd.py", *options)
    said = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
    assert "going on with " in said


# --- the really trained model ---------------------------------------------------------------------


@pytest.fixture(scope="module")
def real(shared_dir: Path) -> tuple:
    """Options for the VOC model and the first 16 of its images."""
    prefix, root = shared_dir / "weights/ssd_300_mobilenet0.75_voc", shared_dir / "data/voc-mini"
    if not (root.is_dir() and prefix.with_name(f"{prefix.name}-0000.params").is_file()):
        pytest.skip(f"no {prefix} or {root}")
    return (
        *("--deploy", "--model-prefix", prefix, "--data-shape", 300, "--dataset-root", root),
        *("--limit-images", 16, "-j", 0, "--batch-size", 256),
    )


INI = "[calibration]\nsampling_sizes = 16\n[exit]\nmax_trials = {}\ngo_on_after_first_pass = true\n"


def test_interrupted_search_keeps_its_best_and_goes_on(real, tmp_path: Path) -> None:
    path = tmp_path / "x.ini"
    strategy = f"[strategy]\nworkspace = {tmp_path / 'workspace'}\n"
    path.write_text(INI.format(500) + strategy)
    out = tmp_path / "out"
    options = ["--auto_tuning", "--auto_tuning_config", path, "--calib-output", out, *real]
    command = [sys.executable, ROOT / "eval_ssd.py", *options]
    process = subprocess.Popen(
        [str(word) for word in command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("trial 1: "):
            break
    process.send_signal(signal.SIGINT)
    said, complaints = process.communicate(timeout=120)
    assert process.returncode == 130, complaints
    assert complaints.splitlines()[-1].startswith("error: stopped by SIGINT")
    assert "the search ended: it was stopped" in said
    files = sorted(entry.name for entry in out.iterdir())
    name = "ssd_300_mobilenet0.75_voc-quantized-tuned"
    assert files == [f"{name}-0000.params", f"{name}-symbol.json"]

    ended = tune(tmp_path, INI.format(1), "--calib-output", out, *real)
    assert ended.code == 0, ended.err
    assert "going on with " in ended.out and "fp32: mAP" not in ended.err
    assert "max_trials (1) were made" in ended.out
    assert {"tuning.md", "tuning.png"} < {p.name for p in (tmp_path / "workspace").iterdir()}
    lines = (tmp_path / "workspace/journal.jsonl").read_text().splitlines()
    trials = [e for e in map(json.loads, lines) if e["event"] == "trial"]
    assert trials[0]["measured"]["accuracy"] > 0.5
    assert abs(trials[1]["measured"]["accuracy"] - trials[0]["measured"]["accuracy"]) < 0.05
