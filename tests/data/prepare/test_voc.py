from __future__ import annotations

import hashlib

import pytest

from gluon_ssd.data.prepare.published import VOC_ARCHIVES
from gluon_ssd.data.prepare.voc import missing_of_voc, prepare_voc_files
from gluon_ssd.system.download import Fetcher
from gluon_ssd.system.pace import Patience
from tests.data.builders import voc_xml, write_voc
from tests.data.prepare.builders import tape, voc_files
from tests.hosts import serving


@pytest.fixture
def host():
    with serving() as made:
        yield made


def prepare(host, root, splits):
    return prepare_voc_files(root, splits, fetcher=Fetcher(Patience(5, 1)), host=host.url)


def serve(host, monkeypatch, splits, files):
    """Put one archive for these splits on the host; returns its path there."""
    content = tape(files)
    archive = VOC_ARCHIVES[splits[0]][0]._replace(sha1=hashlib.sha1(content).hexdigest())
    for split in splits:
        monkeypatch.setitem(VOC_ARCHIVES, split, (archive,))
    host.files[f"/{archive.path}"] = content
    return f"/{archive.path}"


def test_every_split_of_an_archive_is_there_after_one_download(tmp_path, host, monkeypatch):
    files = voc_files("2007", "train", ["1"]) | voc_files("2007", "val", ["2", "3"])
    path = serve(host, monkeypatch, ["2007_train", "2007_val"], files)
    counts, missing = prepare(host, tmp_path, ["2007_train", "2007_val"])
    assert (counts, missing) == ({"2007_train": 1, "2007_val": 2}, [])
    assert [asked for asked, _ in host.asked] == [path]


def test_archive_that_lacks_listed_files_is_told(tmp_path, host, monkeypatch):
    files = voc_files("2007", "test", ["03"])
    files["VOCdevkit/VOC2007/ImageSets/Main/test.txt"] = b"03\n09\n"
    serve(host, monkeypatch, ["2007_test"], files)
    counts, missing = prepare(host, tmp_path, ["2007_test"])
    folder = tmp_path / "voc/VOC2007"
    assert counts == {}
    assert missing == [
        (f"{folder}/JPEGImages/09.jpg", "listed in 2007_test"),
        (f"{folder}/Annotations/09.xml", "listed in 2007_test"),
    ]


def test_empty_list_is_no_split(tmp_path):
    folder = write_voc(tmp_path / "VOC2007", {"1": voc_xml()}, {"test": ["1"]})
    assert missing_of_voc(tmp_path, "2007_test") == []
    (folder / "ImageSets/Main/test.txt").write_text("")
    assert "is empty" in missing_of_voc(tmp_path, "2007_test")[0].why
