"""The changes that scripts/mutants.py makes, on a line or two of code."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests import mutation
from tests.mutation import choose, copy_project, mirrored_tests, mutants, run_tests


def changes_of(source: str) -> list[str]:
    return [mutant.change for mutant in mutants("x.py", source)]


@pytest.mark.parametrize(
    ("source", "changes"),
    [
        ("a + b", ["a + b  ->  a - b"]),
        ("a / b", ["a / b  ->  a * b"]),
        ("a += b", ["a += b  ->  a -= b"]),
        ("a < b <= c", ["a < b <= c  ->  a <= b <= c", "a < b <= c  ->  a < b < c"]),
        ("a and b", ["a and b  ->  a or b"]),
        ("np.minimum(a, b)", ["np.minimum  ->  np.maximum"]),
        ("max(a)", ["max  ->  min"]),
        ("-a", ["-a  ->  a"]),
        ("3", ["3  ->  4", "3  ->  6"]),
        ("0", ["0  ->  1"]),
        ("1", ["1  ->  0", "1  ->  2"]),
        ("0.5", ["0.5  ->  1.0", "0.5  ->  1.5"]),
        ("a[b:]", ["b:  ->  :", "b:  ->  b + 1:"]),
        ("a[:2]", [":2  ->  :", "2  ->  3", "2  ->  4"]),
        ("if a: b", ["a  ->  not a"]),
        ("[a for a in b if c]", ["c  ->  not c"]),
        ("a if b else c", ["b  ->  not b"]),
        ("a[-1]", ["-1  ->  1"]),
    ],
)
def test_a_line_is_changed_in_these_ways(source: str, changes: list[str]) -> None:
    assert changes_of(source) == changes


@pytest.mark.parametrize(
    "source",
    [
        '"""Text with 1 + 2."""',
        "raise ValueError(1 + 2)",
        "a = f'{b + 1:.2f}'",
        "_log.info('%d', a + 1)",
        "def f(a: int | None) -> dict[str, int | None]: pass",
        "a: int | float",
        "class A:\n def __repr__(self): return str(1 + 2)",
        "a = b if b is None else True",
    ],
    ids="docstring message text log annotations variable repr names".split(),
)
def test_text_types_and_names_are_left_alone(source: str) -> None:
    assert [change for change in changes_of(source) if "not" not in change] == []


@pytest.mark.parametrize("source", ["a if a < b else b", "b if a > b else a", "a if a > 0 else 0"])
def test_the_smaller_of_two_equal_numbers_is_either(source: str) -> None:
    assert not [change for change in changes_of(source) if "=" in change]


def test_a_mutant_is_the_whole_module_with_one_change() -> None:
    source = "a = 1 - b\nc = d < e"
    assert [(mutant.line, mutant.source) for mutant in mutants("x", source)] == [
        (1, "a = 1 + b\nc = d < e"),
        (1, "a = 0 - b\nc = d < e"),
        (1, "a = 2 - b\nc = d < e"),
        (2, "a = 1 - b\nc = d <= e"),
    ]


def test_the_choice_follows_the_seed_and_takes_every_kind() -> None:
    chosen = choose("detection/boxes", 8, seed=3)
    assert chosen == choose("detection/boxes", 8, seed=3) != choose("detection/boxes", 8, seed=4)
    assert [mutant.line for mutant in chosen] == sorted(mutant.line for mutant in chosen)
    assert {"BinOp", "Compare", "Constant", "Slice"} < {mutant.kind for mutant in chosen}
    assert choose("detection/boxes", 10**6, seed=3)[-1] in mutants(
        "gluon_ssd/detection/boxes.py",
        (mutation.ROOT / "gluon_ssd/detection/boxes.py").read_text("utf-8"),
    )


@pytest.mark.parametrize("module", mutation.NUMERIC_MODULES)
def test_every_numeric_module_has_tests_of_its_own(module: str) -> None:
    assert (mutation.ROOT / mutation.module_path(module)).is_file()
    assert mirrored_tests(module)


@pytest.mark.parametrize(
    ("body", "outcome"),
    [("assert 1", "passed"), ("assert 0", "failed"), ("import time; time.sleep(60)", "timeout")],
    ids=["passes", "fails", "hangs"],
)
def test_tests_run_in_a_copy(body: str, outcome: str, tmp_path: Path) -> None:
    (tmp_path / "test_a.py").write_text(f"def test_a(): {body}")
    limit_s = 3 if outcome == "timeout" else 60
    assert run_tests(tmp_path, ["test_a.py"], tmp_path / "caches", limit_s) == outcome


def test_a_file_without_tests_proves_nothing(tmp_path: Path) -> None:
    (tmp_path / "test_a.py").write_text("")
    with pytest.raises(RuntimeError, match="pytest found no test in test_a.py"):
        run_tests(tmp_path, ["test_a.py"], tmp_path / "caches", 60)


def test_the_copy_imports_its_own_package(tmp_path: Path) -> None:
    copy_project(tmp_path)
    ended = subprocess.run(
        [sys.executable, "-c", "import gluon_ssd; print(gluon_ssd.__file__)"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert Path(ended.stdout.strip()) == tmp_path / "gluon_ssd" / "__init__.py"
