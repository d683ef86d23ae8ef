"""README.md against the options: its tables, its commands, and the files it names."""

from __future__ import annotations

import re
import shlex

import pytest

from gluon_ssd.options import declare as cli
from gluon_ssd.options.benchmark_kinds import KINDS
from gluon_ssd.options.convert_dataset import ConvertDatasetCommand
from gluon_ssd.options.convert_weights import ConvertCommand
from gluon_ssd.options.data_tools import CheckOptions, PrepareShapesOptions
from gluon_ssd.options.demo import DemoCommand
from gluon_ssd.options.evaluate import EvalCommand
from gluon_ssd.options.export import ExportCommand
from gluon_ssd.options.predict import PredictCommand
from gluon_ssd.options.prepare import (
    PrepareCocoOptions,
    PrepareOpenImagesOptions,
    PrepareVocOptions,
)
from gluon_ssd.options.serve import ServeCommand
from gluon_ssd.options.train import TrainCommand
from scripts.fuzz import FuzzOptions
from scripts.kill_runs import KillOptions
from scripts.soak import SoakOptions
from tests.entry_builders import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = {
    "train_ssd.py": TrainCommand,
    "eval_ssd.py": EvalCommand,
    "scripts/demo_ssd.py": DemoCommand,
    "scripts/export_ssd.py": ExportCommand,
    "scripts/predict_ssd.py": PredictCommand,
    "scripts/serve_ssd.py": ServeCommand,
    "scripts/check_dataset.py": CheckOptions,
    "scripts/convert_dataset.py": ConvertDatasetCommand,
    "scripts/convert_weights.py": ConvertCommand,
    "scripts/prepare_shapes.py": PrepareShapesOptions,
    "scripts/prepare_voc.py": PrepareVocOptions,
    "scripts/prepare_coco.py": PrepareCocoOptions,
    "scripts/prepare_openimages.py": PrepareOpenImagesOptions,
    "scripts/fuzz.py": FuzzOptions,
    "scripts/kill_runs.py": KillOptions,
    "scripts/soak.py": SoakOptions,
    **{f"scripts/benchmark_ssd.py {kind}": options for kind, options in KINDS.items()},
}
DOCUMENTS = sorted([ROOT / "README.md", *ROOT.glob("docs/*.md")])


def table(script):
    start, end = f"<!-- flags of {script} -->\n", f"<!-- end of {script} -->"
    assert README.count(start) == README.count(end) == 1
    return README.split(start)[1].split(end)[0].strip()


@pytest.mark.parametrize(
    "script",
    [
        "train_ssd.py",
        "eval_ssd.py",
        "scripts/export_ssd.py",
        "scripts/demo_ssd.py",
        "scripts/predict_ssd.py",
        "scripts/serve_ssd.py",
    ],
)
def test_flag_table_is_current(script):
    """If not: python scripts/update_readme.py"""
    assert table(script) == cli.flags_table(COMMANDS[script])


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


def test_the_two_commands_of_the_start_are_there():
    assert "bash scripts/quickstart.sh" in README and "bash scripts/test.sh" in README
    assert len(quoted_commands()) >= 10


def test_every_script_and_document_it_names_exists():
    names = set(re.findall(r"(?<![\w/])((?:scripts|docs|tests)/[\w./]+\.(?:py|sh|md))", README))
    assert len(names) >= 8
    assert [name for name in sorted(names) if not (ROOT / name).is_file()] == []


def test_environment_and_folders_of_one_machine_are_not_mentioned():
    assert not re.search(r"/(home|root|work)/", README)
