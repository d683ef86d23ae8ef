import json
import math

import cv2
import pytest

from gluon_ssd.errors import EnvironmentProblem
from gluon_ssd.report.layer_report import layer_table, write_layer_report


def row(layer, sqnr_db=30.0):
    return {
        "layer": layer,
        "sqnr_db": sqnr_db,
        "class_sqnr_db": sqnr_db,
        "box_sqnr_db": sqnr_db - 3,
        "score_error": 0.001,
        "offset_error": 0.02,
    }


ROWS = [row("all layers", 20.0), row("conv1"), row("conv2", math.inf)]


def test_table_keeps_the_order_and_names_units():
    lines = layer_table(ROWS).splitlines()
    assert lines[0].split("|")[1:4] == [" layer      ", " SQNR dB ", " classes dB "]
    assert [line.split("|")[1].strip() for line in lines[2:]] == ["all layers", "conv1", "conv2"]
    assert lines[3].split("|")[2:5] == ["      30 ", "         30 ", "       27 "]


def test_files_say_how_they_came_about(tmp_path):
    facts = {"model": "ssd-quantized-naive", "images": 16}
    write_layer_report(str(tmp_path / "ssd-layers"), ROWS, facts)
    text = (tmp_path / "ssd-layers.md").read_text()
    assert "- images: 16" in text and layer_table(ROWS) in text
    content = json.loads((tmp_path / "ssd-layers.json").read_text())
    assert content["images"] == 16
    assert [layer["sqnr_db"] for layer in content["layers"]] == [20.0, 30.0, None]
    assert cv2.imread(str(tmp_path / "ssd-layers.png")).shape[1] == 900


def test_picture_has_room_for_every_layer(tmp_path):
    for count in (1, 60):
        rows = [row(f"layer{number}") for number in range(count)]
        write_layer_report(str(tmp_path / str(count)), rows, {"model": "m"})
    few, many = (cv2.imread(str(tmp_path / f"{count}.png")).shape[0] for count in (1, 60))
    assert many - few == pytest.approx(59 * 24, abs=2)


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(EnvironmentProblem, match="layers.md"):
        write_layer_report(str(tmp_path / "none" / "layers"), ROWS, {"model": "m"})
