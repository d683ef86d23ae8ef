from __future__ import annotations

from dataclasses import dataclass

import pytest

from gluon_ssd.errors import OptionError
from gluon_ssd.options.declare import legacy, option, parse
from gluon_ssd.options.idle import Idle
from gluon_ssd.system import processes


@dataclass(frozen=True)
class Group:
    """group"""

    fast: bool = option(False, "go fast")
    speed: int = option(5, "how fast", minimum=0)
    colour: str = legacy("red", "of what colour")


@dataclass(frozen=True)
class Command:
    """Options of a toy."""

    group: Group = Group()
    idle = (
        Idle(("speed", "colour"), lambda command: not command.group.fast, "without --fast"),
        Idle(("fast",), lambda command: command.group.speed == 0, "at speed 0", told=True),
        Idle(("speed",), lambda command: command.group.speed == 5, "at 5", default_too=True),
    )


def parsed(*argv):
    return parse(Command, argv, prog="toy.py", description="")


def test_an_option_of_ours_without_effect_is_refused():
    with pytest.raises(OptionError, match="^--speed has no effect without --fast; leave it out"):
        parsed("--speed", "3", "--colour", "blue")
    assert parsed("--speed", "3", "--fast").group.speed == 3


def test_one_of_gluoncv_is_told(caplog):
    assert parsed("--colour", "blue").group.colour == "blue"
    assert caplog.messages == ["--colour has no effect without --fast"]


def test_a_child_with_the_same_command_line_does_not_tell_it_again(caplog, monkeypatch):
    monkeypatch.setenv(processes._PARENT, "3")
    assert parsed("--colour", "blue").group.colour == "blue"
    assert not caplog.messages


def test_a_rule_may_tell_of_all(caplog):
    parsed("--fast", "--speed", "0")
    assert caplog.messages == ["--fast has no effect at speed 0"]


def test_what_was_not_given_or_asks_for_the_default_is_not_meant(caplog):
    parsed()
    parsed("--colour", "red")
    assert not caplog.messages
    with pytest.raises(OptionError, match="--speed has no effect at 5"):
        parsed("--fast", "--speed", "5")


def test_an_ini_file_counts_as_the_command_line_does(tmp_path):
    file = tmp_path / "o.ini"
    file.write_text("[group]\nspeed = 3\n")
    with pytest.raises(OptionError, match="--speed has no effect without --fast"):
        parsed("--config", str(file))
    assert parsed("--config", str(file), "--fast").group.speed == 3
