from __future__ import annotations

from pathlib import Path

import pytest

from gluon_ssd.doctor import gpus
from gluon_ssd.doctor.verdict import FAIL, NOTE, OK
from tests.doctor.builds import CPU_BUILD, CUDA_BUILD

T4, H100 = "T4, 7.5, 535.1", "H100, 9.0, 535.1"


@pytest.mark.parametrize(
    ("listed", "found", "levels", "text"),
    [
        pytest.param([], CPU_BUILD, [OK], "none; training", id="none_needed"),
        pytest.param([], CUDA_BUILD, [NOTE], "none found", id="cuda_build_without_gpu"),
        pytest.param([T4], CPU_BUILD, [NOTE], "bash scripts/setup.sh --gpu", id="gpu_unused"),
        pytest.param([T4], None, [NOTE], "unused", id="no_mxnet"),
        pytest.param([H100], CPU_BUILD, [OK], "code for 5.0 to 8.9 alone", id="no_build_for_it"),
        pytest.param(["Odd, [N/A]"], CPU_BUILD, [NOTE], "unused", id="unknown_capability"),
    ],
)
def test_unused_gpus(listed: list[str], found: dict | None, levels: list[str], text: str):
    verdicts = gpus.check_gpus(listed, found)
    assert [verdict.level for verdict in verdicts] == levels
    assert text in verdicts[-1].text


@pytest.mark.parametrize(
    ("gpu", "outcomes", "level", "text"),
    [
        pytest.param(T4, [8], OK, "computes on it by its code for 7.0", id="works"),
        pytest.param("L4, 8.9, 535.1", [8], OK, "by its code for 8.6", id="later_of_the_line"),
        pytest.param(
            H100, ["no kernel image"], FAIL, "code for 5.0 to 8.9, and none", id="too_new"
        ),
        pytest.param(T4, ["out of memory"], FAIL, "fails: out of memory; use --gpus ''", id="busy"),
        pytest.param(T4, [], FAIL, "MXNet does not see it", id="unseen"),
        pytest.param(H100, [8], OK, "H100, 9.0, 535.1; MXNet computes on it", id="own_build"),
    ],
)
def test_gpus_against_the_wheel(gpu: str, outcomes: list[object], level: str, text: str):
    verdict = gpus.check_gpus([gpu], {**CUDA_BUILD, "gpus": outcomes})[0]
    assert (verdict.level, verdict.subject) == (level, "GPU 0")
    assert text in verdict.text


def test_every_gpu_is_told_then_the_driver_and_what_is_compiled():
    found = {**CUDA_BUILD, "gpus": [8, "no kernel image"]}
    subjects = [verdict.subject for verdict in gpus.check_gpus([T4, H100], found)]
    assert subjects == ["GPU 0", "GPU 1", "NVIDIA driver", "GPU code compiled here"]


@pytest.mark.parametrize(
    ("capability", "code"),
    [
        ((3, 7), None),
        ((5, 0), (5, 0)),
        ((6, 1), (6, 0)),
        ((7, 5), (7, 0)),
        ((8, 0), (8, 0)),
        ((8, 6), (8, 6)),
        ((8, 9), (8, 6)),
        ((9, 0), None),
        ((12, 0), None),
    ],
)
def test_a_card_runs_code_of_its_own_line_that_is_not_newer(capability, code):
    assert gpus.code_for(capability) == code


@pytest.mark.parametrize(
    ("driver", "levels"),
    [
        ("T4, 7.5, 440.33.01", [FAIL]),
        ("T4, 7.5, 450.80.02", [NOTE]),
        ("T4, 7.5, 520.61.05", [OK]),
        ("T4, 7.5, 580.9", [OK]),
        ("T4, 7.5", []),
        ("T4, 7.5, [N/A]", []),
    ],
)
def test_the_driver(driver: str, levels: list[str]):
    assert [verdict.level for verdict in gpus.check_driver(driver)] == levels


def test_where_compiled_kernels_are_kept(tmp_path: Path):
    verdict = gpus.check_translation({}, tmp_path)
    assert verdict.level == OK
    assert f"{tmp_path / '.nv/ComputeCache'} (CUDA_CACHE_PATH), up to the driver's" in verdict.text
    asked = {"CUDA_CACHE_PATH": str(tmp_path / "kept"), "CUDA_CACHE_MAXSIZE": "1000"}
    assert f"{tmp_path / 'kept'} " in gpus.check_translation(asked, tmp_path).text
    assert "up to 1000 bytes" in gpus.check_translation(asked, tmp_path).text
    off = gpus.check_translation({"CUDA_CACHE_DISABLE": "1"}, tmp_path)
    assert (off.level, "kept nowhere" in off.text) == (NOTE, True)
    # A path below a file cannot be made, whoever asks.
    (tmp_path / "file").touch()
    blocked = gpus.check_translation({"CUDA_CACHE_PATH": str(tmp_path / "file/kept")}, tmp_path)
    assert (blocked.level, "CUDA_CACHE_PATH" in blocked.text) == (NOTE, True)


def test_gpus_are_what_the_driver_lists(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert gpus.list_gpus() == []
    command = tmp_path / "nvidia-smi"
    command.write_text("#!/bin/sh\necho 'T4, 7.5, 535'\necho 'H100, 9.0, 535'\n")
    command.chmod(0o755)
    assert gpus.list_gpus() == ["T4, 7.5, 535", "H100, 9.0, 535"]
    command.write_text("#!/bin/sh\necho 'no driver'\nexit 9\n")
    assert gpus.list_gpus() == []
