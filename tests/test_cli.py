"""The machinery that makes parser, ini reader and tables from dataclasses."""

from __future__ import annotations

import errno
import os
import pty
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from gluon_ssd import cli
from gluon_ssd.errors import DivergedError, Interrupted, OptionError


@dataclass(frozen=True)
class Engine:
    """engine"""

    power: int = cli.option(10, "power in watts", minimum=1, maximum=100)
    fuel: str = cli.option("coal", "what burns", choices=("coal", "wood"))
    turbo: bool = cli.option(False, "more")


@dataclass(frozen=True)
class Train:
    """carriages"""

    engine: Engine = Engine()


def parse(*argv: str) -> Train:
    return cli.parse(Train, list(argv), prog="train", description="")


def write(folder: Path, text: str) -> str:
    path = folder / "options.ini"
    path.write_text(text)
    return str(path)


def test_command_line_wins_over_file_wins_over_default(tmp_path: Path) -> None:
    config = write(tmp_path, "[engine]\npower = 20\nturbo = yes\n")
    assert parse() == Train(Engine(10, "coal", False))
    assert parse("--config", config) == Train(Engine(20, "coal", True))
    assert parse("--power", "30", "--config", config) == Train(Engine(30, "coal", True))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[engin]\npower = 1\n", r"options.ini: unknown section \[engin\].*did you mean engine"),
        ("[engine]\npowr = 1\n", r"options.ini: \[engine\] has no key 'powr'; did you mean power"),
        ("[engine]\npower = x\n", r"options.ini: \[engine\] power must be a whole number; got 'x'"),
        ("[engine]\npower = 101\n", r"\[engine\] power must be at most 100; got 101"),
        ("[engine]\nturbo = maybe\n", r"\[engine\] turbo must be true or false; got 'maybe'"),
        ("[engine]\nfuel = gas\n", r"\[engine\] fuel must be one of coal, wood; got 'gas'"),
        ("[engine]\npower = 1\npower = 2\n", "not a valid ini file.*power"),
        ("power = 1\n", "not a valid ini file"),
    ],
)
def test_wrong_config_names_file_section_and_key(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(OptionError, match=message) as caught:
        parse("--config", write(tmp_path, text))
    assert "\n" not in str(caught.value)


def test_missing_config_names_the_file(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="cannot read the options in .*none.ini: No such file"):
        parse("--config", str(tmp_path / "none.ini"))


def test_tilde_means_the_home_folder_where_no_shell_expands_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    @dataclass(frozen=True)
    class Paths:
        """paths"""

        near: str = cli.option("~/near", "a file")
        far: str = cli.option("", "a file")

    monkeypatch.setenv("HOME", "/h/ann")
    config = write(tmp_path, "[options]\nfar = ~/b\n")
    assert cli.parse(Paths, ["--far=~/a b"], prog="p", description="").far == "/h/ann/a b"
    assert cli.parse(Paths, ["--config", config], prog="p", description="").far == "/h/ann/b"
    assert cli.parse(Paths, ["--far", "a~b"], prog="p", description="") == Paths("~/near", "a~b")


def test_flat_values_and_assemble_are_inverse() -> None:
    command = parse("--power", "7", "--turbo")
    assert cli.flat_values(command) == {"power": 7, "fuel": "coal", "turbo": True}
    assert cli.assemble(Train, cli.flat_values(command)) == command


def test_namespace_prints_sorted_like_argparse() -> None:
    assert repr(cli.as_namespace(parse())) == "Namespace(fuel='coal', power=10, turbo=False)"


def test_flags_table_has_a_row_for_each_flag() -> None:
    table = cli.flags_table(Train).splitlines()
    assert table[2] == "| `--power` ✚ | `10` | power in watts |"
    assert table[3] == "| `--fuel` ✚ | `coal` | what burns: `coal`, `wood` |"
    assert len(table) == 5


@pytest.mark.parametrize(
    ("error", "code"), [(OptionError("x"), 2), (DivergedError("x"), 3), (Interrupted("x", 15), 143)]
)
def test_run_main_prints_one_line_and_returns_the_code(error, code, capsys) -> None:
    def body() -> int:
        raise error

    assert cli.run_main(body) == code
    assert capsys.readouterr().err == "error: x\n"


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

    assert cli.run_main(body) == code
    assert capsys.readouterr().err == f"error: stopped by {number.name}\n"
    assert list(tmp_path.iterdir()) == []
    assert signal.getsignal(number) == signal.SIG_DFL


def test_run_main_leaves_a_signal_alone_that_nohup_has_ignored(default_signals) -> None:
    def body() -> int:
        os.kill(os.getpid(), signal.SIGHUP)
        return 7

    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    assert cli.run_main(body) == 7
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
    assert cli.run_main(body) == 2
    monkeypatch.setattr(sys, "stderr", _ClosedTerminal(errno.ENOSPC))
    with pytest.raises(OSError, match="No space left"):
        cli.run_main(body)


def test_code_is_the_programs_own_on_a_terminal_that_was_closed() -> None:
    """Python would end with 120, since it cannot write what is left in its buffers."""
    code = (
        "import signal, sys\n"
        "from gluon_ssd import cli, errors\n"
        "def body():\n"
        "    sys.stdin.readline()\n"
        "    raise errors.OptionError('nobody hears this')\n"
        "signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
        "sys.exit(cli.run_main(body))\n"
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
        cli.run_main(body)
