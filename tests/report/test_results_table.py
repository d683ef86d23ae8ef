"""The epochs of a run as CSV."""

from __future__ import annotations

import csv

from gluon_ssd.report.results_table import results_rows, write_results

LOSSES = {"losses": ["Box", "Class"], "Box": 2.0, "Class": 0.25}
EPOCH = {"event": "epoch", "epoch": 0, "at": [1, 0], "lr": 0.1, **LOSSES} | {
    "seconds": 3.5,
    "samples_per_s": 12.0,
}
VALIDATION = {"event": "validation", "epoch": 0, "at": [1, 0], "score": 0.5, "seconds": 1.25} | {
    "class_scores": {"cat, tame": 0.75, "猫": None, "dog": 0.25},
    "val_losses": {"Box": 2.5, "Class": 0.5},
}


def table(events, folder):
    path = folder / "results.csv"
    write_results(events, path)
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_row_has_losses_scores_and_times(tmp_path):
    assert table([{"event": "start"}, EPOCH, VALIDATION], tmp_path) == [
        {
            "epoch": "0",
            "lr": "0.1",
            "Box": "2",
            "Class": "0.25",
            "val_Box": "2.5",
            "val_Class": "0.5",
            "mAP": "0.5",
            "AP cat, tame": "0.75",
            "AP 猫": "",
            "AP dog": "0.25",
            "seconds": "3.5",
            "images_per_s": "12",
            "val_seconds": "1.25",
        }
    ]


def test_an_epoch_that_comes_twice_has_one_row_with_the_later_numbers():
    later = EPOCH | {"Box": 9.0}
    rows = results_rows([EPOCH, later, VALIDATION, EPOCH | {"epoch": 1}])
    assert [(row["epoch"], row["Box"], row["mAP"]) for row in rows] == [(0, 9.0, 0.5), (1, 2, None)]
    assert rows[0].keys() == rows[1].keys()


def test_a_run_without_validation_has_no_columns_of_classes(tmp_path):
    (row,) = table([EPOCH], tmp_path)
    assert list(row) == ["epoch", "lr", "Box", "Class", "mAP", "seconds", "images_per_s"] + [
        "val_seconds"
    ]
    assert row["mAP"] == ""


def test_a_run_without_a_whole_epoch_is_an_empty_file_that_replaces_another(tmp_path):
    assert len(table([EPOCH], tmp_path)) == 1
    assert table([], tmp_path) == []
    assert [file.name for file in tmp_path.iterdir()] == ["results.csv"]


def test_events_of_earlier_versions_have_the_usual_losses():
    old = {"event": "epoch", "epoch": 3, "at": [4, 0], "CrossEntropy": 1.5, "SmoothL1": 0.5}
    (row,) = results_rows([old, {"event": "validation", "epoch": 3, "at": [4, 0], "score": None}])
    assert (row["CrossEntropy"], row["SmoothL1"], row["lr"], row["mAP"]) == (1.5, 0.5, None, None)
