from __future__ import annotations

import itertools
import os
import threading
import time

import pytest

from gluon_ssd.errors import EnvironmentProblem
from gluon_ssd.system.download import Fetcher, Wanted
from gluon_ssd.system.download_many import Fetched, fetch_many
from gluon_ssd.system.pace import Patience
from tests.hosts import serving


@pytest.fixture
def host():
    with serving() as made:
        made.files = {f"/{number}": bytes([number]) * 1000 for number in range(20)}
        yield made


def fetcher() -> Fetcher:
    return Fetcher(Patience(5, attempts=2, pause_s=0.001))


def test_every_file_is_told_of_once(tmp_path, host):
    host.always = {"/3": ("status", 404), "/7": ("cut", 10)}
    files = [Wanted(f"{host.url}/{number}", tmp_path / str(number)) for number in range(20)]
    seen = []
    ended = list(fetch_many(files, fetcher(), parallel=4, progress=lambda *now: seen.append(now)))
    failures = {fetched.wanted.path.name: fetched.failure for fetched in ended if fetched.failure}
    assert failures == {"3": "HTTP 404 Not Found", "7": "the connection broke off"}
    assert sorted(f.wanted for f in ended) == sorted(files)
    assert len(list(tmp_path.iterdir())) == 18
    assert seen[-1] == (18_000, 18_000)
    assert host.connections < 15  # kept open; those that broke off are made anew


def test_files_are_fetched_beside_one_another(tmp_path, host):
    host.faults = {"/0": [("stall", 10)], **{f"/{n}": [] for n in range(1, 20)}}
    files = [Wanted(f"{host.url}/{number}", tmp_path / str(number)) for number in range(3)]
    ended = []
    for fetched in fetch_many(files, fetcher(), parallel=2):
        ended.append(fetched.wanted.path.name)
        if len(ended) == 2:
            host.release.set()  # the first has waited for the others
    assert ended == ["1", "2", "0"]


def test_list_of_files_is_read_as_threads_become_free(tmp_path, host):
    taken = itertools.count()
    files = (
        Wanted(f"{host.url}/{next(taken) % 20}", tmp_path / "x" / str(n)) for n in range(10**6)
    )
    ended = fetch_many(files, fetcher(), parallel=2)
    assert next(ended).failure == ""
    ended.close()
    assert next(taken) < 1000


def test_leaving_stops_the_threads(tmp_path, host):
    before = threading.active_count()
    files = (Wanted(f"{host.url}/{n % 20}", tmp_path / str(n)) for n in itertools.count())
    with pytest.raises(KeyboardInterrupt):
        for number, _ in enumerate(fetch_many(files, fetcher(), parallel=3)):
            if number == 5:
                raise KeyboardInterrupt
    deadline = time.monotonic() + 5
    while any(thread.name.endswith("(work)") for thread in threading.enumerate()):
        assert time.monotonic() < deadline
    while threading.active_count() > before + 3:  # the host's, one a connection
        assert time.monotonic() < deadline
    assert not list(tmp_path.glob("*.part*"))


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full to play a full disk")
def test_full_disk_ends_everything(tmp_path, host):
    os.symlink("/dev/full", tmp_path / "1.part")
    files = (Wanted(f"{host.url}/{n % 20}", tmp_path / str(n)) for n in itertools.count())
    with pytest.raises(EnvironmentProblem, match="the disk is full"):
        list(fetch_many(files, fetcher(), parallel=2))


def test_nothing_to_fetch(tmp_path):
    assert list(fetch_many([], fetcher(), parallel=3)) == []


def test_a_fault_of_ours_is_not_swallowed(tmp_path, host):
    def broken(path):
        raise ZeroDivisionError

    files = [Wanted(f"{host.url}/1", tmp_path / "1", check=broken)]
    with pytest.raises(ZeroDivisionError):
        list(fetch_many(files, fetcher(), parallel=1))
    assert Fetched(files[0], "").failure == ""
