"""A training that runs for a long time, whose data workers are killed now and then."""

from __future__ import annotations

import random
import signal
import time
from pathlib import Path

import psutil

from scripts.reliability import children
from scripts.reliability.same_bits import read_events
from scripts.reliability.training_commands import ENVIRONMENT, NETWORK

WORKERS = 2
KILLS_IN_A_ROW = 5
ANSWER_S = 180.0
"""Longest time after the death of a worker until the run has gone on, or ended with its message."""
DEATH = "died (killed by signal 9)"
_WORKER = "gluon_ssd.data.loading.worker"


class SoakedTraining:
    """Keeps a training running, in quiet lives and in lives that the kill of a worker may end.

    A quiet life is stopped by SIGTERM. After it KILLS_IN_A_ROW workers are killed. The run must go
    on after each, or end with one line that says so and then resume.

    Args:
        folder: of its files.
        data: root of the data set "shapes".
        temporary: its TMPDIR.
        life_s: length of a quiet life.
        kill_every_s: mean of the seconds from the start of another life to the kill of a worker.
        seed: draws moments and workers.

    Attributes:
        lives: starts so far.
        killed: workers killed; after went_on of them the run went on, after ended it ended in good
            order.
        problems: everything else, a line each.
    """

    def __init__(
        self,
        folder: Path,
        data: Path,
        temporary: Path,
        *,
        life_s: float,
        kill_every_s: float,
        seed: int,
    ) -> None:
        self._folder, self._data, self._temporary = folder, data, temporary
        self._life_s, self._kill_every_s = life_s, kill_every_s
        self._rng = random.Random(seed)
        self.lives = self.killed = self.went_on = self.ended = 0
        self.problems: list[str] = []
        self._to_kill = 0
        self._killed_s: float | None = None  # while the answer to a kill is awaited
        self._steps = 0
        self._family: list[psutil.Process] = []
        folder.mkdir(parents=True, exist_ok=True)
        self._begin()

    @property
    def pid(self) -> int:
        """Of the running training."""
        return self._process.pid

    @property
    def _prefix(self) -> str:
        return f"{self._folder}/{NETWORK}"

    @property
    def steps(self) -> int:
        """Steps of the weights so far, as the journal tells."""
        steps = [
            e["step"] for e in read_events(Path(f"{self._prefix}_journal.jsonl")) if "step" in e
        ]
        return max(steps, default=0)

    def _begin(self) -> None:
        options: list[object] = ["--network", "tiny", "--data-shape", 160, "--gpus", ""]
        options += ["--dataset", "shapes", "--dataset-root", self._data, "-j", WORKERS]
        options += ["--batch-size", 4, "--pretrained-base", "false", "--epochs", 1_000_000]
        options += ["--save-interval", 0, "--val-interval", 10, "--log-interval", 1_000_000]
        options += ["--save-prefix", f"{self._folder}/"]
        if (checkpoint := Path(f"{self._prefix}_checkpoint.npz")).exists():
            options += ["--resume", checkpoint]
        command = children.python("train_ssd.py", *options)
        environment = {**ENVIRONMENT, "TMPDIR": str(self._temporary)}
        self._process = children.start(command, self._output, environment)
        self.lives += 1
        self._survived = 0
        self._begun_s = time.monotonic()
        self._next_kill_s = self._begun_s + self._wait_s()

    @property
    def _output(self) -> Path:
        return self._folder.with_name("training.txt")

    def look(self) -> None:
        """Do what is due: kill a worker, see how the run answers, begin its next life."""
        now_s = time.monotonic()
        if self._process.poll() is not None:
            self._note_end()
            self._begin()
        elif self._killed_s is not None:
            self._await_answer(now_s - self._killed_s)
        elif self._to_kill:
            if now_s > self._next_kill_s:
                self._kill_worker()
        elif now_s - self._begun_s > self._life_s:
            self.stop()
            self._to_kill = KILLS_IN_A_ROW
            self._begin()

    def _note_end(self) -> None:
        """The training has ended by itself: right only after the kill of a worker."""
        code, words = self._process.returncode, children.last_words(self._output)
        if (self._killed_s is not None or self._survived) and code == 2 and DEATH in words:
            if self._killed_s is None:
                self.went_on -= 1  # the dead worker's images were those of the next validation
            self.ended += 1
        else:
            self.problems.append(f"the training ended with code {code}: {words}")
        if left := children.finish(self._process, self._family, 30.0):
            self.problems.append(f"{left} processes outlived the training")
        self._killed_s = None

    def _await_answer(self, waited_s: float) -> None:
        if self.steps > self._steps:
            self.went_on += 1
            self._survived += 1
            self._killed_s = None
        elif waited_s > ANSWER_S:
            self.problems.append(f"no answer within {ANSWER_S:g} s of the death of a worker")
            self.stop()
            self._begin()

    def _kill_worker(self) -> None:
        self._family = self._children()
        if workers := [child for child in self._family if _is_worker(child)]:
            self._steps = self.steps
            children.kill([self._rng.choice(workers)])
            self.killed += 1
            self._to_kill -= 1
            self._killed_s = time.monotonic()
            self._next_kill_s = self._killed_s + self._wait_s()

    def _wait_s(self) -> float:
        return self._rng.uniform(0.5, 1.5) * self._kill_every_s

    def _children(self) -> list[psutil.Process]:
        return children.family(self._process)[1:]

    def stop(self) -> None:
        """End it as a user does; it must save, and leave nothing running."""
        family = self._children()
        self._process.send_signal(signal.SIGTERM)
        left = children.finish(self._process, family, 30.0)
        if left:
            self.problems.append(f"{left} processes outlived the training that was stopped")
        if self._process.returncode != 128 + signal.SIGTERM:
            words = children.last_words(self._output)
            self.problems.append(f"SIGTERM gave code {self._process.returncode}: {words}")
        self._killed_s = None


def _is_worker(process: psutil.Process) -> bool:
    try:
        return any(_WORKER in word for word in process.cmdline())
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return False
