from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from tests.data.builders import voc_object, voc_xml, write_voc

SCRIPTS = Path(__file__).resolve().parent.parent / "scripts"
DOG = voc_object("dog", (1, 1, 9, 9))


def _main(name):
    spec = importlib.util.spec_from_file_location(name, SCRIPTS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.main


@pytest.fixture
def root(tmp_path):
    texts = {f"i{n}": voc_xml([DOG]) for n in range(8)}
    return write_voc(tmp_path / "set", texts, {"train": list(texts)[:6], "val": list(texts)[6:]})


@pytest.mark.parametrize(
    "name", ["check_dataset", "compare_runs", "convert_dataset", "prepare_shapes"]
)
def test_help_needs_the_standard_library_only(name):
    command = [sys.executable, "-S", str(SCRIPTS / f"{name}.py"), "--help"]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    assert f"python scripts/{name}.py" in run.stdout


def test_check_reports_both_usual_parts(root, capsys):
    assert _main("check_dataset")(["--dataset", "custom", "--dataset-root", str(root)]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "custom: 6 images, 6 labels, 0 images unusable, worst share 0.00%",
        "custom: 2 images, 2 labels, 0 images unusable, worst share 0.00%",
    ]


def test_check_fails_above_the_share_and_names_the_file(root, capsys):
    (root / "JPEGImages/i0.jpg").unlink()
    (root / "Annotations/i1.xml").write_text("<annotation>")
    arguments = ["--dataset", "custom", "--dataset-root", str(root), "--splits", "train"]
    assert _main("check_dataset")(arguments) == 2
    printed = capsys.readouterr()
    assert "missing image: 1 (image left out)" in printed.out
    error = printed.err.splitlines()[-1]
    assert error.startswith("error: 33.33% of the custom data is bad, allowed is 2.00%")
    assert "i1.xml" in error and "i0.jpg" in error
    assert _main("check_dataset")([*arguments, "--fast", "--max-bad-share", "0.5"]) == 0


def test_check_lists_every_find(root, capsys):
    for number in range(5):
        (root / f"JPEGImages/i{number}.jpg").write_bytes(b"")
    arguments = ["--dataset", "custom", "--dataset-root", str(root), "--splits", "train", "--list"]
    assert _main("check_dataset")(arguments) == 2
    printed = capsys.readouterr().out
    assert all(f"i{number}.jpg: cannot use the image" in printed for number in range(5))


def test_check_of_nothing_is_one_line(tmp_path, capsys):
    arguments = ["--dataset", "custom", "--dataset-root", str(tmp_path / "none")]
    assert _main("check_dataset")(arguments) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_shapes_are_drawn_once_and_pass_the_check(tmp_path, capsys):
    arguments = ["--output", str(tmp_path / "shapes"), "--num-train", "4", "--num-val", "2"]
    for _ in range(2):
        assert _main("prepare_shapes")([*arguments, "--image-size", "64"]) == 0
    assert capsys.readouterr().out == f"shapes data set in {tmp_path / 'shapes'}\n" * 2
    assert _main("check_dataset")(["--dataset", "shapes", "--dataset-root", str(tmp_path)]) == 0
    assert "shapes: 4 images" in capsys.readouterr().out
    assert _main("prepare_shapes")([*arguments, "--seed", "2"]) == 2
    assert "was drawn with other settings" in capsys.readouterr().err


def test_a_bad_option_is_one_line(capsys):
    assert _main("prepare_shapes")(["--num-train", "0"]) == 2
    assert capsys.readouterr().err == "error: --num-train must be at least 1; got 0\n"
