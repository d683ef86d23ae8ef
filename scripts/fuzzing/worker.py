"""A process that runs cases of one kind one after the other, until one of them ends it.

Started as `python -m scripts.fuzzing.worker KIND SEED SEEDS FOLDER`. It reads lines "FIRST LAST"
and answers with a JSON line for every case, in order: so the process that started it knows which
case it was when it dies.
"""

from __future__ import annotations

import json
import logging
import os
import resource
import sys
import time
import traceback
import warnings
from pathlib import Path
from typing import Any, TextIO

from gluon_ssd.errors import SsdError
from gluon_ssd.system.processes import end_with_parent, restore_crash_signals
from scripts.fuzzing.answer import first_difference, plain
from scripts.fuzzing.case import REFUSED, SAME, Case, Ended, Kind

MOST_MIB = 1024
_SLACK_MIB = 1024  # beyond what counts: the case is noted, and no more memory is taken
_LONGEST_LINE = 200_000
_DETAIL_LINES = 6


class Place:
    """A folder with the files of one sound input, in which cases are tried one after the other."""

    def __init__(self, folder: Path, files: dict[str, bytes]) -> None:
        self.folder, self._files = folder, files
        self._stamps: dict[str, tuple[int, int]] = {}
        for name, content in files.items():
            self._put(name, content)

    def lay(self, case: Case) -> None:
        """Put the files of a case there."""
        for name, content in case.files.items():
            self._put(name, content)

    def clear(self) -> None:
        """Make it the sound input again, whatever was changed or written there."""
        for top, _, names in os.walk(self.folder):
            for path in (Path(top, name) for name in names):
                if path.relative_to(self.folder).as_posix() not in self._files:
                    path.unlink()
        for name, content in self._files.items():
            if self._stamp(name) != self._stamps.get(name):
                self._put(name, content)

    def _put(self, name: str, content: bytes | None) -> None:
        path = self.folder / name
        self._stamps.pop(name, None)
        if content is None:
            path.unlink(missing_ok=True)
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        if content is self._files.get(name):
            self._stamps[name] = self._stamp(name) or (0, 0)

    def _stamp(self, name: str) -> tuple[int, int] | None:
        try:
            found = (self.folder / name).lstat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_ino


class Worker:
    """Runs cases of a kind.

    Args:
        kind: loaded.
        seed: of all cases.
        folder: an empty one of its own.
    """

    def __init__(self, kind: Kind, seed: int, folder: Path) -> None:
        self._kind, self._seed = kind, seed
        self._places = {name: Place(folder / name, files) for name, files in kind.seeds.items()}
        # What is imported, opened or compiled with the first file is no case's fault.
        self._sound = {name: self._read_sound(name) for name in self._places}
        for name, expected in self._sound.items():
            if (again := self._read_sound(name)) != expected:
                raise AssertionError(f"{kind.name}: {name}: {first_difference(expected, again)}")

    def _read_sound(self, name: str) -> Any:
        answer = self._kind.read(self._places[name].folder, name)
        if complaint := self._kind.complain(answer):
            raise AssertionError(f"{self._kind.name}: the sound input {name}: {complaint}")
        self._places[name].clear()
        return plain(answer)

    def run(self, number: int) -> Ended:
        """Run one case."""
        case = self._kind.case(self._seed, number)
        place = self._places[case.seed]
        place.lay(case)
        _forget_peak()
        before, started = _status("VmRSS"), time.perf_counter()
        outcome, detail = self._try(case, place.folder)
        seconds, mib = time.perf_counter() - started, (_status("VmHWM") - before) / 1024
        place.clear()
        if mib > MOST_MIB or outcome == "memory":
            outcome, detail = "memory", f"{mib:.0f} MiB; {detail}"
        return Ended(self._kind.name, number, outcome, seconds, mib, case.story, detail)

    def _try(self, case: Case, folder: Path) -> tuple[str, str]:
        try:
            answer = self._kind.read(folder, case.seed)
        except SsdError as error:
            return self._refused(case, str(error))
        except MemoryError:
            return "memory", "MemoryError"
        except (Exception, SystemExit):
            lines = traceback.format_exc().strip().splitlines()
            return "traceback", "\n".join(line[:400] for line in lines[-_DETAIL_LINES:])
        if case.expects == REFUSED:
            return "wrong", f"accepted: {repr(plain(answer))[:300]}"
        if complaint := self._kind.complain(answer):
            return "wrong", complaint
        if case.expects == SAME and (found := plain(answer)) != self._sound[case.seed]:
            return "wrong", first_difference(self._sound[case.seed], found)
        return "right", ""

    def _refused(self, case: Case, message: str) -> tuple[str, str]:
        if case.expects == SAME:
            return "wrong", f"refused: {message[:400]}"
        if len(message.splitlines()) != 1:
            return "traceback", f"a message of several lines: {message[:400]!r}"
        if len(message) > _LONGEST_LINE:
            return "traceback", f"a message of {len(message)} characters: {message[:200]!r}"
        return "refused", message[:300]


def _status(field: str) -> int:
    """A value of this process's memory, KiB."""
    with open("/proc/self/status", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith(f"{field}:"))


def _forget_peak() -> None:
    """Let the peak of memory begin anew, and the file of stderr too."""
    with open("/proc/self/clear_refs", "w", encoding="ascii") as file:
        file.write("5")
    os.ftruncate(2, 0)


def _limit_memory() -> None:
    most = (_status("VmData") >> 10) + MOST_MIB + _SLACK_MIB
    resource.setrlimit(resource.RLIMIT_DATA, (most << 20, most << 20))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _answer(stream: TextIO, content: Any) -> None:
    stream.write(json.dumps(content) + "\n")
    stream.flush()


def main(arguments: list[str]) -> int:
    """Run as a process of its own."""
    from scripts.fuzzing.catalog import find_kind

    name, seed, seeds, folder = arguments
    stream = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what the product prints is not an answer
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    kind = find_kind(name)
    kind.load(Path(seeds))
    worker = Worker(kind, int(seed), Path(folder))
    restore_crash_signals()
    end_with_parent()
    _limit_memory()
    _answer(stream, "ready")
    for line in sys.stdin:
        first, last = map(int, line.split())
        for number in range(first, last):
            _answer(stream, vars(worker.run(number)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
