from __future__ import annotations

import re
import time

from gluon_ssd.system.progress import progress_bar


def test_away_from_a_terminal_plain_lines_tell_the_time_left(capsys):
    with (
        progress_bar(total=40, unit="batch", description="train", every_s=0.1) as outer,
        progress_bar(total=40, unit="img", description="validate", every_s=0.1) as inner,
    ):
        for _ in range(40):
            time.sleep(0.01)
            outer.update()
            inner.update()
    text = capsys.readouterr().err
    assert "\r" not in text and "\x1b" not in text
    lines = text.splitlines()
    # 0.4 s in steps of 0.1 s, of two bars; not one for each of the 80 updates.
    assert 2 <= len(lines) <= 12
    pattern = r"(train|validate): \d+%, \d+ of 40, \d\d:\d\d gone, \d\d:\d\d left"
    assert all(re.fullmatch(pattern, line) for line in lines), text
    assert {line.split(":")[0] for line in lines} == {"train", "validate"}


def test_short_work_writes_no_line(capsys):
    with progress_bar(total=3, unit="img", description="evaluate") as bar:
        bar.update(3)
    assert capsys.readouterr().err == ""


def test_lines_of_an_unknown_end_tell_what_is_done(capsys):
    options = {"unit": "B", "description": "fetching x", "every_s": 0.05}
    with progress_bar(total=None, **options) as bar:
        for number in range(10):
            time.sleep(0.02)
            if number == 5:
                bar.total = 10_000_000
            bar.update(1_000_000)
    lines = capsys.readouterr().err.splitlines()
    assert re.fullmatch(r"fetching x: \d\.\d0M B, \d\d:\d\d gone", lines[0]), lines
    with_end = r"fetching x: \d+%, \d\.\d0M of 10\.0M, \d\d:\d\d gone, \d\d:\d\d left"
    assert re.fullmatch(with_end, lines[-1]), lines


def test_bar_around_an_iterable_counts_what_is_taken(capsys):
    with progress_bar(iter("abc"), total=3, unit="img", description="detect") as bar:
        assert list(bar) == ["a", "b", "c"]
        assert bar.n == 3
