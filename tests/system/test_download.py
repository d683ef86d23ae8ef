from __future__ import annotations

import hashlib
import os
import random
import socket
import threading
from pathlib import Path

import pytest

from gluon_ssd.errors import EnvironmentProblem
from gluon_ssd.system.download import Fetcher, Wanted
from gluon_ssd.system.pace import Patience
from gluon_ssd.system.web_session import FetchFailed
from tests.hosts import Host, serving, trickling

# Above a mebibyte, so that what came of it is kept.
CONTENT = random.Random(1).randbytes(1_500_000)
SHA1 = hashlib.sha1(CONTENT).hexdigest()
BLOCK = 1 << 16  # what came of an unfinished block is dropped
CUT = 10 * BLOCK


@pytest.fixture
def host():
    with serving() as made:
        made.files = {"/a": CONTENT, "/small": b"few bytes"}
        yield made


def fetcher(attempts: int = 3, timeout_s: float = 5) -> Fetcher:
    return Fetcher(Patience(timeout_s, attempts, pause_s=0.001))


def fetch(host: Host, folder: Path, name: str = "a", **options) -> Path:
    path = folder / name
    patience = {k: options.pop(k) for k in ("attempts", "timeout_s") if k in options}
    progress = options.pop("progress", None)
    fetcher(**patience).fetch(Wanted(f"{host.url}/{name}", path, **options), progress)
    return path


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def kept(folder: Path, host: Host, at: int = CUT) -> None:
    """Break off a first download at `at` bytes."""
    host.faults["/a"] = [("cut", at)]
    with pytest.raises(FetchFailed):
        fetch(host, folder, attempts=1)
    assert names(folder) == ["a.part", "a.part.from"]
    assert (folder / "a.part").stat().st_size == at
    host.asked.clear()


def test_file_comes_whole_and_nothing_else_is_left(tmp_path, host):
    seen = []
    path = fetch(host, tmp_path / "new", progress=lambda *now: seen.append(now), sha1=SHA1)
    assert path.read_bytes() == CONTENT
    assert names(tmp_path / "new") == ["a"]
    assert seen[-1] == (len(CONTENT), len(CONTENT)) and len(seen) > 2


def test_one_call_goes_on_where_the_connection_broke(tmp_path, host):
    host.faults["/a"] = [("cut", CUT), ("cut", 2 * BLOCK + 1)]
    assert fetch(host, tmp_path).read_bytes() == CONTENT
    assert host.ranges_of("/a") == [None, f"bytes={CUT}-", f"bytes={CUT + 2 * BLOCK}-"]


def test_attempts_that_bring_something_are_no_failures(tmp_path, host):
    host.faults["/a"] = [("cut", 100_000)] * 9
    assert fetch(host, tmp_path, attempts=2).read_bytes() == CONTENT
    assert len(host.asked) == 10


def test_a_later_call_goes_on_too(tmp_path, host):
    kept(tmp_path, host)
    assert fetch(host, tmp_path).read_bytes() == CONTENT
    assert host.ranges_of("/a") == [f"bytes={CUT}-"]
    assert names(tmp_path) == ["a"]


def test_connection_that_breaks_off_is_told(tmp_path, host):
    host.always["/a"] = ("cut", CUT)
    host.knows_ranges = False
    with pytest.raises(FetchFailed, match="the connection broke off"):
        fetch(host, tmp_path)
    assert len(host.asked) == 3


def test_host_without_ranges_sends_all_again(tmp_path, host):
    kept(tmp_path, host)
    host.knows_ranges = False
    assert fetch(host, tmp_path).read_bytes() == CONTENT
    assert host.ranges_of("/a") == [f"bytes={CUT}-"]


def test_changed_file_starts_anew(tmp_path, host):
    host.tags["/a"] = '"one"'
    kept(tmp_path, host)
    host.files["/a"], host.tags["/a"] = CONTENT[::-1], '"two"'
    assert fetch(host, tmp_path).read_bytes() == CONTENT[::-1]


@pytest.mark.parametrize("other", [CONTENT + b"more", CONTENT[: CUT - 1]], ids=["longer", "gone"])
def test_file_of_another_length_starts_anew(tmp_path, host, other):
    kept(tmp_path, host)
    host.files["/a"] = other
    assert fetch(host, tmp_path).read_bytes() == other
    assert host.ranges_of("/a") == [f"bytes={CUT}-", None]


def test_part_that_does_not_begin_where_it_should_starts_anew(tmp_path, host):
    kept(tmp_path, host)
    host.faults["/a"] = [("skip", 5)]
    assert fetch(host, tmp_path).read_bytes() == CONTENT
    assert host.ranges_of("/a") == [f"bytes={CUT}-", None]


def test_part_of_another_address_is_trusted_where_a_sum_is_published(tmp_path, host):
    kept(tmp_path, host)
    host.files["/mirror/a"] = CONTENT
    for sha1, asked in (("", None), (SHA1, f"bytes={CUT}-")):
        fetcher().fetch(Wanted(f"{host.url}/mirror/a", tmp_path / "a", sha1))
        assert host.asked[-1] == ("/mirror/a", asked)
        assert (tmp_path / "a").read_bytes() == CONTENT
        (tmp_path / "a").unlink()
        kept(tmp_path, host)


def test_part_of_unknown_origin_starts_anew(tmp_path, host):
    (tmp_path / "a.part").write_bytes(b"x" * CUT)
    assert fetch(host, tmp_path).read_bytes() == CONTENT
    (tmp_path / "a.part").write_bytes(b"x" * CUT)
    (tmp_path / "a.part.from").write_text("[1")
    assert fetch(host, tmp_path).read_bytes() == CONTENT


def test_small_files_leave_nothing_when_they_fail(tmp_path, host):
    host.always["/small"] = ("cut", 3)
    with pytest.raises(FetchFailed, match="broke off"):
        fetch(host, tmp_path, "small")
    assert names(tmp_path) == []


def test_body_without_a_length_is_taken_as_it_is(tmp_path, host):
    host.says_length = False
    assert fetch(host, tmp_path, sha1=SHA1).read_bytes() == CONTENT


def test_wrong_sum_removes_what_came(tmp_path, host):
    host.files["/a"] = CONTENT[:-1] + b"?"
    with pytest.raises(FetchFailed, match=f"another hash .*, not {SHA1}"):
        fetch(host, tmp_path, sha1=SHA1)
    assert names(tmp_path) == []


def test_own_check_has_the_last_word(tmp_path, host):
    with pytest.raises(FetchFailed, match="^no picture$"):
        fetch(host, tmp_path, check=lambda path: "no picture")
    assert names(tmp_path) == []
    seen = []
    fetch(host, tmp_path, check=lambda path: seen.append(path.read_bytes()) or "")
    assert seen == [CONTENT]


@pytest.mark.parametrize("status", [403, 404, 410, 401, 418])
def test_answers_that_stay_so_are_asked_for_once(tmp_path, host, status):
    host.always["/a"] = ("status", status)
    with pytest.raises(FetchFailed, match=f"HTTP {status} "):
        fetch(host, tmp_path)
    assert len(host.asked) == 1 and names(tmp_path) == []


@pytest.mark.parametrize("status", [429, 500, 503])
def test_busy_host_is_asked_again(tmp_path, host, status):
    host.faults["/a"] = [("status", status)] * 2
    assert fetch(host, tmp_path).read_bytes() == CONTENT
    host.always["/a"] = ("status", status)
    with pytest.raises(FetchFailed, match=f"HTTP {status} "):
        fetch(host, tmp_path)


def test_redirects_are_followed_and_resumed(tmp_path, host):
    host.always["/old"] = ("to", "/a")
    host.faults["/a"] = [("cut", CUT)]
    fetcher().fetch(Wanted(f"{host.url}/old", tmp_path / "a"))
    assert (tmp_path / "a").read_bytes() == CONTENT
    assert host.ranges_of("/a") == [None, f"bytes={CUT}-"]


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        ("/a", "it redirects in a circle"),
        ("file:///etc/passwd", "it redirects to file:, which is no web server"),
        ("ftp://127.0.0.1/a", "it redirects to ftp:, which is no web server"),
    ],
)
def test_redirects_that_lead_nowhere(tmp_path, host, target, reason):
    host.always["/a"] = ("to", target)
    with pytest.raises(FetchFailed, match=reason):
        fetch(host, tmp_path)
    assert names(tmp_path) == []


def test_silent_host_is_given_up_and_gone_on_with(tmp_path, host):
    host.faults["/a"] = [("stall", CUT)]
    with pytest.raises(FetchFailed, match="no answer within 0.2 s"):
        fetch(host, tmp_path, attempts=1, timeout_s=0.2)
    have = (tmp_path / "a.part").stat().st_size
    assert CUT - BLOCK <= have <= CUT
    assert fetch(host, tmp_path).read_bytes() == CONTENT
    assert host.ranges_of("/a") == [None, f"bytes={have}-"]


def test_nobody_listens(tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{probe.getsockname()[1]}/a"
        with pytest.raises(FetchFailed, match="^Connection refused$"):
            fetcher().fetch(Wanted(url, tmp_path / "a"))


@pytest.mark.parametrize("url", ["nowhere/a", "gopher://h/a", "http://", "http://[::1/a"])
def test_address_that_is_none(tmp_path, url):
    with pytest.raises(FetchFailed, match="is no address of a web server"):
        fetcher().fetch(Wanted(url, tmp_path / "a"))


@pytest.mark.parametrize("name", ["a", "small"])
def test_other_process_is_left_alone(tmp_path, host, name):
    host.faults[f"/{name}"] = [("stall", 5)]
    first = threading.Thread(target=lambda: fetch(host, tmp_path, name))
    first.start()
    while not host.asked:
        pass
    with pytest.raises(FetchFailed, match="another process is fetching it"):
        fetch(host, tmp_path, name)
    host.release.set()
    first.join()
    assert (tmp_path / name).read_bytes() == host.files[f"/{name}"] and names(tmp_path) == [name]


def test_stop_keeps_what_came(tmp_path, host):
    one = fetcher()

    def stop_half_way(done, total):
        if done >= CUT:
            one.stop()

    with pytest.raises(FetchFailed, match="stopped"):
        one.fetch(Wanted(f"{host.url}/a", tmp_path / "a"), stop_half_way)
    have = (tmp_path / "a.part").stat().st_size
    assert CUT <= have < len(CONTENT)
    assert fetch(host, tmp_path).read_bytes() == CONTENT
    assert host.ranges_of("/a")[-1] == f"bytes={have}-"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full to play a full disk")
def test_full_disk_is_told(tmp_path, host):
    os.symlink("/dev/full", tmp_path / "a.part")
    with pytest.raises(EnvironmentProblem, match=f"cannot write {tmp_path}/a.*: the disk is full"):
        fetch(host, tmp_path)


def test_too_small_disk_is_told_before_anything_comes(tmp_path, host, monkeypatch):
    free = type("Usage", (), {"free": 1_000_000})
    monkeypatch.setattr("shutil.disk_usage", lambda folder: free)
    with pytest.raises(
        EnvironmentProblem, match=r"a: 0\.00 GB are to come and .* has 0\.00 GB free"
    ):
        fetch(host, tmp_path)


def test_folder_that_cannot_be_made_is_named(tmp_path, host):
    (tmp_path / "file").write_text("")
    with pytest.raises(EnvironmentProblem, match=f"{tmp_path}/file"):
        fetch(host, tmp_path / "file")


def test_one_connection_serves_many_files(tmp_path, host):
    one = fetcher()
    for number in range(5):
        one.fetch(Wanted(f"{host.url}/small", tmp_path / str(number)))
    assert host.connections == 1


@pytest.mark.parametrize("says_length", [True, False])
def test_file_that_is_too_large_is_refused(tmp_path, host, says_length):
    host.says_length = says_length
    with pytest.raises(FetchFailed, match="it is larger than 1000000 bytes"):
        fetch(host, tmp_path, most_bytes=1_000_000)
    assert len(host.asked) == 1


def test_a_server_that_sends_a_byte_now_and_then_is_left(tmp_path):
    start = b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n"
    patience = Patience(timeout_s=5, slowest_bytes_s=1000, slow_s=0.3)
    with trickling(start, b"x") as url:
        with pytest.raises(FetchFailed, match=r"it sends \d+ bytes a second, the least allowed"):
            Fetcher(patience).fetch(Wanted(url, tmp_path / "a"))


def test_a_server_that_sends_an_endless_header_is_left(tmp_path):
    patience = Patience(timeout_s=0.1, attempts=2, pause_s=0.001)
    with trickling(b"HTTP/1.1 200 OK\r\nX: ", b"x") as url:
        with pytest.raises(FetchFailed, match="no answer within 0.1 s"):
            Fetcher(patience).fetch(Wanted(url, tmp_path / "a"))
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    ("start", "step"),
    [
        (b"5\r\nhello\r\n0\r\n", b"X: y\r\n"),  # a trailer that never ends
        (b"5\r\nhello\r\n1;", b"x"),  # words behind the length of a part
    ],
    ids=["trailer", "part"],
)
def test_a_server_that_sends_nothing_of_the_file_is_left(tmp_path, start, step):
    start = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + start
    patience = Patience(timeout_s=0.2, slow_s=0.2)
    with trickling(start, step) as url:
        with pytest.raises(FetchFailed, match=r"^it has sent nothing of the file for more than "):
            Fetcher(patience).fetch(Wanted(url, tmp_path / "a"))
    assert not (tmp_path / "a").exists()


def test_a_few_bytes_with_each_attempt_do_not_go_on_for_ever(tmp_path, host):
    host.always["/a"] = ("cut", 10)
    with pytest.raises(FetchFailed, match="the connection broke off"):
        fetch(host, tmp_path)
    assert len(host.asked) == 3


def test_what_is_sent_compressed_is_refused(tmp_path, host):
    host.tags["/a"] = '"x"\r\nContent-Encoding: gzip'
    with pytest.raises(FetchFailed, match="it sends the file in another encoding"):
        fetch(host, tmp_path)


def test_passwords_are_neither_shown_nor_kept(tmp_path, host):
    host.faults["/a"] = [("cut", CUT)]
    url = host.url.replace("http://", "http://me:secret@") + "/a"
    with pytest.raises(FetchFailed):
        fetcher(attempts=1).fetch(Wanted(url, tmp_path / "a"))
    assert "secret" not in (tmp_path / "a.part.from").read_text()
    fetcher().fetch(Wanted(url, tmp_path / "a"))
    assert host.ranges_of("/a") == [None, f"bytes={CUT}-"]
    with pytest.raises(FetchFailed, match=r"^'gopher://\*\*\*@h/a' is no address"):
        fetcher().fetch(Wanted("gopher://me:secret@h/a", tmp_path / "b"))
