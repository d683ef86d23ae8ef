"""Every output is a context that takes pictures."""

from __future__ import annotations

import pytest

from gluon_ssd.inference.outputs.coco_results import CocoResults
from gluon_ssd.inference.outputs.crops import Crops
from gluon_ssd.inference.outputs.csv_file import CsvFile
from gluon_ssd.inference.outputs.drawn import Drawn
from gluon_ssd.inference.outputs.json_files import EndpointAnswers, JsonFile
from gluon_ssd.inference.outputs.yolo_files import YoloFiles
from tests.inference.outputs.builders import seen

OUTPUTS = {
    "drawn": lambda folder: Drawn(folder, makes_films=True),
    "json": lambda folder: JsonFile(folder / "d.json", ("cat", "dog")),
    "endpoint": EndpointAnswers,
    "csv": lambda folder: CsvFile(folder / "d.csv"),
    "coco": lambda folder: CocoResults(folder, ("cat", "dog")),
    "yolo": lambda folder: YoloFiles(folder, ("cat", "dog")),
    "crops": Crops,
}


@pytest.mark.parametrize("make", OUTPUTS.values(), ids=OUTPUTS)
def test_an_output_leaves_whole_files_alone(tmp_path, make):
    with make(tmp_path) as output:
        output.add(seen([0, 1], [[1, 2, 30, 20]] * 2))
        output.add(seen([], [], label="b"))
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert files and not [path for path in files if ".part" in path.name]
