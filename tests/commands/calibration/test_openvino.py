"""eval_ssd.py --calibration and --auto_tuning for OpenVINO, from the command line to the files."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.deploy.openvino_builders import write_tiny_ir
from tests.deploy.tiny_onnx import write_tiny
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

pytestmark = [pytest.mark.openvino, pytest.mark.onnx]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory) -> str:
    """The .xml file of a tiny float32 detector of three classes."""
    return write_tiny_ir(tmp_path_factory.mktemp("tiny"))


def on_voc(folder: Path) -> tuple:
    """Options for the classes of the tiny detector and three images."""
    names = folder / "names.txt"
    names.write_text("ant\nbee\ncat\n")
    data = voc_set(folder / "data")
    return (
        *("--dataset", "custom", "--classes", names, "--dataset-root", data),
        *("-j", 0, "--batch-size", 2, "--data-shape", 64),
    )


def calibrate(folder: Path, prefix: object, *options):
    """Run --calibration for OpenVINO; the result goes into out below the folder."""
    return run_script(
        "eval_ssd.py",
        *("--deploy", "--model-prefix", prefix, "--calibration", "--backend", "openvino"),
        *("--calib-output", folder / "out", *options),
    )


def test_pair_becomes_an_int8_ir_that_runs(tiny: str, tmp_path: Path) -> None:
    options = on_voc(tmp_path)
    prefix = tiny.removesuffix(".xml")
    ended = calibrate(tmp_path, prefix, *options)
    assert ended.code == 0, ended.err
    target = tmp_path / "out/tiny-quantized-naive.xml"
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == [
        "tiny-quantized-naive.bin",
        "tiny-quantized-naive.xml",
    ]
    assert "tiny-quantized-naive.xml: " in ended.out and "found again" in ended.out
    assert ended.out.splitlines()[-2].endswith(f"--deploy --model-prefix {target}")
    assert " before and " in ended.out.splitlines()[-1]
    scored = run_script("eval_ssd.py", "--deploy", "--model-prefix", target, *options)
    assert scored.code == 0 and "mAP" in scored.out
    again = calibrate(tmp_path, target, *options)
    assert "is quantised already; give the float32 model it was made from" in one_error(again)


def test_ir_is_quantised_without_naming_the_backend(tiny: str, tmp_path: Path) -> None:
    ended = run_script(
        "eval_ssd.py",
        *("--deploy", "--model-prefix", tiny, "--calibration", *on_voc(tmp_path)),
        *("--calib-output", tmp_path / "out"),
    )
    assert ended.code == 0, ended.err
    assert (tmp_path / "out/tiny-quantized-naive.bin").is_file()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--calib-mode", "entropy"), "the mode naive; got 'entropy' (--calib-mode)"),
        (("--quantized-dtype", "uint8"), "got 'uint8' (--quantized-dtype)"),
        (("--layer-report",), "--layer-report is for models of MXNet alone"),
        (("--calib-exclude", "nothing"), "has no layer 'nothing'; layers are "),
    ],
)
def test_what_nncf_lacks_is_one_line(tiny: str, tmp_path: Path, options, message) -> None:
    ended = calibrate(tmp_path, tiny, *on_voc(tmp_path), *options)
    assert message in one_error(ended)
    assert not (tmp_path / "out").exists() and leftovers(tmp_path) == []


def test_file_of_another_form_is_one_line(tmp_path: Path) -> None:
    path = write_tiny(tmp_path / "m.onnx", form="detections")
    assert "export it with --form raw" in one_error(calibrate(tmp_path, path, *on_voc(tmp_path)))


def test_output_that_is_a_file_is_one_line(tiny: str, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine")
    ended = calibrate(tmp_path, tiny, *on_voc(tmp_path))
    assert "cannot make the folder" in one_error(ended)
    assert (tmp_path / "out").read_text() == "mine"


# --- the search -----------------------------------------------------------------------------------

INI = "[model]\nframework = openvino\n[calibration]\nsampling_sizes = 2,3\n"


def tune(folder: Path, ini: str, *options):
    """Run --auto_tuning; results and workspace go below the folder."""
    path = folder / "x.ini"
    section = "" if "[strategy]" in ini else "[strategy]\n"
    path.write_text(f"{ini}{section}workspace = {folder / 'workspace'}\n")
    arguments = ("--auto_tuning", "--auto_tuning_config", path, "--calib-output", folder / "out")
    return run_script("eval_ssd.py", *arguments, *options)


def test_search_of_a_network_keeps_an_ir_and_goes_on_in_another_process(
    weights, tmp_path: Path
) -> None:
    data = found_set(tmp_path / "data", weights)
    path = tmp_path / "x.ini"
    ini = (
        f"{INI}[accuracy]\ntolerable_loss = 0.9\n[strategy]\nworkspace = {tmp_path / 'workspace'}\n"
    )
    path.write_text(ini)
    command = python(
        ROOT / "eval_ssd.py",
        *(*SMALL, "--pretrained", weights, "--dataset-root", data, "--batch-size", 2),
        *("--auto_tuning", "--auto_tuning_config", path, "--calib-output", tmp_path / "out"),
    )
    # The names in a network are numbered in each process.
    ended = [
        subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        for _ in range(2)
    ]
    assert [each.returncode for each in ended] == [0, 0], ended
    (graph,) = (tmp_path / "out").glob("*-quantized-tuned.xml")
    assert f"kept trial 1 as {graph}" in ended[0].stdout
    assert graph.with_suffix(".bin").is_file()
    assert "going on with 2 measured models" in ended[1].stdout
    # Of NNCF's messages and bars nothing is seen.
    said = ended[0].stdout + ended[0].stderr
    assert "nncf" not in said.lower() and "━" not in said


@pytest.mark.parametrize(
    ("ini", "message"),
    [
        (
            "[strategy]\nname = mse_v2\n",
            "x.ini: [strategy] name = mse_v2 is not known to openvino; take basic or mse or exh",
        ),
        (
            "algorithms = kl\nsampling_sizes = 8\n",
            "x.ini: [calibration] algorithms = kl is not known to openvino; take minmax",
        ),
        ("[quantization]\nbf16 = true\n", "openvino has no operators in bfloat16"),
        (
            "[quantization]\nfp32_layers = nothing\n",
            "x.ini: [quantization] fp32_layers: there is no layer nothing",
        ),
    ],
)
def test_what_the_search_lacks_is_one_line(tiny: str, tmp_path: Path, ini, message) -> None:
    start = INI if "sampling" not in ini else "[model]\nframework = openvino\n[calibration]\n"
    ended = tune(tmp_path, start + ini, "--deploy", "--model-prefix", tiny, *on_voc(tmp_path))
    assert message in one_error(ended)
    assert leftovers(tmp_path) == []
