"""Rows as tables hold them."""

from __future__ import annotations

from gluon_ssd.inference.tables.rows import Row

# Scores and boxes are values that float32, 6 digits and hundredths hold exactly.
FULL = Row(
    "a/ä b.jpg",
    width=60,
    height=40,
    labels=(1, 0),
    names=("green", "red"),
    scores=(0.75, 0.5),
    boxes_px=((6.25, 8.0, 30.5, 20.0), (0.0, 0.0, 1.0, 1.0)),
)
EMPTY = Row("b.png", width=8, height=9)
BAD = Row("c.jpg", error='cannot use the image c.jpg: "it" is cut off')
ROWS = [FULL, EMPTY, BAD]
