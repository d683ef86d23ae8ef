"""Pictures that would cost too much: an image bomb, and an address that never answers."""

from __future__ import annotations

import json
import time

import pytest

from gluon_ssd import Limits, load
from gluon_ssd.data.images import read_image
from gluon_ssd.errors import DataError, OptionError
from tests.data import odd_pictures as odd
from tests.entry_builders import demo, evaluate, one_error, photos, run_script, train
from tests.hosts import serving
from tests.inference.test_pictures import png_of

BOMB = png_of(50_000, 50_000)  # less than 2 KB, and 7.5 GB of pixels
TOO_LARGE = "it has 50000 x 50000 pixels, allowed are 300000000"


@pytest.fixture
def bomb(tmp_path):
    photos(tmp_path / "in", 2)
    (tmp_path / "in" / "bomb.png").write_bytes(BOMB)
    return tmp_path / "in" / "bomb.png"


def test_an_image_bomb_from_python(prefix, bomb):
    detector = load(prefix)
    for given in (bomb, BOMB, [bomb]):
        with pytest.raises(DataError, match=TOO_LARGE):
            detector.predict(given)
    told = []
    found = detector.predict(bomb.parent, on_bad=lambda name, error: told.append((name, error)))
    assert len(found) == 2
    ((name, error),) = told
    assert name == str(bomb) and TOO_LARGE in str(error) and "\n" not in str(error)


def test_an_image_bomb_from_the_command_line(prefix, bomb, out):
    ended = demo(bomb.parent, out / "demo", "--model-prefix", prefix)
    assert one_error(ended).startswith("error: 1 of 3 sources could not be used")
    assert f"{bomb}: {TOO_LARGE}" in ended.err
    assert sorted(path.name for path in (out / "demo").glob("*.jpg")) == ["i0.jpg", "i1.jpg"]
    options = ("--model-prefix", prefix, "--images", bomb.parent, "--output", out / "table")
    ended = run_script("scripts/predict_ssd.py", *options)
    assert one_error(ended).startswith("error: 1 of 3 images cannot be used")
    lines = (out / "table" / "part-000000.jsonl").read_text().splitlines()
    errors = {row["file"]: row["error"] for row in map(json.loads, lines)}
    assert [name for name, error in errors.items() if error] == ["bomb.png"]
    assert TOO_LARGE in errors["bomb.png"]


def test_an_image_bomb_in_a_data_set(data, weights, out):
    image = next(data.glob("JPEGImages/val0.*"))
    image.write_bytes(BOMB)
    assert TOO_LARGE in one_error(evaluate(data, weights))
    assert "unreadable image 1x" in one_error(train(out, data, "--limit-steps", 3))


def test_an_address_that_never_answers(prefix, tmp_path):
    (photo,) = photos(tmp_path / "in", 1)
    detector, limits = load(prefix), Limits(max_seconds=0.5)
    with serving() as host:
        host.files["/a.jpg"], host.always["/a.jpg"] = photo.read_bytes(), ("stall", 10)
        start = time.monotonic()
        message = "cannot fetch http://.*/a.jpg: it did not arrive within 0.5 seconds"
        with pytest.raises(DataError, match=message):
            detector.predict(f"{host.url}/a.jpg", limits=limits)
        assert time.monotonic() - start < 10
        told = []
        found = detector.predict(
            [f"{host.url}/a.jpg", photo],
            limits=limits,
            on_bad=lambda name, error: told.append((name, str(error))),
        )
    assert len(found) == 1 and found[0].source == str(photo)
    assert told[0][0] == f"{host.url}/a.jpg" and len(told) == 1


def test_the_table_takes_files_alone(prefix, tmp_path):
    options = ("--model-prefix", prefix, "--images", "http://127.0.0.1:9/a.jpg")
    ended = run_script("scripts/predict_ssd.py", *options, "--output", tmp_path / "out")
    message = one_error(ended)
    assert "there is no f" in message and "http:" in message
    assert not (tmp_path / "out").exists()


def test_the_limit_is_an_option(prefix, data, weights, tmp_path, out):
    photos(tmp_path / "in", 1)
    few = ("--max-pixels", 99)
    message = "pixels, allowed are 99"
    assert message in demo(tmp_path / "in", out / "demo", "--model-prefix", prefix, *few).err
    assert message in one_error(evaluate(data, weights, *few))
    assert "unreadable image" in one_error(train(out, data, "--limit-steps", 1, *few))
    options = ("--dataset", "custom", "--dataset-root", data, "--fast", *few)
    assert "unreadable image" in run_script("scripts/check_dataset.py", *options).out


@pytest.fixture
def broken(data):
    """A data set whose last validation image is damaged between its sound header and end."""
    image = sorted(data.glob("JPEGImages/val*"))[-1]
    content = bytearray(odd.encoded(".png", read_image(image)))
    content[len(content) // 2] ^= 1
    image.write_bytes(content)  # what a file holds counts, not its ending
    return image


def test_a_broken_validation_image_costs_no_epoch(broken, data, out):
    count = len(list(data.glob("JPEGImages/val*")))
    ended = train(out, data, "--limit-steps", 2, "--on-bad-image", "skip")
    assert ended.code == 0
    assert f"skipped: cannot use the image {broken}: the PNG is damaged" in ended.err
    assert f"1 of {count} images could not be used and are left out of the score" in ended.err
    assert "validation set: 1 unusable images were skipped" in ended.err


def test_a_broken_image_is_left_out_of_an_evaluation_or_an_error(broken, data, weights, prefix):
    assert f"cannot use the image {broken}" in one_error(evaluate(data, weights))
    assert f"cannot use the image {broken}" in one_error(
        evaluate(data, weights, "--on-bad-image", "error")
    )
    ended = evaluate(data, weights, "--on-bad-image", "skip")
    assert ended.code == 0
    assert "images could not be used and are left out of the score" in ended.err
    detector = load(prefix)
    with pytest.raises(DataError, match="the PNG is damaged"):
        detector.evaluate("custom", root=data)
    assert detector.evaluate("custom", root=data, on_bad_image="skip").score is not None
    with pytest.raises(OptionError, match="on_bad_image must be 'error' or 'skip'; got 'no'"):
        detector.evaluate("custom", root=data, on_bad_image="no")


def test_damage_that_libjpeg_warns_of_is_counted_with_its_name(data, weights, out):
    for image in sorted(data.glob("JPEGImages/*0.*")):
        size_hw = read_image(image).shape[:2]
        image.write_bytes(odd.damaged_jpeg(size_hw=size_hw))
    told = rf"the image {data}/JPEGImages/val0.jpg is damaged (Corrupt JPEG data"
    checked = run_script("scripts/check_dataset.py", "--dataset", "custom", "--dataset-root", data)
    assert "damaged image: 1 (kept, unless bad images are skipped)" in checked.out
    ended = train(out, data, "--limit-steps", 2, "--max-bad-share", 1)
    assert ended.code == 0
    assert told in ended.err and "validation set: damaged image: 1, used all the same" in ended.err
    assert told in evaluate(data, weights).err
    assert told in one_error(evaluate(data, weights, "--on-bad-image", "error"))
