"""The slowest images, by a clock that stands still but for what the detector does."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from gluon_ssd.data.dataset import Selection
from gluon_ssd.data.sources.catalog import open_dataset
from gluon_ssd.detection.input_format import InputFormat
from gluon_ssd.inference import slow_images
from tests.data.builders import voc_xml, write_image, write_voc

COUNT = 30


class Clock:
    """Takes as many milliseconds for an image as it is bright."""

    input_format = InputFormat((8, 8), (0, 0, 0), (1, 1, 1))

    def __init__(self) -> None:
        self.now = 0.0
        self.calls = 0

    def perf_counter(self) -> float:
        return self.now

    def run(self, images):
        assert images.shape == (1, 3, 8, 8)
        self.calls += 1
        self.now += float(images.mean()) * 255 / 1000
        return (np.zeros((1, 1, 1)),) * 3


@pytest.fixture
def dataset(tmp_path):
    """Images that are ever brighter; the third one is damaged."""
    stems = [f"i{n:02d}" for n in range(COUNT)]
    write_voc(tmp_path, {stem: voc_xml() for stem in stems}, {"val": stems})
    for number, stem in enumerate(stems):
        file = tmp_path / "JPEGImages" / f"{stem}.jpg"
        write_image(file, (20, 20), seed=number)
        import cv2

        cv2.imwrite(str(file), np.full((20, 20, 3), 8 * number, np.uint8))
    (tmp_path / "JPEGImages" / "i02.jpg").write_bytes(b"no picture")
    return open_dataset("custom", Selection(tmp_path, train=False, classes=("cat", "dog")))


def test_the_slowest_come_first_and_the_first_run_counts_for_none(dataset, monkeypatch):
    clock = Clock()
    monkeypatch.setattr(slow_images, "time", SimpleNamespace(perf_counter=clock.perf_counter))
    found, timed = slow_images.slowest_images(clock, dataset, 10**6)
    assert timed == COUNT - 1 and clock.calls == COUNT
    assert [each.image for each in found] == list(range(COUNT - 1, COUNT - 21, -1))
    assert found[0].run_ms == pytest.approx(8 * (COUNT - 1), abs=1.5)
    assert all(each.read_ms == 0 for each in found)
