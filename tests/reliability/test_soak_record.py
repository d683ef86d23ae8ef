"""Samples of a soak, their verdicts and their picture."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import cv2
import pytest

from scripts.reliability.samples import Usage, content_of, shared_memory_of, usage_of
from scripts.reliability.soak_picture import draw
from scripts.reliability.soak_record import Sample, opened, verdicts


def samples(leak_mb=0.0, training_leak=0, files=0):
    """Two hundred samples, with a training of two long lives and a short one."""
    lives = [11] * 90 + [None] * 5 + [12] * 10 + [13] * 95
    return [
        Sample(
            10.0 * number,
            Usage(7, 500 + leak_mb * number, 500, 9, 6, 0),
            life and Usage(life, 300, 400, 7, 13 + training_leak * number, 2),
            number * 20,
            files * number,
            0.0,
            0,
            0.0,
        )
        for number, life in enumerate(lives)
    ]


def growing(found):
    return [verdict.name for verdict in found if verdict.is_flat is False]


def test_each_long_life_of_the_training_is_judged():
    found = verdicts(samples())
    names = [verdict.name for verdict in found]
    assert "training, life 1: memory, MB" in names and "training, life 3: threads" in names
    assert not [name for name in names if "life 2" in name]
    assert all(verdict.is_flat for verdict in found)


@pytest.mark.parametrize(
    ("leak", "expected"),
    [
        ({"leak_mb": 0.5}, ["detecting: memory, MB"]),
        (
            {"training_leak": 1},
            ["training, life 1: descriptors", "training, life 3: descriptors"],
        ),
        ({"files": 1}, ["temporary files"]),
    ],
    ids=["memory", "descriptors", "files"],
)
def test_what_grows_is_named(leak, expected):
    assert growing(verdicts(samples(**leak))) == expected


def test_what_was_opened_later_is_named():
    def sample(number, *names):
        return Sample(number, None, Usage(3, 1, 1, 1, 1, 0, names), 0, 0, 0.0, 0, 0.0)

    life = [sample(n, "/a", "socket") for n in range(6)]
    assert opened(life) == []
    life += [sample(6, "/a", "/a", "/b", "socket")]
    assert opened(life) == ["training, life 1: opened later: /a, /b"]


def test_curves_are_drawn_with_gaps(tmp_path):
    draw(samples(), tmp_path / "s.png")
    picture = cv2.imread(str(tmp_path / "s.png"))
    assert picture.shape == (800, 1200, 3) and picture.std() > 10


def test_usage_is_of_a_process_and_its_children():
    usage = usage_of(os.getpid())
    assert usage.threads >= 1 and usage.descriptors > 2
    assert "/dev/null" in usage.open or any(name.startswith("pipe") for name in usage.open)
    assert usage.family_mb >= usage.memory_mb > 10
    assert usage_of(2**22 + 1) is None


def test_files_below_a_folder_are_counted(tmp_path: Path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a/b").write_bytes(b"123")
    (tmp_path / "c").write_bytes(b"12")
    assert content_of(tmp_path) == (["a/b", "c"], 5)


@pytest.mark.skipif(not os.access("/dev/shm", os.W_OK), reason="no shared memory to write to")
def test_shared_memory_counts_for_the_process_that_holds_it():
    with tempfile.NamedTemporaryFile(dir="/dev/shm") as file:
        file.write(b"1234")
        file.flush()
        assert shared_memory_of([os.getpid()])[file.name] == 4
        assert file.name not in shared_memory_of([2**22 + 1])
    assert file.name not in shared_memory_of([os.getpid()])
