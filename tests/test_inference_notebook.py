"""docs/inference.ipynb runs from top to bottom, and what it shows was made by what it says."""

from __future__ import annotations

import os
import re
import shutil
import tarfile
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from tests.entry_builders import ROOT

FILE = ROOT / "docs/inference.ipynb"
GOLDEN = Path(__file__).parent / "golden/written_before"
_PARAMETERS = 'MODEL = "quickstart/deploy"'


@pytest.fixture(scope="module")
def notebook():
    return nbformat.read(FILE, as_version=4)


def texts(notebook) -> list[str]:
    """What its cells have printed."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    return [output.get("text", "") for output in outputs]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A detector of two classes that was really trained, and four labelled pictures."""
    with tarfile.open(GOLDEN / "files.tar.xz") as archive:
        for member in archive:
            if member.name.startswith("exported/folded-"):
                archive.extract(member, tmp_path, filter="data")
    shutil.copytree(GOLDEN / "data", tmp_path / "data")
    for name in ("JUPYTER_RUNTIME_DIR", "IPYTHONDIR"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))
    return tmp_path


@pytest.mark.slow
def test_it_runs_from_top_to_bottom(notebook, folder):
    (cell,) = (each for each in notebook.cells if each.source.startswith(_PARAMETERS))
    cell.source = (
        f"MODEL, DATA, OUT = {str(folder / 'exported/folded')!r}, {str(folder / 'data')!r}, "
        f"{str(folder / 'out')!r}"
    )
    client = NotebookClient(
        notebook,
        timeout=200,
        kernel_name="python3",
        resources={"metadata": {"path": str(FILE.parent)}},
    )
    env = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    client.execute(env=env)
    printed = "".join(texts(notebook))
    (scores,) = re.findall(r"mAP ([\d.]+) in float32, ([\d.]+) in int8", printed)
    assert f"mAP {scores[0]}" in printed and float(scores[0]) > 0.5 and float(scores[1]) > 0.5
    assert re.search(r"val0.png \['ba?", printed)
    pictures = [
        data["image/jpeg"]
        for each in notebook.cells
        for output in each.get("outputs", ())
        if "image/jpeg" in (data := output.get("data", {}))
    ]
    assert len(pictures) == 1
    assert len(list((folder / "out").glob("*-quantized-naive-*"))) == 2


def test_it_is_stored_with_what_it_printed_and_without_a_place_of_one_machine(notebook):
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    printed = "".join(texts(notebook))
    assert "in int8" in printed and "Traceback" not in printed
    text = FILE.read_text("utf-8")
    assert not re.search(r"/(home|root|work|tmp)/", text)
    assert len(text) < 400_000
