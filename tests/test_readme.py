"""README.md and docs/ against the options: their commands, the flags, and the files they name."""

from __future__ import annotations

import re
import shlex

import pytest

from gluon_ssd.commands.flags_page import COMMANDS as PAGE
from gluon_ssd.commands.flags_page import flags_page
from gluon_ssd.options import declare as cli
from scripts.fuzz import FuzzOptions
from scripts.kill_runs import KillOptions
from scripts.soak import SoakOptions
from scripts.try_changes import TrialOptions
from tests.entry_builders import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = {
    **PAGE,
    "scripts/fuzz.py": FuzzOptions,
    "scripts/kill_runs.py": KillOptions,
    "scripts/soak.py": SoakOptions,
    "scripts/try_changes.py": TrialOptions,
}
DOCUMENTS = sorted([ROOT / "README.md", *ROOT.glob("docs/*.md")])


def test_flags_are_current():
    """If not: python scripts/update_flags.py"""
    assert (ROOT / "docs/flags.md").read_text(encoding="utf-8") == flags_page()


def quoted_commands():
    """Every `python X.py ...` of a code block or in backquotes, with its document."""
    found = []
    for document in DOCUMENTS:
        text = document.read_text(encoding="utf-8").replace("\\\n", " ")
        blocks = re.findall(r"^```\w*\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
        lines = [line for block in blocks for line in block.splitlines()]
        prose = re.sub(r"^```\w*\n.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
        lines += re.findall(r"`([^`\n]*)`", prose)
        found += [
            (document.name, line.strip().removeprefix("$ "))
            for line in lines
            if re.match(r"(\$ )?(\S*/)?python3? \S*\.py\b", line.strip())
        ]
    return list(dict.fromkeys(found))


@pytest.mark.parametrize(("document", "line"), quoted_commands(), ids=lambda value: value[:60])
def test_quoted_command_parses(document, line):
    _, script, *argv = shlex.split(line, comments=True)
    assert (ROOT / script).is_file(), f"{document} names {script}, which is not there"
    if script == "scripts/benchmark_ssd.py":
        script = f"{script} {argv.pop(0)}"
    if script not in COMMANDS:
        assert argv == [], f"{script} takes no options"
        return
    argv = [word for word in argv if word != "..."]
    command = cli.parse(COMMANDS[script], argv, prog=script, description="")
    assert isinstance(command, COMMANDS[script])


def test_commands_on_an_own_model_name_its_data():
    """Without it they look for PASCAL VOC, which who trains on own pictures does not have."""
    own = [
        line
        for _, line in quoted_commands()
        if "eval_ssd.py" in line and re.search(r"--model-prefix model/ssd\s", line)
    ]
    assert len(own) > 2
    assert [each for each in own if not re.search("--(dataset|benchmark)\\b", each)] == []


def test_the_two_commands_of_the_start_are_there():
    assert "bash scripts/quickstart.sh" in README and "bash scripts/test.sh" in README
    assert len(quoted_commands()) >= 10


def test_every_script_and_document_it_names_exists():
    names = set(re.findall(r"(?<![\w/])((?:scripts|docs|tests)/[\w./]+\.(?:py|sh|md))", README))
    assert len(names) >= 8
    assert [name for name in sorted(names) if not (ROOT / name).is_file()] == []


def test_environment_and_folders_of_one_machine_are_not_mentioned():
    assert not re.search(r"/(home|root|work)/", README)
