"""Options of the scripts that check a data set and draw one."""

from __future__ import annotations

import pytest

from gluon_ssd.errors import OptionError
from gluon_ssd.options.data_tools import CheckOptions, PrepareShapesOptions
from gluon_ssd.options.declare import parse


@pytest.mark.parametrize(
    ("command", "argv", "message"),
    [
        (CheckOptions, ["--dataset", "vok"], "--dataset must be one of voc, .*did you mean voc"),
        (CheckOptions, ["--max-bad-share", "1.5"], "--max-bad-share must be at most 1; got 1.5"),
        (CheckOptions, ["--max-bad-share", "-1"], "--max-bad-share must be at least 0; got -1"),
        (PrepareShapesOptions, ["--image-size", "63"], "--image-size must be at least 64; got 63"),
        (PrepareShapesOptions, ["--num-val", "0"], "--num-val must be at least 1; got 0"),
        (PrepareShapesOptions, ["--seed", "-1"], "--seed must be at least 0; got -1"),
    ],
)
def test_values_out_of_range_are_named(command, argv, message):
    with pytest.raises(OptionError, match=message):
        parse(command, argv, prog="x", description="")


def test_limits_themselves_are_allowed():
    checked = parse(CheckOptions, ["--max-bad-share", "1", "--list"], prog="x", description="")
    assert (checked.max_bad_share, checked.list, checked.fast) == (1, True, False)
    drawn = parse(PrepareShapesOptions, ["--image-size", "64"], prog="x", description="")
    assert (drawn.image_size, drawn.num_train, drawn.num_val) == (64, 1200, 200)
