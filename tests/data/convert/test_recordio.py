"""Data sets as RecordIO: what MXNet's and GluonCV's readers find in them."""

from __future__ import annotations

import struct

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from gluon_ssd.data.convert.job import Job
from gluon_ssd.data.convert.recordio import shares, write_recordio
from tests.data.builders import write_image
from tests.data.convert.builders import CLASSES, annotation, assert_same, opened, part, read

MAGIC = struct.pack("<I", 0xCED7230A)
BOXES = [(0, 0, 10, 20), (33.25, 7, 79, 59)]


def write(folder, annotations):
    source = part(folder / "in", annotations)
    (folder / "out").mkdir()
    job = Job(folder / "out", source.classes)
    write_recordio(job, [source])
    return source, folder / "out"


def test_files_hold_boxes_flags_and_bytes(tmp_path):
    from gluon_ssd.compat import mx

    source, out = write(
        tmp_path, {"a.jpg": annotation(BOXES, [2, 0], difficult=[1]), "b.png": annotation()}
    )
    assert sorted(path.name for path in out.iterdir()) == [
        *("classes.txt", "train.idx", "train.lst", "train.rec")
    ]
    reader = mx.recordio.MXIndexedRecordIO(str(out / "train.idx"), str(out / "train.rec"), "r")
    assert reader.keys == [0, 1]
    header, image = mx.recordio.unpack(reader.read_idx(0))
    assert image == read(source.dataset, 0)
    expected = [4, 6, 80, 60, 2, 0, 0, 0.125, 1 / 3, 0, 0, 33.25 / 80, 7 / 60, 79 / 80, 59 / 60, 1]
    np.testing.assert_allclose(header.label, expected, rtol=1e-6)
    header, image = mx.recordio.unpack(reader.read_idx(1))
    assert header.label.tolist() == [4, 6, 80, 60] and image == read(source.dataset, 1)
    reader.close()
    lines = (out / "train.lst").read_text("utf-8").splitlines()
    assert lines[1] == "1\t4\t6\t80\t60\tb.png"
    fields = lines[0].split("\t")
    assert (fields[0], fields[-1]) == ("0", "a.jpg")
    np.testing.assert_array_equal(np.array(fields[1:-1], np.float32), np.float32(expected))
    assert tuple((out / "classes.txt").read_text("utf-8").splitlines()) == CLASSES


def test_gluoncv_finds_the_same_boxes(tmp_path):
    from gluon_ssd.compat import mx  # noqa: F401  (GluonCV needs the NumPy aliases it sets)
    from gluoncv.data import RecordFileDetection  # isort: skip

    source, out = write(
        tmp_path, {"a.jpg": annotation(BOXES, [2, 0], difficult=[1]), "b.jpg": annotation(BOXES)}
    )
    dataset = RecordFileDetection(str(out / "train.rec"), coord_normalized=True)
    assert len(dataset) == 2
    for index in range(2):
        image, label = dataset[index]
        assert image.shape == (60, 80, 3)
        own = source.dataset.annotation(index)
        np.testing.assert_allclose(label[:, :4], own.boxes_px, atol=1e-4)
        np.testing.assert_array_equal(label[:, 4], own.labels)
        np.testing.assert_array_equal(label[:, 5], own.difficult)


@settings(max_examples=100, deadline=None)
@given(
    size=st.tuples(st.integers(1, 8000), st.integers(1, 8000)),
    draws=st.lists(st.tuples(*[st.floats(0, 1, width=32)] * 4), min_size=1, max_size=8),
)
def test_corners_are_as_near_as_float32_allows_and_stay_from_then_on(size, draws):
    height, width = size
    scale = np.array([width, height, width, height], np.float64)

    def multiplied(found):
        return (found.astype(np.float64) * scale).astype(np.float32)

    corners = (np.array(draws) * scale).astype(np.float32)
    first = multiplied(shares(corners, size))
    assert np.abs(first - corners).max() <= 2.0**-24 * max(size)
    np.testing.assert_array_equal(multiplied(shares(first, size)), first)


def test_an_image_that_holds_the_magic_number_comes_back(tmp_path):
    """It stands in a comment of the JPEG, once at each distance from a multiple of four."""
    path = write_image(tmp_path / "in/a.jpg")
    image = path.read_bytes()
    comment = b"".join(MAGIC + b"\0" for _ in range(4)) + MAGIC * 2
    segment = b"\xff\xfe" + struct.pack(">H", len(comment) + 2) + comment
    path.write_bytes(image[:2] + segment + image[2:])
    source, out = write(tmp_path, {"a.jpg": annotation(BOXES)})
    written = opened(out)
    assert_same(written, source.dataset, within_px=1e-5)
    assert len(written.image_source(0).parts) > 1
