"""Broken files of every kind end with an answer or with one line, as scripts/fuzz.py tries."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from scripts import fuzz
from scripts.fuzzing.case import Ended, Summary
from scripts.fuzzing.catalog import KINDS
from scripts.fuzzing.pool import Pool, Task, prepared
from scripts.fuzzing.report import as_json, groups, table
from scripts.fuzzing.run import run
from tests import fuzz_toy

_EXTRAS = {"onnx": pytest.mark.onnx, "openvino": pytest.mark.openvino}


@pytest.mark.slow
@pytest.mark.parametrize(
    "kind", [pytest.param(name, marks=_EXTRAS.get(name, ())) for name in KINDS]
)
def test_broken_files_end_with_an_answer_or_one_line(kind: str):
    cases = KINDS[kind].in_suite
    (summary,), finds = run([kind], 0, cases, seed=0, jobs=1)
    assert not finds, groups(finds)
    assert summary.cases == cases
    # Neither is every file refused, nor is none.
    assert (
        summary.counts["right"] > cases / 50
        and summary.counts["refused"] > cases / 50
        or (kind == "journal" and summary.counts["right"] == cases)
    )


@pytest.mark.parametrize("kind", KINDS)
def test_a_case_is_the_same_every_time(kind: str, tmp_path: Path):
    if kind in _EXTRAS or KINDS[kind].in_suite < 2000:
        pytest.skip("its sound files take long to make")
    made = []
    KINDS[kind]().prepare(tmp_path)
    for _ in range(2):
        fuzzer = KINDS[kind]()
        fuzzer.load(tmp_path)
        made.append([fuzzer.case(3, number) for number in range(40)])
    assert made[0] == made[1]
    assert len({str(case.files) for case in made[0]}) > 20


def test_table_groups_and_json_count_what_ended_badly():
    summary = Summary("coco")
    detail = 'File "x/coco.py", line 7, in read\n    int(x)\nValueError: no int'
    finds = [Ended("coco", n, "traceback", 0.5, 3, "put id", detail) for n in (4, 9)]
    for ended in (*finds, Ended("coco", 0, "right"), Ended("coco", 1, "refused", 2.0)):
        summary.add(ended)
    assert "| coco | 4 | 1 | 1 | 2 | 0 | 0 | 0 | 0 | 2.00 | 3 |" in table([summary])
    assert groups(finds) == (
        "coco: 2 x traceback, such as case 4: coco.py:7 read: ValueError: no int"
    )
    content = json.loads(as_json([summary], finds, {"seed": 5}))
    assert (content["seed"], content["kinds"][0]["faults"]) == (5, 2)
    assert [find["number"] for find in content["finds"]] == [4, 9]


def test_one_case_is_reproduced_with_its_files(tmp_path: Path, capsys):
    kept = tmp_path / "kept"
    argv = ["--kind", "list", "--case", "7", "--keep", str(kept), "--jobs", "1"]
    assert fuzz.main([*argv, "--output", str(tmp_path / "found.json")]) in (0, 1)
    assert "| list | 1 |" in capsys.readouterr().out
    assert [path.name for path in (kept / "list-7").iterdir()] == ["list.txt"]
    assert json.loads((tmp_path / "found.json").read_text())["first"] == 7


def test_unknown_kind_is_one_line(capsys):
    assert fuzz.main(["--kind", "cocoa"]) == 2
    assert "error: --kind wants some of coco, voc" in capsys.readouterr().err


@pytest.mark.slow  # one case takes its whole limit, twice
def test_every_way_to_end_badly_is_noted_and_the_run_goes_on():
    found: list[Ended] = []
    with prepared([fuzz_toy.NAME]) as seeds:
        pool = Pool(0, seeds, jobs=1)
        pool.run([Task(fuzz_toy.NAME, 0, len(fuzz_toy.EXPECTED))], found.append)
    assert [ended.number for ended in found] == list(range(len(fuzz_toy.EXPECTED)))
    assert [ended.outcome for ended in found] == [outcome for *_, outcome in fuzz_toy.EXPECTED]
    said = {ended.outcome: ended.detail for ended in found}
    assert "SIGSEGV" in said["signal"] and "negative" in "".join(e.detail for e in found)


def test_two_processes_share_the_cases_of_a_kind():
    found: list[Ended] = []
    first = len(fuzz_toy.EXPECTED)
    with prepared([fuzz_toy.NAME]) as seeds:
        tasks = [Task(fuzz_toy.NAME, first + n, first + n + 5) for n in (0, 5, 10)]
        Pool(1, seeds, jobs=2).run(tasks, found.append)
    assert sorted(ended.number for ended in found) == list(range(first, first + 15))
    assert {ended.outcome for ended in found} == {"right", "refused"}
