from __future__ import annotations

from pathlib import Path

import pytest

from gluon_ssd.doctor import installation
from gluon_ssd.doctor.verdict import FAIL, NOTE, OK
from tests.doctor.builds import CPU_BUILD, CUDA_BUILD


def levels(verdicts) -> dict[str, str]:
    return {verdict.subject: verdict.level for verdict in verdicts}


@pytest.mark.parametrize(
    ("found", "reason", "level", "text"),
    [
        (CPU_BUILD, "", OK, "1.9.1, CPU build, with GluonCV"),
        (CUDA_BUILD, "", OK, "CUDA build"),
        (None, "OSError: libgomp.so.1: cannot open", FAIL, "apt-get install libgomp1"),
        (None, "OSError: libquadmath.so.0: cannot open", FAIL, "apt-get install libquadmath0"),
        (
            None,
            "gluon_ssd.errors.EnvironmentProblem: MXNet's CUDA build needs NVIDIA's driver",
            FAIL,
            "the CUDA build needs NVIDIA's driver",
        ),
        (None, "ImportError: broken", FAIL, "does not import with GluonCV (ImportError: broken)"),
    ],
)
def test_mxnet(found: dict | None, reason: str, level: str, text: str):
    verdict = installation.check_mxnet(found, reason)[0]
    assert (verdict.level, verdict.subject) == (level, "MXNet")
    assert text in verdict.text


def test_mxnet_without_onednn_or_with_wrong_sums_fails():
    slow = installation.check_mxnet({**CPU_BUILD, "features": ["LAPACK"]}, "")
    assert levels(slow) == {"MXNet": OK, "MXNet features": FAIL}
    wrong = installation.check_mxnet({**CPU_BUILD, "convolution": 35.0}, "")
    assert levels(wrong)["MXNet arithmetic"] == FAIL


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


def test_the_cuda_build_stands_in_for_mxnet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    base, gpu = tmp_path / "base.lock", tmp_path / "gpu.lock"
    base.write_text("mxnet==1.0 \\\nnumpy==2.0 \\\n")
    gpu.write_text("mxnet-cu112==1.0 \\\n")
    there = {"mxnet-cu112": "1.0", "numpy": "2.0"}
    monkeypatch.setattr(installation, "version_of", there.get)
    assert installation.check_packages(base).level == FAIL
    assert installation.check_packages(base, gpu).text == "all 2 at the locked versions"
    assert installation.check_builds() == []
    there["mxnet"] = "1.0"
    (verdict,) = installation.check_builds()
    assert verdict.level == FAIL and "overwrite each other" in verdict.text


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


@pytest.mark.parametrize(
    ("system", "level"), [(("Linux", "x86_64"), OK), (("Linux", "aarch64"), FAIL)]
)
def test_platform(monkeypatch: pytest.MonkeyPatch, system: tuple[str, str], level: str):
    monkeypatch.setattr(installation.platform, "system", lambda: system[0])
    monkeypatch.setattr(installation.platform, "machine", lambda: system[1])
    verdict = installation.check_platform()
    assert verdict.level == level and verdict.text.startswith(" ".join(system))


@pytest.mark.parametrize(("version", "level"), [((3, 10), FAIL), ((3, 12), OK), ((3, 13), FAIL)])
def test_python(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, version, level: str):
    monkeypatch.setattr(installation, "ROOT", tmp_path)  # without a .venv
    monkeypatch.setattr(installation.sys, "version_info", (*version, 0))
    assert installation.check_python().level == level


def test_another_python_than_the_projects_is_noted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr(installation, "ROOT", tmp_path)
    (tmp_path / ".venv").mkdir()
    assert installation.check_python().level == NOTE
    monkeypatch.setattr(installation.sys, "prefix", str(tmp_path / ".venv"))
    assert installation.check_python().level == OK


def test_a_lock_that_is_not_there_holds_nothing(tmp_path: Path):
    assert installation.locked_versions(tmp_path / "none.lock") == {}


class Found:
    """A probe that has ended."""

    def __init__(self, found: dict | None, reason: str = "") -> None:
        self._result = found, reason

    def result(self):
        return self._result


@pytest.mark.parametrize(
    ("cv2", "pycocotools", "expected"),
    [
        (Found({"version": "4.9", "gui": "NONE"}), Found({}), [OK, OK]),
        (Found({"version": "4.9", "gui": "QT5"}), Found(None, "broken"), [NOTE, FAIL]),
        (Found(None, "no libGL"), Found({}), [FAIL, OK]),
    ],
)
def test_the_installation_is_told_in_order(
    monkeypatch: pytest.MonkeyPatch, cv2: Found, pycocotools: Found, expected: list[str]
):
    headless = "opencv-python-headless"
    monkeypatch.setattr(installation, "version_of", lambda n: "1" if n == headless else None)
    probes = {"mxnet": Found(CPU_BUILD), "numba": Found({"sum": 42})}
    verdicts, mxnet = installation.examine({**probes, "cv2": cv2, "pycocotools": pycocotools})
    assert mxnet == CPU_BUILD
    found = levels(verdicts)
    assert list(found)[-3:] == ["OpenCV", "pycocotools", "numba"]
    assert [found["OpenCV"], found["pycocotools"]] == expected


def test_two_builds_of_opencv_overwrite_each_other(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(installation, "version_of", lambda name: "1")
    probes = {"mxnet": Found(None, "gone"), "numba": Found(None, "gone"), "pycocotools": Found({})}
    cv2 = Found({"version": "4.9", "gui": "NONE"})
    (opencv,) = (
        v for v in installation.examine({**probes, "cv2": cv2})[0] if v.subject == "OpenCV"
    )
    assert opencv.level == NOTE and "overwrite each other" in opencv.text
