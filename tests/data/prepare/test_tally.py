from __future__ import annotations

import pytest

from gluon_ssd.data.prepare.tally import Tally
from gluon_ssd.errors import DataError


def test_finds_are_counted_and_the_first_twenty_told(caplog):
    tally = Tally("boxes.csv")
    for line in range(2, 32):
        tally.add("unknown class", line, "label '/m/x'")
    tally.add("broken row", 40, "too short")
    assert tally.lines() == [
        "boxes.csv: unknown class: 30 (label dropped)",
        "boxes.csv: broken row: 1 (label dropped)",
    ]
    assert len(caplog.records) == 20
    assert caplog.messages[0] == ("boxes.csv line 2: unknown class, label '/m/x' (label dropped)")


def test_a_share_above_two_per_cent_stops():
    tally = Tally("boxes.csv")
    tally.stop_above_share(0)
    tally.add("broken row", 7, "too short")
    tally.add("broken row", 9, "too long")
    tally.stop_above_share(100)
    with pytest.raises(
        DataError,
        match=r"2\.0% of the 99 rows of boxes\.csv are bad, allowed is 2%; the first is line 7: "
        "broken row, too short; remove the file",
    ):
        tally.stop_above_share(99)
