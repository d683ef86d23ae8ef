"""Detect and train side by side for a long time, and sample what both use."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gluon_ssd.errors import DataError
from gluon_ssd.system.progress import progress_bar
from scripts.reliability import children
from scripts.reliability.moments import left_in
from scripts.reliability.samples import content_of, shared_memory_of, usage_of
from scripts.reliability.soak_record import Sample
from scripts.reliability.soaked_training import SoakedTraining
from scripts.reliability.training_commands import run_to_end

ENDINGS = (".jpg", ".jpeg", ".png")
PATIENCE = 2.0
"""Detecting may take this many times as long as it was given."""


@dataclass(frozen=True)
class Plan:
    """What a soak does.

    Attributes:
        folder: for data, models and runs.
        model_prefix: exported pair of MXNet; the other runtimes' files are made from it.
        pictures: folder that is searched for pictures.
        minutes, detections: how long, and how many pictures within that.
        round: pictures between two runtimes.
        reload: let each turn of a runtime load its model anew.
        every_s: seconds between samples.
        life_s, kill_every_s: of the training; see SoakedTraining.
        seed: of its kills.
    """

    folder: Path
    model_prefix: Path
    pictures: Path
    minutes: float
    detections: int
    round: int
    reload: bool
    every_s: float
    life_s: float
    kill_every_s: float
    seed: int


@dataclass
class Soaked:
    """What came of it: samples, and what was wrong."""

    samples: list[Sample]
    problems: list[str]
    facts: dict[str, Any]

    @property
    def said(self) -> str:
        """How the training has fared, in one line."""
        return (
            "training: {lives} lives, {steps} steps; {killed} workers killed, {went_on} times the "
            "run went on, {ended} times it ended with its message and was resumed"
        ).format_map(self.facts)


def soak(plan: Plan) -> Soaked:
    """Run it. Raises DataError where there are no pictures, SetUpError where a model fails."""
    temporary = plan.folder / "tmp"
    temporary.mkdir(parents=True, exist_ok=True)
    settings = _settings(plan)
    data = _data(plan.folder)
    detecting = _start_detecting(plan.folder, settings, temporary)
    training = SoakedTraining(
        plan.folder / "training",
        data,
        temporary,
        life_s=plan.life_s,
        kill_every_s=plan.kill_every_s,
        seed=plan.seed,
    )
    shared: set[str] = set()
    try:
        samples = _watch(plan, detecting, training, shared)
    finally:
        training.stop()
        problems = list(training.problems)
        if detecting.poll() is None:
            detecting.kill()
            problems.append("the detections were not done in time")
        code = detecting.wait()
    if code and code > 0:
        problems.append(f"detecting: {children.last_words(plan.folder / 'detecting.txt')}")
    problems += [f"left in TMPDIR: {name}" for name in left_in(temporary)]
    problems += [f"left in shared memory: {name}" for name in sorted(shared) if Path(name).exists()]
    names = ("lives", "killed", "went_on", "ended", "steps")
    facts = {name: getattr(training, name) for name in names}
    return Soaked(samples, problems, facts)


def _watch(
    plan: Plan, detecting: subprocess.Popen[bytes], training: SoakedTraining, shared: set[str]
) -> list[Sample]:
    """Samples until the detections are done; `shared` gets what was seen in /dev/shm."""
    samples: list[Sample] = []
    begin, next_s = time.monotonic(), 0.0
    with progress_bar(total=plan.detections, unit="pictures", description="soak") as bar:
        while detecting.poll() is None and time.monotonic() - begin < 60 * plan.minutes * PATIENCE:
            training.look()
            if (now_s := time.monotonic() - begin) >= next_s:
                next_s = now_s + plan.every_s
                files, size = content_of(plan.folder / "tmp")
                held = shared_memory_of([detecting.pid, training.pid])
                shared.update(held)
                done = _done(plan.folder)
                bar.update(done - bar.n)
                samples.append(
                    Sample(
                        round(now_s, 2),
                        usage_of(detecting.pid),
                        usage_of(training.pid),
                        done,
                        len(files),
                        size / 2**20,
                        len(held),
                        sum(held.values()) / 2**20,
                    )
                )
            time.sleep(min(0.2, plan.every_s))
    return samples


def _done(folder: Path) -> int:
    words = (folder / "progress.txt").read_text("utf-8").split()
    return int(words[0]) if words else 0


def _start_detecting(
    folder: Path, settings: dict[str, Any], temporary: Path
) -> subprocess.Popen[bytes]:
    (folder / "progress.txt").write_text("0 0", "utf-8")
    path = folder / "detecting.json"
    path.write_text(json.dumps(settings), "utf-8")
    command = [sys.executable, "-m", "scripts.reliability.detecting", str(path)]
    environment = {"PYTHONPATH": str(children.ROOT), "TMPDIR": str(temporary)}
    return children.start(command, folder / "detecting.txt", environment)


def _settings(plan: Plan) -> dict[str, Any]:
    found = (p for p in plan.pictures.rglob("*") if p.suffix.lower() in ENDINGS)
    pictures = sorted(str(path.absolute()) for path in found)
    if not pictures:
        raise DataError(f"{plan.pictures} holds no pictures ({', '.join(ENDINGS)})")
    return {
        "models": _models(plan.model_prefix, plan.folder / "models"),
        "pictures": pictures,
        "round": plan.round,
        "reload": plan.reload,
        "detections": plan.detections,
        "seconds": 60 * plan.minutes,
        "progress": str(plan.folder / "progress.txt"),
    }


def _models(prefix: Path, folder: Path) -> list[str]:
    """The same detector for MXNet, ONNX Runtime and OpenVINO."""
    models = [str(prefix.absolute())]
    for name, ending in (("onnx", ".onnx"), ("openvino", ".xml")):
        output = folder / f"model{ending}"
        if not output.exists():
            files = ("--model-prefix", prefix.absolute(), "--output", output, "--format", name)
            run_to_end(
                children.python("scripts/export_ssd.py", *files), folder.parent / "export.txt", {}
            )
        models.append(str(output))
    return models


def _data(folder: Path) -> Path:
    """More drawn shapes than the kills need, so that an epoch takes a while."""
    data = folder / "data"
    if not (data / "shapes").exists():
        sizes = ("--num-train", 120, "--num-val", 8, "--image-size", 160)
        command = children.python("scripts/prepare_shapes.py", "--output", data / "shapes", *sizes)
        run_to_end(command, folder / "data.txt", {})
    return data
