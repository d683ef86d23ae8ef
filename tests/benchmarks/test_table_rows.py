"""The table of speeds: turns, ratios, what is said about them, and the picture."""

from __future__ import annotations

import json
import time

import cv2
import numpy as np
import pytest

from gluon_ssd.benchmarks.table_plot import draw_table
from gluon_ssd.benchmarks.table_rows import (
    FORMS,
    ModelTimes,
    Turns,
    as_json,
    comparison_rows,
    remarks,
    summary_rows,
    table_text,
    time_in_turns,
)


def turns(batch, *rows_ms):
    """Times of the four forms in milliseconds, one row a turn."""
    return Turns(np.array(rows_ms) / 1000, FORMS, batch)


@pytest.fixture
def model():
    # original f32, ours f32, original s8, ours s8
    latency = turns(1, (100, 50, 40, 20), (120, 50, 44, 20), (110, 50, 36, 10))
    return ModelTimes(
        "ssd_512_x_voc", "random weights", latency, turns(4, (400, 200, 160, 40)), decode_ms=2
    )


def test_turns_are_taken_and_the_first_of_several_calls_does_not_count():
    order = []

    def run(name, seconds):
        def wait(images):
            order.append(name)
            # The first call after another one finds cold caches.
            time.sleep(0.03 if order[-2:-1] != [name] else seconds)
            return images

        return wait

    found = time_in_turns(
        {"a": run("a", 0.004), "b": run("b", 0.001)}, np.zeros(3), seconds=0, calls=3
    )
    assert order == [*"aabb", *"aaabbb" * 3]
    assert found.seconds.shape == (3, 2) and found.batch == 3
    assert 4 <= found.median_ms("a") < 25 and 1 <= found.median_ms("b") < 25


def test_no_new_turn_after_the_time_is_over_or_there_are_enough():
    runs = {"a": lambda images: time.sleep(0.01)}
    assert len(time_in_turns(runs, [0], seconds=0.05).seconds) <= 6
    assert len(time_in_turns(runs, [0], seconds=9, most=4).seconds) == 4


def test_times_faster(model):
    # Of 2, 2.2 and 3.6, one a turn.
    expected = pytest.approx((2.2, 2.04, 3.32))
    assert model.latency.times_faster("ours s8", "original s8") == expected
    assert model.decode_share == 0.1


def test_rows(model):
    (row,) = summary_rows([model])
    assert row["f32 latency, ms"] == 50 and row["s8 images/s"] == pytest.approx(100)
    assert "s8 mAP" not in row
    rows = comparison_rows([model])
    assert [row["what"] for row in rows] == [
        *("f32 latency, ms", "f32 images/s", "s8 latency, ms", "s8 images/s")
    ]
    last = rows[-1]
    assert (last["original"], last["ours"]) == pytest.approx((25, 100))
    assert (last["times faster"], last["batch"], last["turns"]) == (pytest.approx(4), 4, 1)


def test_scores_get_rows_and_columns(model):
    model.scores.update(zip(FORMS, (0.5, 0.5, 0.4, 0.45), strict=True))
    assert summary_rows([model])[0]["s8 mAP"] == 0.45
    scores = [row for row in comparison_rows([model]) if row["what"].endswith("mAP")]
    assert [(row["original"], row["ours"]) for row in scores] == [(0.5, 0.5), (0.4, 0.45)]


def test_remarks_name_the_ratios(model):
    assert remarks(model, "VNNI") == [
        "ssd_512_x_voc (random weights): our int8 is 2.20 times as fast as the original's int8 and "
        "6.00 times as fast as its fp32; the detection layer takes 10.0% of our int8 time"
    ]


@pytest.mark.parametrize(
    ("instructions", "reason"),
    [("no VNNI", "the CPU lacks VNNI"), ("AMX", "the CPU has AMX; too little of the time")],
)
def test_int8_without_gain_is_said_with_the_reason(model, instructions, reason):
    model.throughput = turns(4, (400, 200, 160, 190))
    _, line = remarks(model, instructions)
    assert "int8 brings no speed-up at batch 4 (1.05 times fp32): " + reason in line


def test_text_and_json_hold_everything(model):
    text = table_text([model], facts="Measured somehow.", instructions="VNNI")
    assert text.index("| model") < text.index("Measured somehow.") < text.index("times faster")
    (found,) = json.loads(json.dumps(as_json([model])))
    assert found["latency"]["turns_ms"]["ours s8"] == [20, 20, 10]
    assert found["throughput"]["median_ms"]["original f32"] == 400


def test_picture(model, tmp_path):
    draw_table([model, model], tmp_path / "table.png")
    picture = cv2.imread(str(tmp_path / "table.png"))
    assert picture.shape[0] == 800
    for colour_rgb in ((0x00, 0x72, 0xB2), (0xD5, 0x5E, 0x00)):
        assert (picture == colour_rgb[::-1]).all(axis=2).sum() > 1000


def test_a_network_without_an_original_stands_among_ours_alone(model, tmp_path):
    def ours_alone(found):
        return Turns(found.seconds[:, 1::2], FORMS[1::2], found.batch)

    alone = ModelTimes(
        "new", "random weights", ours_alone(model.latency), ours_alone(model.throughput), 2
    )
    assert [row["model"] for row in summary_rows([model, alone])] == ["ssd_512_x_voc", "new"]
    assert {row["model"] for row in comparison_rows([model, alone])} == {"ssd_512_x_voc"}
    assert summary_rows([alone])[0]["s8 latency, ms"] == 20
    (line,) = remarks(alone, "VNNI")
    assert line == (
        "new (random weights): our int8 is 2.50 times as fast as our fp32; GluonCV lacks the "
        "network; the detection layer takes 10.0% of our int8 time"
    )
    text = table_text([alone], facts="Facts.", instructions="VNNI")
    assert "original" not in text and text.count("| new ") == 1
    assert as_json([alone])[0]["latency"]["median_ms"] == {"ours f32": 50, "ours s8": 20}
    draw_table([model, alone], tmp_path / "table.png")
    assert cv2.imread(str(tmp_path / "table.png")) is not None
