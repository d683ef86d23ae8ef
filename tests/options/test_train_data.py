"""Options of training data that exclude one another."""

from __future__ import annotations

import pytest

from gluon_ssd.errors import OptionError
from gluon_ssd.options.train_data import TrainDataOptions


@pytest.mark.parametrize(
    ("given", "validates"),
    [({}, True), ({"val_splits": "None"}, False), ({"val_share": 0.1}, True)],
    ids=["usual", "none", "share"],
)
def test_whether_there_is_a_validation_set(given, validates):
    assert TrainDataOptions(**given).validates == validates


@pytest.mark.parametrize("split", ["val", "none"])
def test_two_validation_sets_are_one_line(split):
    with pytest.raises(OptionError, match=r"^--val-share 0\.2 holds out .* leave out one"):
        TrainDataOptions(val_share=0.2, val_splits=split)
