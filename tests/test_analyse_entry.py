"""Reports from the command line: of a model at once, and of saved detections."""

from __future__ import annotations

import json

import pytest

from tests.entry_builders import evaluate, found_set, leftovers, one_error, run_script

PER_IMAGE = 8


@pytest.fixture(scope="module")
def data(tmp_path_factory, weights):
    """The truth is what the network finds, so that every score is known."""
    return found_set(tmp_path_factory.mktemp("data") / "set", weights, PER_IMAGE)


@pytest.fixture(scope="module")
def half(data, weights, tmp_path_factory):
    """A report of half of the detections, which are saved beside it, too."""
    folder = tmp_path_factory.mktemp("half")
    ended = evaluate(
        *(data, weights, "--post-nms", PER_IMAGE // 2, "--report", folder / "report"),
        *("--save-detections", folder / "half.json"),
    )
    assert ended.code == 0, ended.err
    return folder, ended


@pytest.fixture(scope="module")
def perfect(data, weights, tmp_path_factory):
    file = tmp_path_factory.mktemp("perfect") / "perfect.json"
    ended = evaluate(data, weights, "--post-nms", PER_IMAGE, "--save-detections", file)
    assert ended.code == 0, ended.err
    return file


def analyse(data, *argv):
    return run_script(
        "scripts/analyse_ssd.py", "--dataset", "custom", "--dataset-root", data, *argv
    )


def numbers(folder):
    return json.loads((folder / "report.json").read_text())


def test_an_evaluation_writes_a_report(half):
    folder, ended = half
    lines = ended.out.splitlines()
    assert lines[-1] == f"report: {folder / 'report' / 'index.html'}"
    found = numbers(folder / "report")
    assert lines[-2] == ", ".join(f"{m} {found[m]:.4f}" for m in ("AP50", "AP50-95", "VOC07"))
    # Half is found, all of it right.
    assert found["errors"]["missed"]["number"] == 20
    assert sum(each["number"] for each in found["errors"].values()) == 20
    page = (folder / "report" / "index.html").read_text()
    assert "<h1>ssd_300_mobilenet0.25_custom</h1>" in page and "5 images, 40 objects" in page
    assert "Of 5 images, each timed by itself." in page
    saved, own = (
        json.loads(path.read_text())
        for path in (folder / "half.json", folder / "report" / "detections.json")
    )
    assert saved == own
    assert leftovers(folder) == []


def test_saved_detections_give_the_same_report(half, data, tmp_path):
    folder, _ = half
    ended = analyse(
        *(data, "--detections", folder / "half.json", "--report", tmp_path / "r"),
        *("--title", "ssd_300_mobilenet0.25_custom"),
    )
    assert ended.code == 0, ended.err
    again, before = numbers(tmp_path / "r"), numbers(folder / "report")
    assert again.pop("data") == f"custom {data.name}" and before.pop("data")
    assert again == before


def test_two_detectors_are_compared_and_worse_images_named(half, perfect, data, tmp_path):
    folder, _ = half
    ended = analyse(
        *(data, "--detections", folder / "report", "--against", perfect, "--report", tmp_path / "r")
    )
    assert ended.code == 0, ended.err
    found = numbers(tmp_path / "r")
    assert found["against"]["VOC07"] == pytest.approx(1)
    assert sorted(found["worse_images"]) == [
        str(data / "JPEGImages" / f"i{n}.jpg") for n in range(5)
    ]
    change = found["VOC07"] - 1
    assert f"VOC07 {change:+.4f}\n" in ended.out
    assert "thresholds for both, 5 of 5 images got worse, 0 better, 0 are the same" in ended.out
    assert len(list((tmp_path / "r" / "images").iterdir())) == 10
    assert "against perfect: " in ended.out


def test_a_report_leaves_out_images_that_one_of_two_did_not_see(perfect, data, tmp_path):
    content = json.loads(perfect.read_text())
    for key in ("images", "detections"):
        content[key] = [row for row in content[key] if not row["image"].endswith("i2.jpg")]
    (tmp_path / "part.json").write_text(json.dumps(content))
    ended = analyse(
        *(data, "--detections", perfect, "--against", tmp_path / "part.json"),
        *("--report", tmp_path / "r"),
    )
    assert ended.code == 0, ended.err
    assert "1 of 5 images are left out of the report" in ended.err
    assert "0 of 4 images got worse, 0 better, 4 are the same" in ended.out


def test_a_folder_that_is_there_is_left_alone(half, data, weights, tmp_path):
    folder, _ = half
    before = (folder / "report" / "index.html").read_bytes()
    for ended in (
        evaluate(data, weights, "--report", folder / "report"),
        analyse(data, "--detections", folder / "half.json", "--report", folder / "report"),
    ):
        assert "it is there already; remove it or name another folder" in one_error(ended)
    assert (folder / "report" / "index.html").read_bytes() == before


@pytest.mark.parametrize(
    ("file", "message"),
    [("none.json", "cannot read"), ("text.json", "is not valid JSON"), ("list.json", "no file of")],
)
def test_files_that_cannot_be_used_are_named(data, tmp_path, file, message):
    (tmp_path / "text.json").write_text("{")
    (tmp_path / "list.json").write_text("[]")
    ended = analyse(data, "--detections", tmp_path / file, "--report", tmp_path / "r")
    error = one_error(ended)
    assert message in error and file in error
    assert not (tmp_path / "r").exists()
