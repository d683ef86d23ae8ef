"""One kind of command, killed again and again over the result of an older one."""

from __future__ import annotations

import random
import shutil
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from scripts.reliability import children
from scripts.reliability.moments import Moment, halves, left_in, temporaries, wait_for
from scripts.reliability.output_kinds import Kind, Place
from scripts.reliability.output_models import NEW, OLD
from scripts.reliability.training_commands import run_to_end
from scripts.reliability.whole import digests, judge

GONE_S = 60.0
LOAD = """
import sys
from gluon_ssd import load
from gluon_ssd.system.script import run_main
def main():
    load(sys.argv[1])
    return 0
sys.exit(run_main(main))
"""


@dataclass(frozen=True)
class Lane:
    """Where one kind is killed.

    Attributes:
        name, kind: of the commands.
        folder: of this lane alone.
        models: folder of the weights and of the data set.
        environment: variables of every command.
    """

    name: str
    kind: Kind
    folder: Path
    models: Path
    environment: dict[str, str]

    def place(self, what: str, weights: str) -> Place:
        """A place whose folders begin with `what`."""
        out = self.folder / what
        out.mkdir(parents=True, exist_ok=True)
        data = self.models / "data"
        return Place(self.models / weights, data, out, self.folder / f"{what}-workspace")

    @property
    def temporary(self) -> Path:
        """TMPDIR of the commands that are killed."""
        folder = self.folder / "tmp"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    @property
    def output(self) -> Path:
        """What the commands have said."""
        return self.folder / "said.txt"

    def prepare(self) -> float:
        """Write the older model and the new one, each unkilled; seconds that the new one took."""
        seconds = 0.0
        for what, weights in (("old", OLD), ("new", NEW)):
            started_s = time.monotonic()
            place = self.place(what, weights)
            run_to_end(self.kind.command(place), self.output, self.environment)
            seconds = time.monotonic() - started_s
        return seconds

    def kill(self, rng: random.Random, usual_s: float) -> dict[str, Any]:
        """Put the older model there, start the command, kill it, and judge what lies there."""
        place = self._restored()
        before, said = temporaries(place.out), self.output.stat().st_size
        moment = draw(rng, usual_s)
        environment = {**self.environment, "TMPDIR": str(self.temporary)}
        environment |= moment.environment(place.out)
        started_s = time.monotonic()
        process = children.start(self.kind.command(place), self.output, environment)
        victim, relatives = "", []
        if wait_for(moment, process, place.out, 2 * usual_s):
            relatives = children.family(process)
            victim, victims = choose(rng, relatives)
            children.kill(victims)
        seconds = time.monotonic() - started_s
        outlived = children.finish(process, relatives, GONE_S)
        half, text = halves(place.out, before), self._said_since(said)
        itself = bool(moment.step) and ("SIGKILL" in text or process.returncode == -9)
        state = self._state(place)
        if "new" in state:
            # A search that has come to its end would do nothing the next time.
            shutil.rmtree(place.workspace, ignore_errors=True)
        return {
            "kind": self.name,
            "after_s": round(seconds, 3),
            "victim": victim or ("itself" if itself else "nobody"),
            "step": moment.step,
            "half_written": half,
            "state": state,
            "outlived": outlived,
            "code": process.returncode,
            "traceback": "Traceback" in text,
            "counts": bool(victim or itself),
        }

    def end(self) -> dict[str, Any]:
        """Let the command come to its end; what it has left, of the killed ones too."""
        place = self._restored()
        shutil.rmtree(place.workspace, ignore_errors=True)
        environment = {**self.environment, "TMPDIR": str(self.temporary)}
        run_to_end(self.kind.command(place), self.output, environment)
        hidden = [name for name in sorted(temporaries(place.out)) if not name.endswith(".lock")]
        return {
            "kind": self.name,
            "state": self._state(place),
            "left": hidden + left_in(self.temporary),
        }

    def _restored(self) -> Place:
        place = self.place("out", NEW)
        for name in self.kind.files:
            shutil.copyfile(self.folder / "old" / name, place.out / name)
        return place

    def _said_since(self, size: int) -> str:
        return self.output.read_bytes()[size:].decode("utf-8", errors="replace")

    def _state(self, place: Place) -> str:
        names = self.kind.files
        old, new = (digests(self.folder / which, names) for which in ("old", "new"))
        state = judge(digests(place.out, names), old, new, self.kind.is_same)
        return state if state in ("old", "new", "other") else self._loaded(place)

    def _loaded(self, place: Place) -> str:
        """Whether files that do not belong together are refused in one line."""
        said = self.output.stat().st_size if self.output.exists() else 0
        command = [sys.executable, "-c", LOAD, str(place.out / self.kind.model)]
        environment = {**self.environment, "PYTHONPATH": str(children.ROOT)}
        code = children.start(command, self.output, environment).wait(children.LONGEST_S)
        text = self._said_since(said)
        return "refused" if code == 2 and "Traceback" not in text else "torn"


def draw(rng: random.Random, usual_s: float) -> Moment:
    """When to kill a command that usually takes `usual_s` seconds."""
    which = rng.choice(("any", "writing", "step"))
    if which == "step":
        return Moment(0, step=rng.choice((1, 2, 2)))
    if which == "writing":
        return Moment(0, pattern=".*", later_s=rng.uniform(0, 1.0))
    return Moment(rng.uniform(0, usual_s))


def choose(rng: random.Random, relatives: list[psutil.Process]) -> tuple[str, list[psutil.Process]]:
    """The command itself, a process that it has started, or all of them."""
    which = rng.choice(("command", "child", "all"))
    if which == "all":
        return which, relatives
    if which == "child" and len(relatives) > 1:
        return which, [rng.choice(relatives[1:])]
    return "command", relatives[:1]
