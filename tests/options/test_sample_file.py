"""Samples for --config: all of it is read back, and comes to the defaults."""

from __future__ import annotations

import re

import pytest

from gluon_ssd.commands.flags_page import COMMANDS, sample_files
from gluon_ssd.options.declare import flags_of, parse, read_config
from tests.entry_builders import ROOT

SAMPLES = {"config/train_ssd.ini": "train_ssd.py", "config/eval_ssd.ini": "eval_ssd.py"}


def test_samples_are_current() -> None:
    """If not: python scripts/update_flags.py"""
    texts = sample_files()
    assert texts.keys() == SAMPLES.keys()
    for name, text in texts.items():
        assert (ROOT / "docs" / name).read_text(encoding="utf-8") == text


@pytest.mark.parametrize(("name", "script"), SAMPLES.items())
def test_a_sample_changes_nothing_and_every_line_of_it_is_an_option(name, script, tmp_path) -> None:
    command, file = COMMANDS[script], ROOT / "docs" / name
    assert parse(command, ["--config", str(file)], prog="p", description="") == command()
    # Keys without a default stay comments: there is nothing that they could stand for.
    lines = [re.sub(r"^#(\w+ = )", r"\1", line) for line in file.read_text().splitlines()]
    every = tmp_path / "all.ini"
    every.write_text("\n".join(lines))
    flags = flags_of(command)
    found = read_config(str(every), flags)
    defaults = {flag.name: flag.default for flag in flags if flag.default not in (None, "")}
    assert found.keys() == defaults.keys()
    assert {k for k in found if found[k] != defaults[k]} == {"model_root", "dataset_root"}  # "~"
    named = [line.lstrip("#").split(" =")[0] for line in lines if re.match(r"#?\w+ =", line)]
    assert named == [flag.name for flag in flags]
