"""The shape of the project, kept by machine: imports, sizes, docstrings, forbidden things."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import layout_rules as rules
from tests.layout_rules import (
    PACKAGE,
    ROOT,
    developer_parts,
    entry_scripts,
    modules,
    name_of,
    parse,
    torch_scripts,
    unit_of,
)
from tests.layout_table import TESTED_BY

# Units that the standard library is enough for.
PLAIN = {
    "errors",
    "options",
    "families.catalog",
    "models.spec",
    "models.record",
    "training.saved_network",
    "data.class_names",
}

MAX_FILE_LINES = 400

# "path what" -> why this one may break its rule. One that is no longer needed fails its test.
EXCEPTIONS: dict[str, str] = {
    "gluon_ssd/data/loading/loader.py size": "Loader takes eleven values, most of them by name",
    "gluon_ssd/data/dali/loader.py size": "DaliLoader takes what Loader does, and a device",
    "gluon_ssd/benchmarks/loadgen/serving.py except": "it must not cross LoadGen's native code",
    "gluon_ssd/data/live_frames.py except": "a thread's error is raised by the one that waits",
    "gluon_ssd/system/download_many.py except": "a thread's error is raised by the one that waits",
    "gluon_ssd/system/pace.py except": "a thread's error is raised by the one that waits",
    "gluon_ssd/system/script.py print": "run_main writes the one error line of every entry script",
    "gluon_ssd/data/loading/pool.py pickle": "hands a job to its own worker through a pipe",
    "gluon_ssd/data/loading/worker.py pickle": "reads that job from the pipe of its parent",
}

# A file of more lines of code than this has a test file of its own.
MIRRORED_LINES = 40


def _collect(what: str, files: list[Path], rule: Callable[[ast.Module], list[str]]) -> list[str]:
    found = {name_of(path): complaints for path in files if (complaints := rule(parse(path)))}
    excepted = {key.split()[0] for key in EXCEPTIONS if key.split()[1] == what}
    idle = [f"{name}: the exception from '{what}' is idle" for name in excepted - found.keys()]
    return idle + [f"{name} {c}" for name in found.keys() - excepted for c in found[name]]


def _assert_none(complaints: list[str]) -> None:
    assert not complaints, "\n" + "\n".join(sorted(complaints))


def _files() -> list[Path]:
    return [*modules(), *entry_scripts(), *developer_parts(), *torch_scripts()]


def _tracked_files() -> list[Path]:
    """Files under version control; outside a checkout, all but what tools and runs make."""
    if (ROOT / ".git").exists():
        listing = subprocess.run(
            ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
        )
        return [path for name in listing.stdout.split("\0") if (path := ROOT / name).is_file()]
    made = re.compile(r"(^|/)(\.venv|quickstart|runs|__pycache__|\.hypothesis|\.\w+_cache)/")
    return [p for p in ROOT.rglob("*") if p.is_file() and not made.search(name_of(p))]


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )


def _dotted(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def test_every_module_is_in_the_import_table():
    assert [name_of(path) for path in modules() if not unit_of(path)] == ["gluon_ssd/__init__.py"]


def test_sub_packages_are_empty():
    _assert_none(
        [name_of(p) for p in modules() if p.name == "__init__.py" and unit_of(p) and p.read_text()]
    )


def test_imports_point_downwards():
    complaints = []
    for path in _files():
        package = ".".join(path.relative_to(ROOT).parent.parts)
        found = rules.import_complaints(parse(path), unit_of(path), package)
        complaints += [f"{name_of(path)} {complaint}" for complaint in found]
    _assert_none(complaints)


def test_details_are_imported_by_those_who_may():
    found = [
        f"{name_of(path)} {complaint}"
        for path in modules()
        for complaint in rules.detail_complaints(parse(path), _dotted(path))
    ]
    _assert_none(found)


def test_the_import_table_has_no_cycle():
    placed: set[str] = set()
    while ready := {
        unit for unit, below in rules.MAY_IMPORT.items() if unit not in placed and below <= placed
    }:
        placed |= ready
    assert placed == rules.MAY_IMPORT.keys()


def test_no_files_import_one_another_in_a_circle():
    files = {_dotted(path): path for path in modules()}
    waiting = {
        name: {
            other
            for _, imported in rules.imported_modules(parse(path), _package_of(path))
            if (other := _file_of(imported, files)) not in ("", name)
        }
        for name, path in files.items()
    }
    while ready := {name for name, others in waiting.items() if not others & waiting.keys()}:
        waiting = {name: others for name, others in waiting.items() if name not in ready}
    assert not waiting


def _package_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).parent.parts)


def _file_of(imported: str, files: dict[str, Path]) -> str:
    """The file that an imported name is of: itself, or what it is a name in."""
    return next((n for n in (imported, imported.rpartition(".")[0]) if n in files), "")


@pytest.mark.parametrize(
    "unit",
    [
        *sorted(PLAIN),
        "deploy.runtime",
        "evaluation.coco_map",
        "evaluation.voc_map",
        "evaluation.predict",
        "detection.matching",
        *(
            f"families.{path.parent.name}.spec"
            for path in ROOT.glob(f"{PACKAGE}/families/*/spec.py")
        ),
        "deploy.tuning.search",
    ],
)
def test_what_says_what_there_is_needs_no_framework(unit: str):
    names = [_dotted(path) for path in modules() if _dotted(path).startswith(f"{PACKAGE}.{unit}")]
    names = [n for n in names if f"{n}.".startswith(f"{PACKAGE}.{unit}.")]
    code = (
        "import importlib, sys\n"
        "absent = ('mxnet', 'gluoncv', 'cv2', 'onnxruntime', 'openvino', 'neural_compressor')\n"
        "sys.modules.update(dict.fromkeys(absent))\n"
        f"for name in {names}: importlib.import_module(name)"
    )
    run = _run("-c", code)
    assert names and run.returncode == 0, run.stderr


def test_importing_the_package_and_the_data_side_loads_no_framework():
    light = {"", *PLAIN, "system", "detection", "data", "doctor"}
    names = [_dotted(path) for path in modules() if unit_of(path) in light]
    code = (
        f"import importlib, sys\nfor name in {names}:\n    importlib.import_module(name)\n"
        "print(sorted({'mxnet', 'gluoncv', 'matplotlib', 'scipy'} & sys.modules.keys()))"
    )
    run = _run("-c", code)
    assert (run.stdout.strip(), run.stderr) == ("[]", "")


def test_options_and_errors_need_the_standard_library_alone():
    names = [_dotted(path) for path in modules() if unit_of(path) in PLAIN]
    run = _run("-S", "-c", f"import importlib\nfor n in {names}: importlib.import_module(n)")
    assert run.returncode == 0, run.stderr


def test_functions_are_short_and_take_few_arguments():
    _assert_none(_collect("size", _files(), rules.size_complaints))


def test_files_are_short():
    files = [*_files(), *(ROOT / "tests").glob("**/*.py")]
    lengths = {name_of(path): len(path.read_bytes().splitlines()) for path in files}
    long = [name for name, lines in lengths.items() if lines > MAX_FILE_LINES]
    _assert_none([f"{name} has {lengths[name]} lines" for name in long])


def test_tests_mirror_the_package():
    tests = ROOT / "tests"
    lacking = {
        below.as_posix()
        for path in modules()
        if rules.code_lines(parse(path)) > MIRRORED_LINES
        and not (
            tests / (below := path.relative_to(ROOT / PACKAGE)).with_name(f"test_{path.name}")
        ).exists()
    }
    idle = [f"{name}: the entry in TESTED_BY is idle" for name in TESTED_BY.keys() - lacking]
    missing = [f"{name} has no test file of its own" for name in lacking - TESTED_BY.keys()]
    gone = [f"{name} is not there" for name in TESTED_BY.values() if not (tests / name).exists()]
    _assert_none([*idle, *missing, *gone])


def test_public_names_are_documented_and_typed():
    files = [*modules(), *torch_scripts()]
    _assert_none(_collect("documentation", files, rules.documentation_complaints))


def test_nothing_reads_or_writes_pickles():
    _assert_none(_collect("pickle", _files(), rules.pickle_complaints))


def test_the_package_does_not_print():
    below = [path for path in modules() if unit_of(path) != "entry"]
    _assert_none(_collect("print", below, rules.print_complaints))


def test_nothing_swallows_every_exception():
    _assert_none(_collect("except", _files(), rules.broad_except_complaints))


def test_no_tracked_file_names_a_machine_or_an_index():
    # Put together here, so that this file does not hold what it looks for.
    places = "|".join(["root", "work", r"home/\w+", r"tmp/\w+"])
    hosts = "|".join([r"pypi\.", r"pythonhosted\.", r"deb\.debian\.", r"registry\.npmjs\."])
    pattern = re.compile(rf"(?<![\w./~$}}-])/({places})\b|({hosts})(org|com)\b")
    found = []
    for path in _tracked_files():
        lines = path.read_bytes().decode("utf-8", errors="replace").splitlines()
        hits = ((number, pattern.search(line)) for number, line in enumerate(lines, 1))
        found += [f"{name_of(path)} line {number}: {hit.group()}" for number, hit in hits if hit]
    _assert_none(found)


def test_the_product_does_not_point_at_test_data():
    files = [*_files(), *(ROOT / "scripts").glob("*.sh"), *ROOT.glob("*.ini")]
    pattern = re.compile(r"\.\./shared|shared/(data|weights)")
    _assert_none([name_of(path) for path in files if pattern.search(path.read_text("utf-8"))])


def test_python_versions_agree():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    assert settings["project"]["requires-python"] == ">=3.11,<3.13"
    assert settings["tool"]["ruff"]["target-version"] == "py311"
    assert settings["tool"]["mypy"]["python_version"] == "3.11"
    assert "--python-version 3.11 " in (ROOT / "scripts/lock.sh").read_text("utf-8")
    setup = (ROOT / "scripts/setup.sh").read_text("utf-8")
    assert 'is_supported() { [ "$1" = 3.11 ] || [ "$1" = 3.12 ]; }' in setup


# --- the rules catch what they should ------------------------------------------------------------


@pytest.mark.parametrize(
    ("unit", "source", "wrong"),
    [
        pytest.param("data", "from gluon_ssd.models import zoo", "gluon_ssd.models", id="sideways"),
        pytest.param(
            "detection",
            "import gluon_ssd.data.sources.voc",
            "gluon_ssd.data",
            id="upwards",
        ),
        pytest.param(
            "report", "from gluon_ssd import evaluation", "gluon_ssd.evaluation", id="row"
        ),
        pytest.param("data", "from ..compat import mx", "gluon_ssd.compat", id="relative"),
        pytest.param(
            "report", "def f():\n from gluon_ssd.commands import x", "gluon_ssd.commands", id="lazy"
        ),
        pytest.param("report", "import_module('gluon_ssd.data')", "gluon_ssd.data", id="by_name"),
        pytest.param("entry", "from gluon_ssd.data import voc", "gluon_ssd.data", id="entry"),
        pytest.param("models", "import mxnet as mx", "mxnet", id="mxnet_past_compat"),
        pytest.param("evaluation", "from gluoncv import utils", "gluoncv", id="gluoncv"),
        pytest.param("options", "import numpy", "numpy", id="numpy_in_options"),
        pytest.param("benchmarks", "import torch", "torch", id="torch"),
        pytest.param("torch", "import gluon_ssd.errors", "gluon_ssd.errors", id="package_in_torch"),
    ],
)
def test_a_wrong_import_is_caught(unit: str, source: str, wrong: str):
    found = rules.import_complaints(ast.parse(source), unit, f"{PACKAGE}.{unit}")
    assert [complaint.split(": ")[1] for complaint in found] == [f"{unit} imports {wrong}"]


@pytest.mark.parametrize(
    ("unit", "source"),
    [
        ("data", "import cv2, json\nfrom . import voc\nfrom ..errors import DataError"),
        ("deploy", "from gluon_ssd.detection.decoding import x\nfrom gluon_ssd.compat import mx"),
        ("commands", "from gluon_ssd import __version__, data, models, training, report"),
        ("families.catalog", "from gluon_ssd.families.another.spec import SPECS"),
    ],
)
def test_a_right_import_passes(unit: str, source: str):
    assert rules.import_complaints(ast.parse(source), unit, f"{PACKAGE}.{unit}") == []


def test_lines_of_code_are_counted_without_what_is_said_about_them():
    text = "'''Doc.\n\nMore.\n'''\n\n# A remark.\nx: int = f(\n    1,\n)\n'''Of x.'''\n"
    assert rules.code_lines(ast.parse(text)) == 3


@pytest.mark.parametrize(
    ("importer", "imported", "is_wrong"),
    [
        ("training.fit", "families.zoo.network", True),
        ("families.another.network", "families.zoo.network", True),
        ("families.catalog", "families.zoo.network", True),
        ("families.catalog", "families.zoo.spec", False),
        ("families.build", "families.zoo.family", False),
        ("families.zoo.family", "families.zoo.network", False),
        ("training.fit", "families.build", False),
        ("commands.demo", "deploy.mxnet.model", True),
        ("report.draw", "deploy.mxnet.model", True),
        ("commands.demo", "deploy.runtime", False),
        ("commands.calibration.mxnet", "deploy.mxnet.model", False),
    ],
)
def test_a_wrong_detail_is_caught(importer: str, imported: str, is_wrong: bool):
    source = ast.parse(f"from {PACKAGE}.{imported} import x")
    complaints = rules.detail_complaints(source, f"{PACKAGE}.{importer}")
    start = f"line 1: {importer} imports {imported}.x: "
    assert [text.startswith(start) for text in complaints] == [True] * is_wrong


@pytest.mark.parametrize(
    ("rule", "source", "complaints"),
    [
        (rules.size_complaints, "def f():\n" + " g()\n" * 60, ["f has 61 lines, allowed are 60"]),
        (
            rules.size_complaints,
            "def f(self, a, b, c, d, *, e, g, h, i, j): pass",
            ["f takes 9 arguments, allowed: 8"],
        ),
        (
            rules.documentation_complaints,
            "'''Doc.'''\ndef f(a): pass",
            ["line 2: f has no docstring", "line 2: f lacks types: a, return"],
        ),
        (rules.pickle_complaints, "import pickle", ["line 1: imports pickle"]),
        (rules.pickle_complaints, "f(allow_pickle=x)", ["line 1: allow_pickle is not False"]),
        (rules.print_complaints, "print(1)", ["line 1: print(); use logging"]),
        (
            rules.broad_except_complaints,
            "try: g()\nexcept Exception: pass\ntry: g()\nexcept Exception: raise",
            ["line 2: catches Exception and goes on"],
        ),
    ],
)
def test_the_other_rules_catch_what_they_should(rule: Callable, source: str, complaints: list[str]):
    assert rule(ast.parse(source)) == complaints
