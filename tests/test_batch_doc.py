"""The programs of docs/batch.md, as they stand there."""

from __future__ import annotations

import os
import re
import subprocess

import pytest

from gluon_ssd.inference.tables.json_lines import write_json_lines
from gluon_ssd.inference.tables.parquet import write_parquet
from tests.entry_builders import ROOT, photos, python
from tests.inference.tables.builders import ROWS

TEXT = (ROOT / "docs/batch.md").read_text(encoding="utf-8")
PROGRAMS = re.findall(r"^```python\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE)


@pytest.mark.ray
def test_reading_a_table(tmp_path, monkeypatch):
    (reading,) = (program for program in PROGRAMS if "import ray" not in program)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "found").mkdir()
    found = []
    first, second = reading.split("parts =")
    write_parquet(tmp_path / "found/part-000000.parquet", ROWS)
    values: dict = {}
    exec(first, values)
    found.append(values["rows"])
    (tmp_path / "found/part-000000.parquet").unlink()
    write_json_lines(tmp_path / "found/part-000000.jsonl", ROWS)
    exec("parts =" + second, values)
    found.append(values["rows"])
    assert found[0] == found[1]
    assert [row["file"] for row in found[0]] == [row.file for row in ROWS]


@pytest.mark.ray
@pytest.mark.slow
def test_two_workers_of_ray_make_the_table_of_the_folder(prefix, tmp_path):
    (program,) = (program for program in PROGRAMS if "import ray" in program)
    (tmp_path / "detect_on_ray.py").write_text(program)
    images, table = tmp_path / "in", tmp_path / "found"
    photos(images, 40)
    (images / "bad.jpg").write_bytes(b"no image")
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("RAY_")},
        "PYTHONPATH": str(ROOT),
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_TMPDIR": "/tmp",  # sockets lie there, whose paths must be short
    }
    ended = subprocess.run(
        python(tmp_path / "detect_on_ray.py", prefix, images, table, 2),
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr[-3000:]
    assert ended.stdout.splitlines()[-1] == "41 images, 1 of which cannot be used"

    import pyarrow.parquet

    rows = {os.path.basename(r["file"]): r for r in pyarrow.parquet.read_table(table).to_pylist()}
    assert len(rows) == 41 and "cannot be decoded" in rows["bad.jpg"]["error"]
    command = python(
        ROOT / "scripts/predict_ssd.py", "--model-prefix", prefix, "--images", images,
        "--output", tmp_path / "own", "--format", "parquet", "--threads", 1,
    )  # fmt: skip
    assert subprocess.run(command, capture_output=True, check=False).returncode == 2
    for own in pyarrow.parquet.read_table(tmp_path / "own").to_pylist():
        ray = rows[own["file"]]
        assert ray["labels"] == own["labels"]
        assert ray["scores"] == pytest.approx(own["scores"], abs=1e-5)
