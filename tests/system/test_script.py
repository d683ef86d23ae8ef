"""How scripts run: errors, exit codes, signals, closed terminals."""

from __future__ import annotations

import ast
import errno
import importlib
import os
import pkgutil
import pty
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import is_dataclass
from pathlib import Path

import pytest

from gluon_ssd.errors import DivergedError, Interrupted, OptionError
from gluon_ssd.options.declare import flags_of, spellings
from gluon_ssd.options.evaluate import EvalCommand
from gluon_ssd.options.train import TrainCommand
from gluon_ssd.system.script import run_main
from tests.layout_rules import modules, name_of, parse


@pytest.mark.parametrize(
    ("error", "code"), [(OptionError("x"), 2), (DivergedError("x"), 3), (Interrupted("x", 15), 143)]
)
def test_run_main_prints_one_line_and_returns_the_code(error, code, capsys) -> None:
    def body() -> int:
        raise error

    assert run_main(body) == code
    assert capsys.readouterr().err == "error: x\n"


@pytest.mark.parametrize(
    ("flags", "shown"),
    [
        (spellings(TrainCommand), " (--batch-size, --gpus)"),
        (spellings(EvalCommand), " (--batch-size, --auto_tuning)"),
        ({}, ""),
    ],
)
def test_the_line_names_the_flags_that_the_command_has(capsys, flags, shown) -> None:
    def body() -> int:
        raise OptionError("the batch is small", settings=("batch_size", "gpus", "auto_tuning"))

    assert run_main(body, flags) == 2
    assert capsys.readouterr().err == f"error: the batch is small{shown}\n"


@pytest.mark.parametrize(
    ("ask", "name"),
    [
        (lambda: Path("n" * 300 + "\n").is_file(), "n" * 300 + "\\n"),
        (lambda: os.mkdir(b"n" * 256), "n" * 256),
    ],
)
def test_a_name_that_is_too_long_is_one_line(capsys, ask, name) -> None:
    assert run_main(ask) == 2
    assert capsys.readouterr().err == (
        f"error: a name of a file is too long: {name}; give a shorter one\n"
    )


def test_another_error_of_the_system_keeps_its_traceback() -> None:
    with pytest.raises(FileNotFoundError):
        run_main(lambda: os.stat("/nothing/there"))


_NAME = re.compile(r"\w+(Command|Benchmark)|Prepare\w+")


def _commands() -> list[type]:
    """The option classes of the scripts that run networks, and of those that prepare data."""
    found = importlib.import_module("gluon_ssd.options").__path__
    names = [f"gluon_ssd.options.{module.name}" for module in pkgutil.iter_modules(found)]
    values = [value for name in names for value in vars(importlib.import_module(name)).values()]
    kinds = [value for value in values if isinstance(value, type) and is_dataclass(value)]
    return [kind for kind in kinds if _NAME.fullmatch(kind.__name__)]


def test_every_option_is_shown_as_its_flag() -> None:
    shown = [spellings(command) for command in _commands()]
    flags = [flag for command in _commands() for flag in flags_of(command)]
    assert len(flags) > 100 and sum(map(len, shown)) == len(flags)
    words = {flag.spelling for flag in flags if not flag.spelling.startswith("--")}
    assert words == {"RUNS", "SOURCE", "TARGET"}  # arguments by place, of convert_dataset.py


def test_errors_name_settings_that_are_options() -> None:
    known = {flag.name for command in _commands() for flag in flags_of(command)}
    wrong = [
        f"{name_of(path)}:{name.lineno} {name.value}"
        for path in modules()
        for node in ast.walk(parse(path))
        if isinstance(node, ast.keyword) and node.arg == "settings"
        if isinstance(node.value, ast.Tuple)
        for name in node.value.elts
        if isinstance(name, ast.Constant) and name.value not in known
    ]
    assert wrong == []


@pytest.fixture
def default_signals() -> Iterator[None]:
    """Whatever the shell that started the tests has ignored."""
    numbers = (signal.SIGTERM, signal.SIGHUP)
    before = [signal.signal(number, signal.SIG_DFL) for number in numbers]
    yield
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_run_main_clears_up_at_a_signal_and_returns_its_code(
    tmp_path: Path, capsys, default_signals, number: signal.Signals, code: int
) -> None:
    def body() -> int:
        with tempfile.TemporaryDirectory(dir=tmp_path):
            os.kill(os.getpid(), number)
            time.sleep(10)
        return 0

    assert run_main(body) == code
    assert capsys.readouterr().err == f"error: stopped by {number.name}\n"
    assert list(tmp_path.iterdir()) == []
    assert signal.getsignal(number) == signal.SIG_DFL


def test_run_main_leaves_a_signal_alone_that_nohup_has_ignored(default_signals) -> None:
    def body() -> int:
        os.kill(os.getpid(), signal.SIGHUP)
        return 7

    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    assert run_main(body) == 7
    assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN


class _ClosedTerminal:
    closed = False

    def __init__(self, number: int) -> None:
        self.number = number

    def write(self, text: str) -> int:
        raise OSError(self.number, os.strerror(self.number))

    def flush(self) -> None:
        """Nothing is held back."""


def test_run_main_keeps_its_code_when_nobody_hears_the_line(monkeypatch) -> None:
    def body() -> int:
        raise OptionError("x")

    monkeypatch.setattr(sys, "stderr", _ClosedTerminal(errno.EIO))
    assert run_main(body) == 2
    monkeypatch.setattr(sys, "stderr", _ClosedTerminal(errno.ENOSPC))
    with pytest.raises(OSError, match="No space left"):
        run_main(body)


def test_code_is_the_programs_own_on_a_terminal_that_was_closed() -> None:
    """Python would end with 120, since it cannot write what is left in its buffers."""
    code = (
        "import signal, sys\n"
        "from gluon_ssd import errors\n"
        "from gluon_ssd.system import script\n"
        "def body():\n"
        "    sys.stdin.readline()\n"
        "    raise errors.OptionError('nobody hears this')\n"
        "signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
        "sys.exit(script.run_main(body))\n"
    )
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=theirs,
        stderr=theirs,
        env={name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"},
    ) as process:
        os.close(theirs)
        os.close(ours)
        process.communicate(b"\n", timeout=60)
    assert process.returncode == 2


def test_run_main_lets_a_bug_through() -> None:
    def body() -> int:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run_main(body)
