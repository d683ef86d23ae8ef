"""The journal of a search."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gluon_ssd.deploy.tuning.history import JOURNAL, History
from gluon_ssd.errors import EnvironmentProblem, OptionError
from tests.deploy.tuning.test_trial import trial

FACTS = {"strategy": "basic", "sampling_sizes": (32, 64)}


def test_search_goes_on_from_its_journal(tmp_path: Path) -> None:
    first = History(tmp_path, FACTS)
    for number in (0, 1):
        first.start(trial(number, 0.6).key)
        first.add(trial(number, 0.6))
    first.note_saved("1", "abc")
    first.end("stopped", 3.0)
    second = History(tmp_path, FACTS)
    assert second.trials == first.trials
    assert (second.num_earlier, second.next_number, second.saved) == (2, 2, ("1", "abc"))


def test_every_event_is_one_line(tmp_path: Path) -> None:
    history = History(tmp_path, FACTS)
    history.start("k")
    history.add(trial(1, 0.5))
    lines = [json.loads(line) for line in (tmp_path / JOURNAL).read_text().splitlines()]
    assert [line["event"] for line in lines] == ["search", "start", "trial"]
    assert lines[2]["measured"]["accuracy"] == 0.5


def test_line_cut_off_by_a_crash_is_dropped(tmp_path: Path) -> None:
    History(tmp_path, FACTS).add(trial(0, 0.6))
    path = tmp_path / JOURNAL
    path.write_text(path.read_text() + '{"event": "trial", "numb')
    history = History(tmp_path, FACTS)
    history.add(trial(1, 0.5))
    assert len(History(tmp_path, FACTS).trials) == 2


@pytest.mark.parametrize(
    ("facts", "named"),
    [
        ({**FACTS, "strategy": "mse"}, "strategy"),
        ({**FACTS, "weights": "x"}, "weights"),
        ({"strategy": "basic"}, "sampling_sizes"),
    ],
)
def test_another_search_cannot_go_on_from_it(tmp_path: Path, facts, named) -> None:
    History(tmp_path, FACTS)
    before = (tmp_path / JOURNAL).read_bytes()
    with pytest.raises(OptionError, match=rf"another search \(not the same: {named}\)"):
        History(tmp_path, facts)
    assert (tmp_path / JOURNAL).read_bytes() == before


def test_foreign_file_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / JOURNAL).write_text("shopping list\n")
    with pytest.raises(OptionError, match="no journal of a search"):
        History(tmp_path, FACTS)
    assert (tmp_path / JOURNAL).read_text() == "shopping list\n"


def test_trial_that_ended_the_process_twice_ends_process(tmp_path: Path) -> None:
    for expected in (False, False, True):
        history = History(tmp_path, FACTS)
        assert history.ends_process("k") is expected
        history.start("k")


def test_stopping_in_good_order_counts_against_no_trial(tmp_path: Path) -> None:
    for _ in range(3):
        history = History(tmp_path, FACTS)
        assert not history.ends_process("k")
        history.start("k")
        history.end("stopped", 1.0)


def test_trial_that_ended_well_does_not_end_the_process(tmp_path: Path) -> None:
    history = History(tmp_path, FACTS)
    for _ in range(3):
        history.start("1")
    history.add(trial(1, 0.5))
    assert not History(tmp_path, FACTS).ends_process("1")


def test_workspace_that_is_a_file_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(EnvironmentProblem, match="taken"):
        History(tmp_path / "taken", FACTS)


@pytest.mark.parametrize(
    "line",
    [
        '{"event": "trial", "key": "1"}',
        '{"event": "trial", "key": ["1"], "number": 1}',
        '{"event": "trial", "number": 1, "key": "1", "choice": "", "kept": [], "seconds": 1, '
        '"problem": ""}',
        '{"event": "start"}',
        '{"event": "start", "key": {"a": 1}}',
        '{"event": "saved", "key": "1"}',
        "[" * 100_000,
        '{"event": "start", "key": ' + "1" * 5000 + "}",
    ],
    ids=lambda line: line[:40],
)
def test_a_broken_line_is_left_out_with_a_warning(tmp_path: Path, line, caplog) -> None:
    history = History(tmp_path, FACTS)
    history.add(trial(0, 0.6))
    path = tmp_path / JOURNAL
    path.write_text(f"{path.read_text()}{line}\n")
    history.add(trial(1, 0.5))
    assert History(tmp_path, FACTS).trials == history.trials
    assert "1 of 4 lines cannot be used and are left out, the first is line 3" in caplog.text


@pytest.mark.parametrize(
    "change",
    [
        {"number": "1"},
        {"number": -1},
        {"number": True},
        {"key": None},
        {"kept": "conv0"},
        {"kept": [1]},
        {"seconds": "long"},
        {"problem": None},
        {"measured": 0.5},
        {"measured": {"accuracy": 0.5}},
        {"measured": {"accuracy": float("nan"), "latency_ms": 1, "fp32_ms": 1, "weights_mib": 1}},
        {"measured": {"accuracy": 0.5, "latency_ms": 0, "fp32_ms": 1, "weights_mib": 1}},
    ],
    ids=str,
)
def test_a_trial_with_a_field_of_another_kind_is_measured_again(tmp_path: Path, change) -> None:
    History(tmp_path, FACTS).add(trial(1, 0.5))
    path = tmp_path / JOURNAL
    first, found = path.read_text().splitlines()
    path.write_text(f"{first}\n{json.dumps({**json.loads(found), **change})}\n")
    assert History(tmp_path, FACTS).trials == {}


@pytest.mark.parametrize("facts", ["[]", "null", '"a"', "3"])
def test_facts_of_another_kind_make_no_journal_of_a_search(tmp_path: Path, facts) -> None:
    (tmp_path / JOURNAL).write_text(f'{{"event": "search", "facts": {facts}}}\n')
    with pytest.raises(OptionError, match="is no journal of a search; name another workspace"):
        History(tmp_path, FACTS)


def test_names_of_a_file_cannot_break_the_message(tmp_path: Path) -> None:
    (tmp_path / JOURNAL).write_text('{"event": "search", "facts": {"a\\nb": 1}}\n')
    with pytest.raises(
        OptionError, match=r"not the same: a\\nb, sampling_sizes, strategy"
    ) as caught:
        History(tmp_path, FACTS)
    assert "\n" not in str(caught.value)
