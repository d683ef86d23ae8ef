from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import pytest

from gluon_ssd.benchmarks import contended
from gluon_ssd.benchmarks.contended import (
    ALL,
    DETECTORS,
    FREE,
    LOOPS,
    ONE,
    QUIET,
    Served,
    busy_loops,
    condition_rows,
    contended_rows,
    environments,
)
from gluon_ssd.errors import EnvironmentProblem
from gluon_ssd.options.benchmark_load import ContendedBenchmark

# Answers with its setting in place of times.
_FAKE = """
import json, os, sys
print(json.dumps({"ready": True}), flush=True)
for line in sys.stdin:
    request = json.loads(line)
    threads = int(os.environ["OMP_NUM_THREADS"])
    if os.environ["GLUON_SSD_CORES"] == "free":
        threads += 10
    print(json.dumps({"ms": [threads * request["seconds"]] * 2, "threads": threads, "others": 0.5}),
          flush=True)
"""


def test_rows_compare_with_all_cores_and_with_one_thread() -> None:
    found = {
        FREE: [{"ms": [8.0, 8.0], "threads": 2, "others": 0.0}],
        ALL: [
            {"ms": [10.0], "threads": 2, "others": 0.2},
            {"ms": [10.0], "threads": 2, "others": 0},
        ],
        ONE: [{"ms": [16.0, 16.0, 16.0], "threads": 1, "others": 0.0}],
    }
    rows = {row["setting"]: row for row in condition_rows(QUIET, found)}
    assert rows[FREE]["median, of all cores'"] == pytest.approx(0.8)
    assert rows[FREE]["p99, of one thread's"] == pytest.approx(0.5)
    assert rows[ALL]["others"] == pytest.approx(0.1)
    assert [rows[name]["calls"] for name in (FREE, ALL, ONE)] == [2, 2, 3]
    assert rows[ONE]["machine"] == QUIET


def test_every_setting_is_measured_in_every_condition(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contended, "call_of", lambda *_: [sys.executable, "-c", _FAKE])
    monkeypatch.setattr(contended, "physical_cores", lambda: 2)
    given = ContendedBenchmark(model_prefix="m", loops=0, detectors=1, seconds=0.5, rounds=2)
    rows = contended_rows(given)
    assert [(row["machine"], row["setting"]) for row in rows] == [
        (machine, setting) for machine in (QUIET, LOOPS, DETECTORS) for setting in (FREE, ALL, ONE)
    ]
    assert [row["median"] for row in rows[:3]] == [6.0, 1.0, 0.5]
    assert {row["calls"] for row in rows} == {4}


def test_the_settings_are_environments() -> None:
    assert environments(4)[FREE] == {"OMP_NUM_THREADS": "4", "GLUON_SSD_CORES": "free"}
    assert environments(4)[ONE]["OMP_NUM_THREADS"] == "1"


def test_a_detector_that_ends_is_one_line() -> None:
    command = [sys.executable, "-c", "raise SystemExit('error: there is no model m')"]
    with pytest.raises(EnvironmentProblem, match="a detector ended: error: there is no model m"):
        with Served(command, {}):
            pass


def test_busy_loops_are_busy_nice_and_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contended, "_WARM_UP_S", 0.0)
    started = []
    plain = contended.Child

    def child(command):
        started.append(plain(command))
        return started[-1]

    monkeypatch.setattr(contended, "Child", child)
    with busy_loops(1, 7):
        process = Path(f"/proc/{started[0].process.pid}")
        deadline = time.monotonic() + 60
        while (fields := _fields(process))["nice"] != 7 or fields["ticks"] < 20:
            assert time.monotonic() < deadline
            time.sleep(0.05)
    assert started[0].process.returncode is not None


def _fields(process: Path) -> dict[str, int]:
    after_name = (process / "stat").read_text().rpartition(")")[2].split()
    return {"nice": int(after_name[16]), "ticks": int(after_name[11])}


def test_numbers_of_rows_are_json() -> None:
    found = {name: [{"ms": [1.0], "threads": 1, "others": 0.0}] for name in (FREE, ALL, ONE)}
    assert json.loads(json.dumps(condition_rows(LOOPS, found)))[0]["machine"] == LOOPS
