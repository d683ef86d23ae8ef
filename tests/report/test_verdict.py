"""The line that says whether an int8 model is good enough."""

from __future__ import annotations

import math

import pytest

from gluon_ssd.report.verdict import verdict


@pytest.mark.parametrize(
    ("before", "after", "tolerance", "end"),
    [
        (0.6385, 0.6377, 0.01, "good, 0.0008 is lost and 0.0100 may be"),
        (0.6385, 0.6185, 0.01, "BAD, 0.0200 is lost and 0.0100 may be"),
        (0.6385, 0.6285, 0.01, "good, 0.0100 is lost and 0.0100 may be"),
        (0.6385, 0.6405, 0.0, "good, nothing is lost and 0.0000 may be"),
        (math.nan, math.nan, 0.01, "neither good nor bad, for no image has an object"),
    ],
)
def test_good_or_bad(before, after, tolerance, end):
    line = verdict(before, after, tolerance, 496)
    assert line == f"mAP {before:.4f} before and {after:.4f} after, on 496 images: {end}"
