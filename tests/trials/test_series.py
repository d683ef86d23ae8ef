"""The table of trials, and which are trained."""

from __future__ import annotations

import json

import pytest

from gluon_ssd.errors import DataError
from scripts import try_changes as script
from scripts.trials.series import Series, table
from tests.entry_builders import one_error, run_module

SCORES = {
    ("none", 0): {"weights": 0.5, "average": 0.52},
    ("none", 1): {"weights": 0.6, "average": 0.58},
    ("mosaic", 0): {"weights": 0.55, "average": 0.5},
    ("mosaic", 1): {"weights": 0.61, "average": 0.61},
}


def test_gains_are_those_of_each_seed():
    rows = [[cell.strip() for cell in row.split("|")[1:-1]] for row in table(SCORES).splitlines()]
    assert rows[0] == ["change", "scored", "seed 0", "seed 1", "mean", "gain", "seeds won"]
    assert rows[2] == ["none", "weights", "0.5000", "0.6000", "0.5500", "", ""]
    assert rows[3] == ["none", "average", "0.5200", "0.5800", "0.5500", "+0.0000", "1 of 2"]
    assert rows[4] == ["mosaic", "weights", "0.5500", "0.6100", "0.5800", "+0.0300", "2 of 2"]
    assert rows[5] == ["mosaic", "average", "0.5000", "0.6100", "0.5550", "+0.0050", "1 of 2"]


def finish(folder, name, epoch=3):
    (folder / name).mkdir(parents=True)
    rows = [{"epoch": epoch, "weights": 0.25}]
    (folder / name / "scores.json").write_text(json.dumps(rows))


def test_what_is_trained_is_not_trained_again(tmp_path):
    finish(tmp_path, "none-0-4")
    assert Series(tmp_path, ["--nonsense"], 4).run([("none", 0)], 1) == {
        ("none", 0): {"weights": 0.25}
    }


def test_a_training_that_fails_ends_the_series_with_its_words(tmp_path):
    finish(tmp_path, "none-0-4", epoch=2)  # stopped before its end
    with pytest.raises(DataError, match=r"none, seed 0, ended with code 2: .*--nonsense"):
        Series(tmp_path, ["--nonsense"], 4).run([("none", 0)], 1)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--dataset-root", "d"), "--pretrained-base is needed"),
        (("--changes", "magic"), "--changes wants some of none, freeze1"),
        (("--seeds", "0,x"), "--seeds wants numbers"),
    ],
    ids=["weights", "change", "seed"],
)
def test_bad_options_are_one_line(options, words):
    needed = () if "needed" in words else ("--dataset-root", "d", "--pretrained-base", "p")
    assert words in one_error(run_module(script, *needed, *options))
