"""The sheet that scripts/check_dataset.py draws."""

from __future__ import annotations

import os

import pytest

from gluon_ssd.data.images import read_image
from tests.entry_builders import one_error, run_script, voc_set


@pytest.fixture
def root(tmp_path):
    return voc_set(tmp_path / "set", num_train=5, num_val=3)


def check(root, *argv):
    place = ("--dataset", "custom", "--dataset-root", root)
    return run_script("scripts/check_dataset.py", *place, *argv)


@pytest.mark.parametrize("suffix", ["png", "JPG", "jpeg"])
def test_a_sample_of_all_splits_is_drawn(root, tmp_path, suffix):
    file = tmp_path / f"new/sheet.{suffix}"
    ended = check(root, "--contact-sheet", file, "--sheet-images", 6)
    assert ended.code == 0
    assert f"contact sheet of 6 of 8 images in {file}" in ended.err
    assert read_image(file).shape[1] == 3 * 352 - 12 + 32


def test_the_same_seed_draws_the_same_images(root, tmp_path):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        check(
            root,
            "--contact-sheet",
            tmp_path / f"{name}.png",
            "--sheet-images",
            3,
            *("--sheet-seed", seed),
        )
    a, b, c = ((tmp_path / f"{name}.png").read_bytes() for name in "abc")
    assert a == b != c


def test_images_that_cannot_be_used_are_left_out(root, tmp_path):
    (root / "JPEGImages/train1.jpg").write_bytes(b"")
    file = tmp_path / "sheet.png"
    ended = check(root, "--contact-sheet", file, "--max-bad-share", 0.5)
    assert ended.code == 0
    assert f"contact sheet of 7 of 7 images in {file}" in ended.err
    for path in (root / "JPEGImages").iterdir():
        path.unlink()
    message = one_error(check(root, "--contact-sheet", file, "--max-bad-share", 1))
    assert "no image can be drawn" in message


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--contact-sheet", "sheet.gif"], "--contact-sheet must end in .png, .jpg, .jpeg; got"),
        (["--sheet-images", "5"], "--sheet-images has no effect without --contact-sheet"),
        (["--sheet-seed", "5"], "--sheet-seed has no effect without --contact-sheet"),
        (["--contact-sheet", "a.png", "--sheet-images", "0"], "--sheet-images must be at least 1"),
    ],
)
def test_wrong_options(root, tmp_path, monkeypatch, argv, message):
    monkeypatch.chdir(tmp_path)
    assert message in one_error(check(root, *argv))
    assert os.listdir(tmp_path) == ["set"]


def test_a_place_that_cannot_be_written_is_told_before_the_check(root):
    ended = check(root, "--contact-sheet", "/proc/none/sheet.png")
    assert "cannot write" in one_error(ended) and ended.out == ""
