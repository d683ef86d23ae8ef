from __future__ import annotations

import hashlib

import pytest

from gluon_ssd.data.prepare.archives import Missing, fetch_archives, require_nothing_missing
from gluon_ssd.data.prepare.published import Archive
from gluon_ssd.errors import DataError
from gluon_ssd.system.download import Fetcher
from gluon_ssd.system.pace import Patience
from tests.data.prepare.builders import tape, zipped
from tests.hosts import serving

CONTENTS = {"a/one.tar": tape({"top/1": b"one"}), "two.zip": zipped({"top/2": b"two"})}
ARCHIVES = [Archive(path, hashlib.sha1(data).hexdigest()) for path, data in CONTENTS.items()]


@pytest.fixture
def host():
    with serving() as made:
        made.files = {f"/{path}": data for path, data in CONTENTS.items()}
        yield made


def fetch(host, folder, archives=ARCHIVES, **options):
    settings = {"place": lambda name: name.removeprefix("top/"), "parallel": 2, "keep": False}
    fetcher = Fetcher(Patience(5, attempts=1))
    return fetch_archives(archives, f"{host.url}/", folder, fetcher=fetcher, **settings | options)


def names(folder):
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def test_archives_are_unpacked_and_removed(tmp_path, host):
    assert fetch(host, tmp_path, [*ARCHIVES, ARCHIVES[0]]) == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["1", "2"]
    assert len(host.asked) == 2


def test_archives_can_be_kept_and_are_not_fetched_again(tmp_path, host):
    assert fetch(host, tmp_path, keep=True) == []
    assert names(tmp_path) == ["1", "2", "archives/one.tar", "archives/two.zip"]
    (tmp_path / "1").unlink()
    assert fetch(host, tmp_path) == []
    assert names(tmp_path) == ["1", "2"] and len(host.asked) == 2


def test_archive_without_a_sum_is_taken_as_it_is(tmp_path, host):
    archives = [ARCHIVES[0]._replace(sha1="")]
    assert fetch(host, tmp_path, archives) == []
    assert names(tmp_path) == ["1"]


def test_what_cannot_be_unpacked_is_missing_and_kept_for_a_look(tmp_path, host):
    host.files["/two.zip"] = zipped({"../2": b"two"})
    archives = [ARCHIVES[0], Archive("two.zip", hashlib.sha1(host.files["/two.zip"]).hexdigest())]
    (problem,) = fetch(host, tmp_path, archives)
    assert problem.what == str(tmp_path / "archives/two.zip")
    assert "leads out of the folder" in problem.why
    assert names(tmp_path) == ["1", "archives/two.zip"]


def test_nothing_to_fetch_makes_no_folder(tmp_path, host):
    assert fetch(host, tmp_path / "new", []) == []
    assert list(tmp_path.iterdir()) == []


def test_missing_files_are_all_logged_and_some_named(tmp_path, caplog):
    require_nothing_missing([], tmp_path)
    require = [Missing(f"f{number}", "gone") for number in range(7)]
    with pytest.raises(
        DataError, match=r"^7 files are missing in .*: f0: gone; .*f4: gone; and 2 more; run the"
    ) as caught:
        require_nothing_missing(require, tmp_path)
    assert caught.value.settings == ("mirror",)
    assert caplog.messages == [f"missing: f{number} (gone)" for number in range(7)]
