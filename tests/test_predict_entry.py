"""scripts/predict_ssd.py on an exported network: a table, whatever ends the process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time

import pytest

from tests.entry_builders import ROOT, leftovers, one_error, photos, python, run_script
from tests.test_bad_places import FULL, small_disk

SCRIPT = "scripts/predict_ssd.py"


@pytest.fixture
def images(tmp_path):
    photos(tmp_path / "in", 6)
    return tmp_path / "in"


def rows_in(folder):
    parts = sorted(folder.glob("part-*.jsonl"))
    return [json.loads(line) for part in parts for line in part.read_text().splitlines()]


def test_a_table_of_a_folder(prefix, images, out):
    ended = run_script(
        SCRIPT, "--model-prefix", prefix, "--images", images, "--output", out, "--part-files", 4
    )
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.splitlines()[0].startswith("6 files: ")
    rows = rows_in(out)
    assert [row["file"] for row in rows] == [f"i{number}.jpg" for number in range(6)]
    assert {name for row in rows for name in row["names"]} <= {"cat", "dog"}
    assert any(row["labels"] for row in rows)
    assert sorted(os.listdir(out)) == ["_run.json", "part-000000.jsonl", "part-000001.jsonl"]


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=["killed", "asked"])
def test_a_run_that_was_ended_goes_on(prefix, tmp_path, out, number):
    photos(tmp_path / "in", 200)
    options = ("--model-prefix", prefix, "--images", tmp_path / "in", "--output", out)
    command = python(ROOT / SCRIPT, *options, "--part-files", 10, "--batch-size", 2)
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        while not list(out.glob("part-000001.*")):
            assert process.poll() is None
            time.sleep(0.01)
        process.send_signal(number)
        _, err = process.communicate()
    done = len(rows_in(out))
    assert process.returncode == (-9 if number == signal.SIGKILL else 143)
    assert 20 <= done < 200
    # The child, which computes, is left to end in good order when its parent is killed.
    assert f"with {done} of 200 images done; the same command goes on" in err.decode()
    ended = run_script(SCRIPT, *options)
    assert ended.code == 0 and ended.out.startswith("200 files: ")
    assert f"{done} of 200 images are done already" in ended.err
    files = [row["file"] for row in rows_in(out)]
    assert (len(files), len(set(files))) == (200, 200)
    assert leftovers(out) == []


def test_a_full_disk_keeps_whole_parts_and_the_run_goes_on(prefix, images, tmp_path):
    options = ("--model-prefix", prefix, "--images", images, "--part-files", 1, "--thresh", 0)
    with small_disk(tmp_path / "disk", "1m") as disk:
        filler = disk / "filler"
        filler.write_bytes(b"x" * ((1 << 20) - 4096 * 8))
        message = one_error(run_script(SCRIPT, *options, "--output", disk / "found"))
        done = len(rows_in(disk / "found"))
        assert message == (f"error: cannot write {disk}/found/part-{done:06d}.jsonl: {FULL}")
        assert 0 < done < 6
        assert leftovers(disk) == []
        filler.unlink()
        ended = run_script(SCRIPT, *options, "--output", disk / "found")
        assert ended.code == 0
        assert len(rows_in(disk / "found")) == 6


@pytest.mark.parametrize(
    ("model", "message"),
    [("none", "none-symbol.json"), ("none.onnx", "none.onnx"), ("none.xml", "none.xml")],
)
def test_a_missing_model_leaves_nothing(images, tmp_path, model, message):
    path, output = tmp_path / model, tmp_path / "found"
    ended = run_script(SCRIPT, "--model-prefix", path, "--images", images, "--output", output)
    assert message in one_error(ended)
    assert not output.exists()


def test_damaged_images_are_named_and_end_with_an_error(prefix, images, out):
    (images / "bad.jpg").write_bytes((images / "i0.jpg").read_bytes()[:2000])
    ended = run_script(SCRIPT, "--model-prefix", prefix, "--images", images, "--output", out)
    assert ended.code == 2 and "Traceback" not in ended.err
    named, last = ended.err.splitlines()
    assert "bad.jpg: the JPEG is cut off" in named
    assert last.startswith("error: 1 of 7 images cannot be used; ")
    assert len(rows_in(out)) == 7


def test_answers_of_an_endpoint_line_by_line(prefix, images, out):
    (images / "i3.jpg").write_bytes(b"")
    argv = ("--model-prefix", prefix, "--images", images, "--output", out)
    assert one_error(run_script(SCRIPT, *argv, "--format", "endpoint")).startswith("error: 1 of 6")
    rows = rows_in(out)
    assert [row["file"] for row in rows] == [f"i{number}.jpg" for number in range(6)]
    assert "cut off" in rows[3]["error"] or "empty" in rows[3]["error"]
    found = [row for answer in rows if "prediction" in answer for row in answer["prediction"]]
    assert found and all(0 < row[1] <= 1 for row in found)
    assert all(len(row) == 6 and 0 <= min(row[2:]) <= max(row[2:]) <= 1 for row in found)
    # The same command goes on: all have a line.
    again = run_script(SCRIPT, *argv, "--format", "endpoint")
    assert "1 that cannot be used" in again.out and len(rows_in(out)) == 6
    message = one_error(run_script(SCRIPT, *argv))
    assert "made with format endpoint, and this run has jsonl" in message
