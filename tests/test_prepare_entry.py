"""The scripts that fetch published data sets, against a host on the loopback."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gluon_ssd.data.dataset import Selection
from gluon_ssd.data.prepare.published import OPENIMAGES_FILES, VOC_ARCHIVES
from gluon_ssd.data.sources.catalog import open_dataset
from tests.data.prepare.builders import (
    OTHER_LABEL,
    box_row,
    jpeg,
    publish_coco,
    publish_openimages,
    publish_voc,
)
from tests.entry_builders import ROOT, one_error, run_script
from tests.hosts import serving
from tests.test_bad_places import small_disk

SCRIPTS = ("prepare_voc", "prepare_coco", "prepare_openimages")
NETWORK = ("--network", "tiny", "--data-shape", "160", "--num-workers", "0")
TEST_2007 = "/" + VOC_ARCHIVES["2007_test"][0].path
IMAGES = {f"{number:016x}": jpeg((40 + number, 80), seed=number) for number in range(1, 6)}


@pytest.fixture
def host():
    with serving() as made:
        yield made


@pytest.fixture
def voc(host, monkeypatch):
    publish_voc(host, monkeypatch)
    return host


def run(name, host, root, *options):
    options = ("--dataset-root", root, "--mirror", host.url, "--timeout", "5", *options)
    return run_script(f"scripts/{name}.py", *options)


def files_below(folder: Path) -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def opened(kind, root, train):
    return open_dataset(kind, Selection(root, train=train))


@pytest.mark.parametrize("name", SCRIPTS)
def test_help_needs_the_standard_library_only(name):
    command = [sys.executable, "-S", str(ROOT / f"scripts/{name}.py"), "--help"]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert f"python scripts/{name}.py" in shown and "--mirror" in shown


@pytest.mark.parametrize("name", SCRIPTS)
def test_unpublished_split_is_one_line(name, tmp_path, host):
    message = one_error(run(name, host, tmp_path, "--splits", "2029_test"))
    assert message.startswith("error: there is no split '2029_test' to fetch; there are ")
    assert message.endswith("(--splits)")


# --- archives -------------------------------------------------------------------------------------


def test_voc_is_what_training_reads_by_default(tmp_path, voc):
    ended = run("prepare_voc", voc, tmp_path)
    assert ended.code == 0, ended.err
    assert ended.out.splitlines() == [
        "2007_trainval: 2 images, none missing",
        "2012_trainval: 2 images, none missing",
        "2007_test: 2 images, none missing",
    ]
    assert [len(opened("voc", tmp_path, train)) for train in (True, False)] == [4, 2]
    assert (tmp_path / "voc/VOC2007/JPEGImages/01.jpg").is_file()
    assert not (tmp_path / "voc/archives").exists()
    voc.asked.clear()
    assert run("prepare_voc", voc, tmp_path).out == ended.out
    assert voc.asked == []


def test_coco_is_what_training_reads_by_default(tmp_path, host, monkeypatch):
    publish_coco(host, monkeypatch)
    ended = run("prepare_coco", host, tmp_path, "--keep-archives")
    assert ended.code == 0, ended.err
    assert ended.out.splitlines()[0] == "train2017: 2 images, none missing"
    assert [len(opened("coco", tmp_path, train)) for train in (True, False)] == [1, 2]
    found = files_below(tmp_path / "coco")
    assert "archives/annotations_trainval2017.zip" in found
    assert "annotations/captions_val2017.json" not in found
    assert len(host.asked) == 3  # both splits share the annotations


def test_data_elsewhere_below_the_root_is_found(tmp_path, voc):
    assert run("prepare_voc", voc, tmp_path, "--splits", "2007_test").code == 0
    (tmp_path / "VOCdevkit").mkdir()
    (tmp_path / "voc/VOC2007").rename(tmp_path / "VOCdevkit/VOC2007")
    voc.asked.clear()
    assert run("prepare_voc", voc, tmp_path, "--splits", "2007_test").code == 0
    assert voc.asked == []


def test_what_was_removed_comes_again(tmp_path, voc):
    run("prepare_voc", voc, tmp_path)
    (tmp_path / "voc/VOC2007/Annotations/03.xml").unlink()
    voc.asked.clear()
    assert run("prepare_voc", voc, tmp_path).code == 0
    assert [path for path, _ in voc.asked] == [TEST_2007]
    assert (tmp_path / "voc/VOC2007/Annotations/03.xml").is_file()


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (("status", 404), "HTTP 404 Not Found"),
        (("status", 403), "HTTP 403 Forbidden"),
        (("to", TEST_2007), "it redirects in a circle"),
        (("cut", 700), "the connection broke off"),
        (("body", b"<html>"), "the file it sends has another hash"),
    ],
    ids=["404", "403", "circle", "cut", "sum"],
)
def test_archive_that_does_not_come_is_told_and_the_others_stay(tmp_path, voc, fault, reason):
    voc.always[TEST_2007] = fault
    ended = run("prepare_voc", voc, tmp_path, "--attempts", "1")
    assert ended.code == 2 and ended.out == ""
    lines = ended.err.splitlines()
    assert f"missing: {voc.url}{TEST_2007} ({reason}" in ended.err
    assert lines[-1].startswith(f"error: 1 file is missing in {tmp_path}/voc: {voc.url}{TEST_2007}")
    assert reason in lines[-1] and lines[-1].endswith("another mirror (--mirror)")
    assert len(opened("voc", tmp_path, True)) == 4
    del voc.always[TEST_2007]
    assert run("prepare_voc", voc, tmp_path).code == 0


def test_archive_put_there_by_hand_is_used_if_its_sum_is_right(tmp_path, voc):
    place = tmp_path / "voc/archives" / VOC_ARCHIVES["2007_test"][0].name
    place.parent.mkdir(parents=True)
    for content, asked in ((voc.files[TEST_2007], 0), (b"damaged", 1)):
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(content)
        voc.asked.clear()
        ended = run("prepare_voc", voc, tmp_path, "--splits", "2007_test")
        assert (ended.code, len(voc.asked)) == (0, asked), ended.err
        (tmp_path / "voc/VOC2007/JPEGImages/03.jpg").unlink()
    assert "has another sum than the published one and is fetched anew" in ended.err


def test_hostile_archive_is_refused_and_writes_nothing(tmp_path, host, monkeypatch):
    publish_voc(host, monkeypatch, extra={"VOCdevkit/../../../evil": b"x"})
    ended = run("prepare_voc", host, tmp_path / "a/b", "--splits", "2007_test")
    assert ended.code == 2
    assert "'VOCdevkit/../../../evil' leads out of the folder" in ended.err.splitlines()[-1]
    assert files_below(tmp_path) == [f"a/b/voc/archives/{TEST_2007.rpartition('/')[2]}"]


def test_disk_too_small_for_an_archive(tmp_path, voc):
    with small_disk(tmp_path / "disk", "8k") as disk:
        message = one_error(run("prepare_voc", voc, disk, "--splits", "2007_test"))
        assert message.startswith("error: cannot fetch VOCtest_06-Nov-2007.tar: 0.00 GB are to c")
        assert files_below(disk) == []


def test_disk_too_small_for_an_archive_of_unknown_length(tmp_path, voc):
    voc.says_length = False
    with small_disk(tmp_path / "disk", "8k") as disk:
        message = one_error(run("prepare_voc", voc, disk, "--splits", "2007_test"))
        assert message.startswith(f"error: cannot write {disk}/voc/archives/")
        assert "the disk is full" in message


def test_interrupted_download_goes_on(tmp_path, voc):
    big = os.urandom(3_000_000)
    voc.files[TEST_2007] = big
    voc.always[TEST_2007] = ("stall", 2_000_000)
    command = [sys.executable, "scripts/prepare_voc.py", "--splits", "2007_test"]
    command += ["--dataset-root", str(tmp_path), "--mirror", voc.url]
    started = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True)
    part = tmp_path / "voc/archives" / f"{TEST_2007.rpartition('/')[2]}.part"
    while not (part.exists() and part.stat().st_size > 1_900_000):
        assert started.poll() is None
        time.sleep(0.05)
    started.send_signal(signal.SIGINT)
    asked_s = time.monotonic()
    _, err = started.communicate(timeout=30)
    assert (started.returncode, err.splitlines()[-1]) == (130, "error: interrupted")
    assert time.monotonic() - asked_s < 5  # not the 30 s that a host may stay silent
    assert files_below(tmp_path) == [f"voc/archives/{part.name}", f"voc/archives/{part.name}.from"]
    have = part.stat().st_size
    voc.always.clear()
    ended = run("prepare_voc", voc, tmp_path, "--splits", "2007_test")
    assert voc.ranges_of(TEST_2007)[-1] == f"bytes={have}-"
    assert "another hash" in ended.err  # of what was put there above


# --- Open Images ----------------------------------------------------------------------------------

DOG_ROWS = [
    box_row(image, "Dog", (0.25, 0.75, 0.5, 1), (1, 0, number == 1 and 1 or 0, 0, 0))
    for number, image in enumerate(IMAGES)
    if number < 4
]


@pytest.fixture
def pictures(host):
    for split in OPENIMAGES_FILES:
        rows = [*DOG_ROWS, box_row(list(IMAGES)[4], OTHER_LABEL, (0.1, 0.2, 0.1, 0.2))]
        publish_openimages(host, split, rows, IMAGES)
    return host


def prepare_pictures(host, root, *options):
    addresses = ("--mirror", f"{host.url}/tables", "--image-mirror", f"{host.url}/bucket")
    return run_script(
        *("scripts/prepare_openimages.py", "--dataset-root", root, "--attempts", "1"),
        *(*addresses, *options),
    )


def test_open_images_are_what_training_reads_by_default(tmp_path, pictures):
    ended = prepare_pictures(pictures, tmp_path)
    assert ended.code == 0, ended.err
    assert ended.out.splitlines() == [
        "train: 4 images, 4 boxes, none missing",
        "validation: 4 images, 4 boxes, none missing",
    ]
    assert "train names 4 images, MLPerf's subset has 1170301" in ended.err
    dataset = opened("openimages", tmp_path, False)
    assert [dataset.image_id(i) for i in range(len(dataset))] == [1, 2, 3, 4]
    assert dataset.annotation(2).boxes_px.tolist() == [[20, 21.5, 60, 43]]
    assert dataset.annotation(1).crowd.tolist() == [True]
    assert json.loads((tmp_path / "openimages/info.json").read_text())["splits"] == {
        split: {"images": 4, "boxes": 4, "missing": 0} for split in ("train", "validation")
    }
    written = (tmp_path / "openimages/train/labels/openimages-mlperf.json").read_bytes()
    pictures.asked.clear()
    assert prepare_pictures(pictures, tmp_path).code == 0
    assert pictures.asked == []
    assert (tmp_path / "openimages/train/labels/openimages-mlperf.json").read_bytes() == written


def test_missing_images_are_listed_and_come_later(tmp_path, pictures):
    gone = f"/bucket/train/{2:016x}.jpg"
    pictures.always[gone] = ("status", 404)
    ended = prepare_pictures(pictures, tmp_path, "--splits", "train")
    assert ended.code == 2
    folder = tmp_path / "openimages/train"
    assert ended.err.splitlines()[-1].startswith(
        f"error: 1 file is missing in {tmp_path}/openimages: {folder}/data/{2:016x}.jpg: HTTP 404"
    )
    assert (folder / "missing.txt").read_text() == f"{2:016x}\tHTTP 404 Not Found\n"
    assert len(opened("openimages", tmp_path, True)) == 3
    pictures.always.clear()
    pictures.asked.clear()
    assert prepare_pictures(pictures, tmp_path, "--splits", "train").code == 0
    assert [path for path, _ in pictures.asked] == [gone]
    assert not (folder / "missing.txt").exists()


@pytest.mark.parametrize(
    "body", [b"<html>sorry</html>", IMAGES[f"{3:016x}"][:-2]], ids=["page", "cut_off"]
)
def test_what_is_no_picture_is_not_kept(tmp_path, pictures, body):
    pictures.always[f"/bucket/train/{3:016x}.jpg"] = ("body", body)
    ended = prepare_pictures(pictures, tmp_path, "--splits", "train")
    assert ended.code == 2 and "what it sends is no whole JPEG" in ended.err.splitlines()[-1]
    assert len(list((tmp_path / "openimages/train/data").iterdir())) == 3


def test_missing_table_stops_before_any_image(tmp_path, pictures):
    name = f"/tables/{OPENIMAGES_FILES['train'].boxes}"
    pictures.always[name] = ("status", 503)
    message = prepare_pictures(pictures, tmp_path).err.splitlines()[-1]
    assert f"{pictures.url}{name}: HTTP 503 Service Unavailable" in message
    assert not any(path.startswith("/bucket") for path, _ in pictures.asked)


def test_broken_table_is_one_line(tmp_path, pictures):
    pictures.files[f"/tables/{OPENIMAGES_FILES['train'].boxes}"] = b"<html>\n"
    message = one_error(prepare_pictures(pictures, tmp_path, "--splits", "train"))
    assert "labels/detections.csv has no column ImageID; its first line is '<html>'" in message


def test_first_images_alone_to_try_it(tmp_path, pictures):
    ended = prepare_pictures(pictures, tmp_path, "--limit-images", "2", "--splits", "train")
    assert ended.out == "train: 2 images, 2 boxes, none missing\n"
    assert sum(path.startswith("/bucket") for path, _ in pictures.asked) == 2


def test_both_scripts_take_open_images(tmp_path, pictures):
    assert prepare_pictures(pictures, tmp_path).code == 0
    data = ("--dataset", "openimages", "--dataset-root", tmp_path, *NETWORK)
    prefix = f"{tmp_path}/run/"
    options = (
        "--gpus",
        "",
        "--epochs",
        1,
        "--limit-steps",
        1,
        "--batch-size",
        2,
        "--save-prefix",
        prefix,
    )
    ended = run_script("train_ssd.py", *data, *options)
    assert ended.code == 0, ended.err
    assert "Epoch 0" in ended.err and "MeanAP" in ended.err  # validated after every epoch
    weights = f"{prefix}ssd_160_tiny_custom_best.params"
    ended = run_script("eval_ssd.py", *data, "--pretrained", weights)
    assert ended.code == 0, ended.err
    assert len(re.findall(r"^(?:Airplane|Dog|Zucchini) (?:nan|[0-9.]+)$", ended.out, re.M)) == 3
