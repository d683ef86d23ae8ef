from __future__ import annotations

import shutil

import pytest

from gluon_ssd.data.check import Report, check_dataset
from gluon_ssd.data.dataset import Selection
from gluon_ssd.data.problems import Problem
from gluon_ssd.data.sources.catalog import open_dataset
from gluon_ssd.data.sources.voc import VocDataset
from gluon_ssd.errors import DataError
from tests.data import odd_pictures as odd
from tests.data.builders import voc_object, voc_xml, write_image, write_voc

DOG = voc_object("dog", (11, 6, 50, 45))


def _open(root, **keywords):
    return VocDataset(root, splits=(("", "train"),), classes=("dog", "cat"), **keywords)


@pytest.fixture
def root(tmp_path):
    """Ten good images, 12 labels."""
    texts = {f"i{n}": voc_xml([DOG]) for n in range(10)}
    texts["i9"] = voc_xml([voc_object("dog", (n, 1, 30, 30)) for n in (1, 2, 3)])
    return write_voc(tmp_path / "VOC2007", texts)


def _reasons(report):
    return {reason: count for reason, count in report.counts.items()}


@pytest.mark.parametrize("read_images", [False, True])
def test_a_good_set_has_no_problems(root, read_images):
    report = check_dataset(_open(root), read_images=read_images)
    assert (report.num_images, report.num_labels, report.problems) == (10, 12, ())
    assert (report.share_bad, report.unusable) == (0.0, ())
    assert report.lines() == ["voc: 10 images, 12 labels, 0 images unusable, worst share 0.00%"]
    report.stop_above(0.0)


@pytest.mark.parametrize("read_images", [False, True])
def test_image_problems_make_images_unusable(root, read_images):
    images = root / "JPEGImages"
    (images / "i1.jpg").unlink()
    (images / "i3.jpg").write_bytes((images / "i3.jpg").read_bytes()[:-30])
    write_image(images / "i5.jpg", (80, 60))
    dataset = _open(root)
    report = check_dataset(dataset, read_images=read_images)
    assert _reasons(report) == {
        "missing image": 1,
        "unreadable image": 1,
        "image size mismatch": 1,
    }
    assert report.unusable == (1, 3, 5)
    assert report.share_bad == pytest.approx(0.3)
    assert [p.file for p in report.problems] == [str(images / f"i{n}.jpg") for n in (1, 3, 5)]
    assert report.problems[2].detail == "annotated as 80x60, the image has 60x80 pixels"
    assert check_dataset(dataset.without(report.unusable)).unusable == ()


def test_decoding_finds_what_headers_hide(root):
    file = root / "JPEGImages/i2.jpg"
    data = file.read_bytes()
    tables = data.index(b"\xff\xc4")
    file.write_bytes(data[: tables + 5] + b"\xff" * 12 + data[tables + 17 :])
    dataset = _open(root)
    assert check_dataset(dataset).problems == ()
    report = check_dataset(dataset, read_images=True)
    assert (_reasons(report), report.unusable) == ({"unreadable image": 1}, (2,))


def test_equal_contents_are_found_by_reading(root):
    shutil.copy(root / "JPEGImages/i0.jpg", root / "JPEGImages/i4.jpg")
    dataset = _open(root)
    assert check_dataset(dataset).problems == ()
    report = check_dataset(dataset, read_images=True)
    assert [(p.reason, p.file, p.detail) for p in report.problems] == [
        (
            "same picture again",
            str(root / "JPEGImages/i4.jpg"),
            f"same as {root / 'JPEGImages/i0.jpg'}",
        )
    ]
    assert report.unusable == ()


def test_label_problems_are_counted_by_label(root):
    text = voc_xml(
        [
            DOG,
            voc_object("Dog", (1, 1, 5, 5)),
            voc_object("horse", (1, 1, 9, 9)),
            voc_object("cat", (9, 9, 9, 9)),
            voc_object("cat", (70, 1, 99, 9)),
            DOG,
            voc_object("cat", (0, 1, 9, 9)),
        ]
    )
    (root / "Annotations/i0.xml").write_text(text)
    report = check_dataset(_open(root))
    assert _reasons(report) == {
        "letter case": 1,
        "unknown class": 1,
        "degenerate box": 1,
        "box partly outside the image": 1,
        "duplicate box": 1,
        "box over the edge by a pixel": 1,
    }
    # 18 labels in the files, the two dropped ones included; letter case and a pixel do not count.
    assert report.num_labels == 18
    assert report.share_bad == pytest.approx(4 / 18)


def test_a_label_with_two_problems_is_one_bad_label(root):
    twice = voc_object("cat", (70, 1, 99, 9))
    (root / "Annotations/i0.xml").write_text(voc_xml([twice, twice]))
    report = check_dataset(_open(root))
    assert _reasons(report) == {"box partly outside the image": 2, "duplicate box": 1}
    assert report.share_bad == pytest.approx(2 / 13)


def test_broken_annotations_count_when_tolerated(root):
    (root / "Annotations/i0.xml").write_text("<annotation")
    (root / "Annotations/i1.xml").unlink()
    report = check_dataset(_open(root, tolerant=True))
    assert _reasons(report) == {"broken annotation": 2}
    assert report.share_bad == pytest.approx(0.2)


@pytest.mark.parametrize("id_", ["gone", "go\u2028ne"])
def test_an_image_without_file_and_annotation_is_one_bad_image(root, id_):
    (root / "ImageSets/Main/train.txt").write_text(f"i0\n{id_}\n")
    report = check_dataset(_open(root, tolerant=True))
    assert _reasons(report) == {"broken annotation": 1, "missing image": 1}
    assert report.share_bad == 0.5
    (root / "ImageSets/Main/train.txt").write_text(f"{id_}\n" + "i0\n" * 3)
    assert check_dataset(_open(root, tolerant=True)).share_bad == 1


def test_an_image_listed_twice_counts(root):
    (root / "ImageSets/Main/train.txt").write_text("i0\ni1\ni0\n")
    report = check_dataset(_open(root))
    assert (_reasons(report), report.num_images) == ({"duplicate image": 1}, 2)


def test_lines_name_three_files_or_everything(root):
    for number in range(5):
        (root / f"JPEGImages/i{number}.jpg").unlink()
    report = check_dataset(_open(root))
    first, second = report.lines()
    assert first == "voc: 10 images, 12 labels, 5 images unusable, worst share 50.00%"
    named = ", ".join(str(root / f"JPEGImages/i{number}.jpg") for number in range(3))
    assert second == f"  missing image: 5 (image left out): {named}, ..."
    everything = report.lines(examples=None)
    assert len(everything) == 7
    assert everything[6].startswith(f"    {root}/JPEGImages/i4.jpg: cannot read the image")


def test_training_stops_above_the_share():
    problems = [
        *[Problem("unknown class", f"u{n}.xml", "object 1: 'x'") for n in range(3)],
        *[Problem("degenerate box", f"d{n}.xml", "object 1: 'x'") for n in range(2)],
        *[Problem("letter case", f"c{n}.xml", "object 1: 'X'") for n in range(9)],
    ]
    report = Report("custom", 20, 50, tuple(problems), ())
    report.stop_above(0.1)
    expected = (
        r"10\.00% of the custom data is bad, allowed is 9\.00%: "
        r"unknown class 3x, first in u0\.xml; degenerate box 2x, first in d0\.xml; "
        r"see all with python scripts/check_dataset\.py --list"
    )
    with pytest.raises(DataError, match=expected):
        report.stop_above(0.09)


def test_the_error_of_a_broken_annotation_says_why():
    found = (Problem("broken annotation", "a.xml", "it is cut off\nhere"),)
    with pytest.raises(DataError, match=r"broken annotation 1x, first in a\.xml \(it is cut off"):
        Report("custom", 2, 2, found, ()).stop_above(0.1)


def test_empty_images_alone_are_fine(tmp_path):
    write_voc(tmp_path, {"a": voc_xml(), "b": voc_xml()})
    report = check_dataset(_open(tmp_path))
    assert (report.num_labels, report.share_bad) == (0, 0.0)


def test_progress_sees_every_image(root):
    seen = []

    def watch(looks):
        for look in looks:
            seen.append(look)
            yield look

    check_dataset(_open(root), progress=watch)
    assert len(seen) == 10


@pytest.mark.parametrize("read_images", [False, True])
def test_real_cells_have_two_degenerate_boxes(shared_dir, read_images):
    dataset = open_dataset(
        "custom", Selection(shared_dir / "data/bccd", train=True, splits="trainval")
    )
    report = check_dataset(dataset, read_images=read_images)
    assert _reasons(report) == {"degenerate box": 2}
    assert (report.num_images, report.num_labels) == (292, 3943)
    assert sorted(p.file[-9:] for p in report.problems) == ["00338.xml", "00343.xml"]
    report.stop_above(0.02)


def test_the_header_tells_of_too_many_pixels(root):
    (root / "JPEGImages" / "i2.jpg").write_bytes(odd.jpeg_of(65_500, 65_500))
    for report in (check_dataset(_open(root)), check_dataset(_open(root), max_pixels=10**8)):
        assert (_reasons(report), report.unusable) == ({"unreadable image": 1}, (2,))
        assert "it has 65500 x 65500 pixels, allowed are" in report.problems[0].detail
    assert len(check_dataset(_open(root), max_pixels=99).unusable) == 10


def test_damaged_and_dark_images_are_counted_and_kept(root):
    images = root / "JPEGImages"
    (images / "i1.jpg").write_bytes(odd.damaged_jpeg(size_hw=(60, 80)))
    (images / "i2.jpg").write_bytes(odd.dark_png())
    assert check_dataset(_open(root)).problems == ()  # neither shows without decoding
    report = check_dataset(_open(root), read_images=True)
    assert _reasons(report) == {"damaged image": 1, "dark 16-bit image": 1}
    assert [problem.file for problem in report.problems] == [
        str(images / f"i{n}.jpg") for n in (1, 2)
    ]
    assert (report.unusable, report.share_bad) == ((), 0.1)
