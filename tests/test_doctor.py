"""The doctor: each verdict for a good and a bad machine, and the script on a bare Python."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from gluon_ssd.doctor import examine as doctor
from gluon_ssd.doctor import installation, machine
from gluon_ssd.doctor.verdict import FAIL, NOTE, OK, Verdict

ROOT = Path(__file__).resolve().parent.parent
MIB = 1 << 20

CPU_BUILD = {"version": "1.9.1", "features": ["MKLDNN"], "gpus": [], "convolution": 36.0}
CUDA_BUILD = {**CPU_BUILD, "features": ["CUDA", "MKLDNN"]}


def _levels(verdicts: list[Verdict]) -> dict[str, str]:
    return {verdict.subject: verdict.level for verdict in verdicts}


def test_a_verdict_is_one_line():
    assert str(Verdict(NOTE, "disk", "1 MiB free")) == "note  disk: 1 MiB free"
    assert str(Verdict(OK, "disk", "1 MiB free")) == "ok    disk: 1 MiB free"


@pytest.mark.parametrize(
    ("flags", "levels"),
    [
        ({"avx2", "avx512_vnni", "avx512_bf16"}, [OK, OK, OK]),
        ({"avx2", "avx_vnni"}, [OK, NOTE, OK]),
        ({"avx2", "avx_vnni", "amx_tile", "amx_bf16"}, [OK, OK, OK]),
        ({"avx2", "avx512_vnni", "amx_tile", "amx_int8"}, [OK, NOTE, OK]),
        ({"avx2"}, [NOTE, NOTE, OK]),
    ],
)
def test_cpu_abilities(flags: set[str], levels: list[str]):
    assert [verdict.level for verdict in machine.check_cpu(flags)] == levels


def test_a_cpu_without_avx2_is_told_so():
    assert machine.check_cpu(set())[0].text == "absent; everything runs, several times slower"


@pytest.mark.parametrize(
    ("gpus", "found", "levels", "text"),
    [
        pytest.param([], CPU_BUILD, [OK], "none; training", id="none_needed"),
        pytest.param([], CUDA_BUILD, [NOTE], "none found", id="cuda_build_without_gpu"),
        pytest.param(["T4, 7.5, 535"], CPU_BUILD, [NOTE], "mxnet-cu112", id="gpu_unused"),
        pytest.param(["T4, 7.5, 535"], None, [NOTE], "unused", id="no_mxnet"),
        pytest.param(["T4, 7.5"], {**CUDA_BUILD, "gpus": [8]}, [OK], "computes on it", id="works"),
        pytest.param(
            ["T4, 7.5", "H100, 9.0"],
            {**CUDA_BUILD, "gpus": [8, "no kernel image"]},
            [OK, FAIL],
            "H100, 9.0; fails: no kernel image",
            id="too_new",
        ),
        pytest.param(["T4"], CUDA_BUILD, [FAIL], "MXNet does not see it", id="unseen"),
    ],
)
def test_gpus_against_the_wheel(gpus: list[str], found: dict, levels: list[str], text: str):
    verdicts = machine.check_gpus(gpus, found)
    assert [verdict.level for verdict in verdicts] == levels
    assert text in verdicts[-1].text


@pytest.mark.parametrize(("free_mib", "level"), [(None, NOTE), (64, NOTE), (8192, OK)])
def test_shared_memory(free_mib: int | None, level: str):
    verdict = machine.check_shared_memory(None if free_mib is None else free_mib * MIB)
    assert verdict.level == level
    assert ("--shm-size" in verdict.text) == (level != OK)


@pytest.mark.parametrize(("free_mib", "level"), [(100, FAIL), (2000, NOTE), (8192, OK)])
def test_disk_and_memory(tmp_path: Path, free_mib: int, level: str):
    assert machine.check_disk(free_mib * MIB, tmp_path).level == level
    assert machine.check_memory(free_mib * MIB).level == level


def test_what_this_process_may_use_is_positive():
    assert 0 < machine.usable_cores() <= 4096


@pytest.mark.parametrize(
    ("found", "reason", "level", "text"),
    [
        (CPU_BUILD, "", OK, "1.9.1, CPU build, with GluonCV"),
        (CUDA_BUILD, "", OK, "CUDA build"),
        (None, "OSError: libgomp.so.1: cannot open", FAIL, "apt-get install libgomp1"),
        (None, "ImportError: broken", FAIL, "does not import with GluonCV (ImportError: broken)"),
    ],
)
def test_mxnet(found: dict | None, reason: str, level: str, text: str):
    verdict = installation.check_mxnet(found, reason)[0]
    assert (verdict.level, verdict.subject) == (level, "MXNet")
    assert text in verdict.text


def test_mxnet_without_onednn_or_with_wrong_sums_fails():
    slow = installation.check_mxnet({**CPU_BUILD, "features": ["LAPACK"]}, "")
    assert _levels(slow) == {"MXNet": OK, "MXNet features": FAIL}
    wrong = installation.check_mxnet({**CPU_BUILD, "convolution": 35.0}, "")
    assert _levels(wrong)["MXNet arithmetic"] == FAIL


@pytest.mark.parametrize(
    ("found", "reason", "level", "text"),
    [
        ({"sum": 42}, "", OK, "compiles"),
        ({"sum": 41}, "", FAIL, "a compiled loop gives wrong answers"),
        (None, "No module named 'numba'", FAIL, "No module named 'numba'; deployed models"),
    ],
)
def test_numba(found: dict | None, reason: str, level: str, text: str):
    verdict = installation.check_numba(found, reason)
    assert verdict.level == level and text in verdict.text


def test_packages_against_a_lock(tmp_path: Path):
    lock = tmp_path / "base.lock"
    installed = installation.version_of("numpy")
    lock.write_text(f"numpy=={installed} \\\n    --hash=sha256:0\n")
    assert installation.check_packages(lock).level == OK
    lock.write_text("numpy==0.0.1 \\\n")
    assert installation.check_packages(lock).level == NOTE
    lock.write_text("numpy==0.0.1 \\\nno-such-thing==1.0 \\\n")
    verdict = installation.check_packages(lock)
    assert verdict.level == FAIL
    assert "1 of 2 missing (no-such-thing); run: bash scripts/setup.sh" in verdict.text


def test_lines_of_a_lock_for_a_later_python_are_left_out(tmp_path: Path):
    lock = tmp_path / "base.lock"
    lock.write_text(
        "old==1.0 ; python_full_version >= '3.11' \\\nnew==2.0 ; python_full_version >= '3.99' \\\n"
    )
    assert installation.locked_versions(lock) == {"old": "1.0"}


@pytest.mark.parametrize("extra", installation.EXTRAS)
def test_an_extra_shows_its_version_or_its_command(extra: str):
    verdict = installation.check_extra(extra)
    if verdict.level == OK:
        assert installation.version_of(installation.EXTRAS[extra][0]) in verdict.text
    else:
        assert f"bash scripts/setup.sh --extras {extra}" in verdict.text


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("import no_such_module", "ModuleNotFoundError: No module named 'no_such_module'"),
        ("import os; os.abort()", "the process was ended by signal 6"),
    ],
)
def test_a_probe_that_crashes_is_reported(code: str, reason: str):
    assert installation.Probe(code).result() == (None, reason)


def test_the_summary_counts():
    verdicts = [Verdict(OK, "a", ""), Verdict(NOTE, "b", ""), Verdict(FAIL, "c", "")]
    assert doctor.summary(verdicts).startswith("doctor: 1 of 3 will fail")
    assert doctor.summary(verdicts[:2]) == "doctor: ready, 1 notes"
    assert doctor.summary(verdicts[:1]) == "doctor: ready"


def test_the_script_runs_on_a_bare_python():
    run = subprocess.run(
        [sys.executable, "-S", "-I", str(ROOT / "scripts" / "doctor.py")],
        capture_output=True,
        text=True,
        env={"PATH": "", "SECRET_TOKEN": "do-not-print"},
        check=False,
    )
    lines = run.stdout.splitlines()
    assert run.stderr == ""
    assert all(line.split()[0] in {OK, NOTE, FAIL} for line in lines[:-1])
    assert "do-not-print" not in run.stdout
    assert "GPUs: none" in run.stdout
    # The exit code and the marks say the same.
    assert run.returncode == int(any(line.startswith(FAIL) for line in lines))


def test_an_old_python_can_read_what_the_doctor_loads():
    code = "import sys, gluon_ssd.doctor.examine; print(*sys.modules)"
    run = subprocess.run(
        [sys.executable, "-S", "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    files = [
        (ROOT / name.replace(".", "/")).with_suffix(".py")
        for name in run.stdout.split()
        if "gluon" in name
    ]
    read = [file for file in files if file.is_file()]  # the others are packages
    assert {file.parent.name for file in read} == {"doctor", "system"}
    for file in read:
        ast.parse(file.read_text(encoding="utf-8"), feature_version=(3, 7))


def test_the_script_knows_no_arguments():
    run = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "doctor.py"), "--bogus"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 2
    assert "python scripts/doctor.py" in run.stdout
