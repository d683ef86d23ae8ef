from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

from gluon_ssd.doctor import examine as doctor
from gluon_ssd.doctor import gpus, installation, machine
from gluon_ssd.doctor.verdict import FAIL, NOTE, OK, Verdict

ROOT = Path(__file__).resolve().parents[2]


def test_the_summary_counts():
    verdicts = [Verdict(OK, "a", ""), Verdict(NOTE, "b", ""), Verdict(FAIL, "c", "")]
    assert doctor.summary(verdicts).startswith("doctor: 1 of 3 will fail")
    assert doctor.summary(verdicts[:2]) == "doctor: ready, 1 notes"
    assert doctor.summary(verdicts[:1]) == "doctor: ready"


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


def test_on_another_system_nothing_more_is_tried(monkeypatch):
    monkeypatch.setattr(
        installation, "check_platform", lambda: Verdict(FAIL, "platform", "Darwin arm64")
    )
    monkeypatch.delattr(installation, "start_probes")
    assert [verdict.subject for verdict in doctor.examine()] == ["platform", "Python"]


def test_the_report_goes_from_the_system_to_the_extras(monkeypatch):
    def verdict(subject: str) -> Verdict:
        return Verdict(OK, subject, "")

    monkeypatch.setattr(installation, "check_platform", lambda: verdict("platform"))
    monkeypatch.setattr(installation, "start_probes", dict)
    monkeypatch.setattr(
        installation, "examine", lambda probes: ([verdict("packages")], {"features": []})
    )
    monkeypatch.setattr(machine, "examine", lambda folder: [verdict("cores")])
    monkeypatch.setattr(gpus, "list_gpus", list)
    subjects = [each.subject for each in doctor.examine()]
    assert subjects[0] == "platform" and subjects[2:5] == ["packages", "cores", "GPUs"]
    assert subjects[5:] == [f"extra {name}" for name in installation.EXTRAS]
