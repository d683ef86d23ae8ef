from __future__ import annotations

import gzip
import io
import os
import random
import stat
import tarfile
import zipfile
from pathlib import Path

import pytest

from gluon_ssd.errors import DataError, EnvironmentProblem
from gluon_ssd.system.unpack import Limits, unpack

FILES = {"top/a.txt": b"alpha", "top/below/b.bin": bytes(5000), "c": b""}


def zipped(path: Path, files=FILES, **options) -> Path:
    with zipfile.ZipFile(path, "w", **options) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def taped(path: Path, files=FILES) -> Path:
    with tarfile.open(path, "w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def tape_with(path: Path, kind: bytes, target: str = "top/a.txt", name: str = "evil") -> Path:
    taped(path)
    with tarfile.open(path, "a") as archive:
        member = tarfile.TarInfo(name)
        member.type, member.linkname = kind, target
        archive.addfile(member)
    return path


def content_of(folder: Path) -> dict[str, bytes]:
    paths = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


@pytest.fixture(params=[zipped, taped], ids=["zip", "tar"])
def make(request):
    return request.param


def test_everything_comes_out(tmp_path, make):
    seen = []
    archive = make(tmp_path / "archive")
    assert unpack(archive, tmp_path / "new/out", on_bytes=seen.append) == 3
    assert content_of(tmp_path / "new/out") == FILES
    assert sum(seen) == 5005


def test_members_can_be_moved_and_left_out(tmp_path, make):
    def place(name):
        return name.removeprefix("top/") if name.startswith("top/") else None

    assert unpack(make(tmp_path / "archive"), tmp_path / "out", place=place) == 2
    assert sorted(content_of(tmp_path / "out")) == ["a.txt", "below/b.bin"]


def test_folders_are_no_files(tmp_path):
    path = tape_with(tmp_path / "a.tar", tarfile.DIRTYPE, name="empty")
    assert unpack(path, tmp_path / "out") == 3
    path = zipped(tmp_path / "a.zip", {"empty/": b"", "a": b"1"})
    assert unpack(path, tmp_path / "out2") == 1


def test_a_second_time_only_writes_what_is_not_there(tmp_path, make):
    archive = make(tmp_path / "archive")
    unpack(archive, tmp_path / "out")
    before = (tmp_path / "out/top/a.txt").stat().st_mtime_ns
    (tmp_path / "out/top/below/b.bin").write_bytes(b"half")
    (tmp_path / "out/c").unlink()
    unpack(archive, tmp_path / "out")
    assert content_of(tmp_path / "out") == FILES
    assert (tmp_path / "out/top/a.txt").stat().st_mtime_ns == before


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("../evil", "leads out of the folder"),
        ("top/../../evil", "leads out of the folder"),
        ("/evil", "has no plain relative path"),
        ("..\\evil", "has no plain relative path"),
        ("C:evil", "has no plain relative path"),
        ("line\nbreak", "has no plain relative path"),
    ],
)
def test_paths_that_lead_out_are_refused_before_anything_is_written(tmp_path, make, name, why):
    archive = make(tmp_path / "archive", {**FILES, name: b"x"})
    with pytest.raises(DataError, match=f"archive is refused: its member .* {why}; remove it"):
        unpack(archive, tmp_path / "a/b/out")
    assert content_of(tmp_path).keys() == {"archive"}


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        (tarfile.SYMTYPE, "a link"),
        (tarfile.LNKTYPE, "a link"),
        (tarfile.CHRTYPE, "a device"),
        (tarfile.BLKTYPE, "a device"),
        (tarfile.FIFOTYPE, "a device"),
    ],
)
def test_what_is_no_file_is_refused(tmp_path, kind, why):
    archive = tape_with(tmp_path / "a.tar", kind, "/etc/passwd")
    with pytest.raises(DataError, match=f"refused: its member 'evil' is {why}"):
        unpack(archive, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("mode", "why"), [(stat.S_IFLNK, "a link"), (stat.S_IFIFO, "a device")], ids=["link", "pipe"]
)
def test_what_is_no_file_is_refused_in_a_zip(tmp_path, mode, why):
    member = zipfile.ZipInfo("evil")
    member.external_attr = (mode | 0o777) << 16
    archive = zipped(tmp_path / "a.zip", {member: b"/etc/passwd"})
    with pytest.raises(DataError, match=f"refused: its member 'evil' is {why}"):
        unpack(archive, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("second", ["a", "./a", "b//../a"])
def test_doubled_names_are_refused(tmp_path, make, second):
    with open(make(tmp_path / "archive", {"a": b"1"}), "rb"):
        pass
    if make is zipped:
        with zipfile.ZipFile(tmp_path / "archive", "a") as opened:
            opened.writestr(second, b"2")
    else:
        with tarfile.open(tmp_path / "archive", "a") as opened:
            opened.addfile(tarfile.TarInfo(second))
    with pytest.raises(DataError, match="is there twice|leads out of the folder"):
        unpack(tmp_path / "archive", tmp_path / "out")


def test_file_that_grows_huge_is_refused(tmp_path):
    archive = zipped(tmp_path / "a.zip", {"bomb": bytes(1 << 24)}, compression=zipfile.ZIP_DEFLATED)
    assert archive.stat().st_size < 20_000
    with pytest.raises(DataError, match=r"'bomb' grows to \d+ times its size, allowed is 100"):
        unpack(archive, tmp_path / "out")
    assert unpack(archive, tmp_path / "out", limits=Limits(ratio=2000)) == 1


def test_too_many_files_and_too_many_bytes_are_refused(tmp_path, make):
    archive = make(tmp_path / "archive")
    with pytest.raises(DataError, match="holds 3 files, allowed are 2"):
        unpack(archive, tmp_path / "out", limits=Limits(files=2))
    with pytest.raises(DataError, match="unpacks to 5005 bytes, allowed are 5004"):
        unpack(archive, tmp_path / "out", limits=Limits(size=5004))
    assert not (tmp_path / "out").exists()


def test_gzipped_tars_come_out_and_leave_nothing_beside(tmp_path):
    packed = tmp_path / "a.tar.gz"
    packed.write_bytes(gzip.compress(taped(tmp_path / "a.tar").read_bytes()))
    assert unpack(packed, tmp_path / "out") == 3
    assert content_of(tmp_path / "out") == FILES


@pytest.mark.parametrize(
    "broken",
    [
        lambda data: data[:-9],
        lambda data: data[:40],
        lambda data: data[:-8] + bytes(8),  # the sum of what is in it
        lambda data: gzip.compress(b"no tar"),
        lambda data: gzip.compress(gzip.decompress(data)[:2000]),
    ],
    ids=["cut", "short", "sum", "no tar", "cut within"],
)
def test_broken_gzipped_tars_are_refused(tmp_path, broken):
    packed = tmp_path / "a.tar.gz"
    packed.write_bytes(broken(gzip.compress(taped(tmp_path / "a.tar").read_bytes())))
    with pytest.raises(DataError, match=r"cannot unpack .*a\.tar\.gz: .*damaged"):
        unpack(packed, tmp_path / "out")
    assert not content_of(tmp_path / "out")


def test_a_gzip_file_must_not_grow(tmp_path):
    packed = tmp_path / "a.tar.gz"
    packed.write_bytes(gzip.compress(bytes(8 << 20)))
    with pytest.raises(DataError, match=r"refused: it grows to more than 1048576 bytes"):
        unpack(packed, tmp_path / "out")
    with pytest.raises(DataError, match=r"refused: it grows to more than 1000 bytes"):
        unpack(packed, tmp_path / "out", limits=Limits(size=1000))


@pytest.mark.parametrize("method", ["bz2", "xz"])
def test_tars_packed_in_another_way_are_refused(tmp_path, method):
    with tarfile.open(tmp_path / "a.tar.gz", f"w:{method}") as archive:
        archive.addfile(tarfile.TarInfo("a"))
    with pytest.raises(DataError, match=r"cannot unpack .*a\.tar\.gz: .*damaged"):
        unpack(tmp_path / "a.tar.gz", tmp_path / "out")


def test_sparse_files_are_refused(tmp_path):
    path = taped(tmp_path / "a.tar", {"a": b"1"})
    blocks = bytearray(path.read_bytes())
    blocks[156:157] = tarfile.GNUTYPE_SPARSE
    blocks[148:156] = b"%06o\0 " % (sum(blocks[:148]) + 8 * 32 + sum(blocks[156:512]))
    path.write_bytes(blocks)
    with pytest.raises(DataError, match="'a' is a file with holes"):
        unpack(path, tmp_path / "out")


def test_cut_off_archives_are_told(tmp_path, make):
    archive = make(tmp_path / "archive", {"a": os.urandom(50_000)})
    archive.write_bytes(archive.read_bytes()[:20_000])
    with pytest.raises(DataError, match="cannot unpack .*; the file is damaged, remove it"):
        unpack(archive, tmp_path / "out")
    assert content_of(tmp_path / "out" if (tmp_path / "out").exists() else tmp_path) in (
        {},
        {"archive": archive.read_bytes()},
    )


def test_wrong_bytes_in_a_zip_are_told(tmp_path):
    archive = zipped(tmp_path / "a.zip", {"a": b"0123456789"})
    archive.write_bytes(archive.read_bytes().replace(b"0123456789", b"0123456780"))
    with pytest.raises(DataError, match="Bad CRC-32 for file 'a'"):
        unpack(archive, tmp_path / "out")
    assert content_of(tmp_path / "out") == {}


def test_member_that_is_shorter_than_it_says_is_told(tmp_path):
    archive = zipped(tmp_path / "a.zip", {"a": b"0123456789"}, compression=zipfile.ZIP_DEFLATED)
    content = bytearray(archive.read_bytes())
    content[content.index(b"PK\x01\x02") + 24] += 3  # the unpacked size in the directory
    archive.write_bytes(content)
    with pytest.raises(DataError, match="it ends within 'a'; the file is damaged"):
        unpack(archive, tmp_path / "out")
    assert content_of(tmp_path / "out") == {}


def test_file_with_a_password_is_told(tmp_path):
    archive = zipped(tmp_path / "a.zip", {"a": b"x"})
    content = bytearray(archive.read_bytes())
    for signature, at in ((b"PK\x01\x02", 8), (b"PK\x03\x04", 6)):
        content[content.index(signature) + at] |= 1
    archive.write_bytes(content)
    with pytest.raises(DataError, match="password"):
        unpack(archive, tmp_path / "out")


@pytest.mark.parametrize("content", [b"", b"<html>no</html>" * 100], ids=["empty", "page"])
def test_what_is_no_archive_is_told(tmp_path, content):
    (tmp_path / "a.zip").write_bytes(content)
    with pytest.raises(DataError, match=r"cannot unpack .*a\.zip: "):
        unpack(tmp_path / "a.zip", tmp_path / "out")


def test_too_small_disk_is_told_before_anything_is_written(tmp_path, make, monkeypatch):
    free = type("Usage", (), {"free": 5004})
    monkeypatch.setattr("shutil.disk_usage", lambda folder: free)
    with pytest.raises(EnvironmentProblem, match=r"are needed and 0\.00 GB are free"):
        unpack(make(tmp_path / "archive"), tmp_path / "out")
    assert content_of(tmp_path / "out") == {}


def test_place_that_cannot_be_written_is_named(tmp_path, make):
    (tmp_path / "out").mkdir()
    (tmp_path / "out/top").write_text("a file")
    with pytest.raises(EnvironmentProblem, match=f"{tmp_path}/out/top"):
        unpack(make(tmp_path / "archive"), tmp_path / "out")


@pytest.mark.parametrize("first", [True, False])
def test_a_file_where_a_folder_is_is_refused(tmp_path, make, first):
    files = {"a": b"1", "a/b": b"2"} if first else {"a/b": b"2", "a": b"1"}
    archive = make(tmp_path / "archive", files)
    with pytest.raises(DataError, match="refused: its member 'a' is a file and a folder"):
        unpack(archive, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_encrypted_members_are_refused(tmp_path):
    archive = zipped(tmp_path / "a.zip", {"a": b"1"})
    content = bytearray(archive.read_bytes())
    content[content.index(b"PK\1\2") + 8] |= 1
    archive.write_bytes(content)
    with pytest.raises(DataError, match="refused: its member 'a' is encrypted"):
        unpack(archive, tmp_path / "out")


@pytest.mark.parametrize("method", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_unusual_packing_is_refused(tmp_path, method):
    archive = zipped(tmp_path / "a.zip", {"a": b"1"}, compression=method)
    with pytest.raises(DataError, match=rf"'a' is packed in an unusual way .method {method}."):
        unpack(archive, tmp_path / "out")


def test_many_files_that_grow_together_are_refused(tmp_path):
    files = {str(number): bytes(1 << 20) for number in range(20)}
    archive = zipped(tmp_path / "a.zip", files, compression=zipfile.ZIP_DEFLATED)
    with pytest.raises(DataError, match="it grows to 20971520 bytes, 100 times its size and more"):
        unpack(archive, tmp_path / "out")


def test_a_long_list_is_refused_before_it_is_read(tmp_path, monkeypatch):
    archive = zipped(tmp_path / "a.zip", {str(number): b"" for number in range(50)})
    monkeypatch.setattr(zipfile.ZipFile, "_RealGetContents", None)
    with pytest.raises(DataError, match="it holds 50 files, allowed are 49"):
        unpack(archive, tmp_path / "out", limits=Limits(files=49))


def test_an_endless_tape_is_read_no_further_than_allowed(tmp_path):
    archive = taped(tmp_path / "a.tar", {str(number): b"" for number in range(50)})
    with pytest.raises(DataError, match="it holds 6 files, allowed are 5"):
        unpack(archive, tmp_path / "out", limits=Limits(files=5))


def test_headers_that_follow_headers_are_one_line(tmp_path):
    member = tarfile.TarInfo("././@LongLink")
    member.type, member.size = tarfile.GNUTYPE_LONGNAME, 1
    (tmp_path / "a.tar").write_bytes((member.tobuf() + b"x".ljust(512, b"\0")) * 3000)
    with pytest.raises(DataError, match="cannot unpack"):
        unpack(tmp_path / "a.tar", tmp_path / "out")


def test_pipes_are_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "a.zip")
    with pytest.raises(EnvironmentProblem, match="it is a pipe, not a file"):
        unpack(tmp_path / "a.zip", tmp_path / "out")


def test_mutated_archives_are_files_or_one_line(tmp_path, make):
    rng = random.Random(4)
    options = {"compression": zipfile.ZIP_DEFLATED} if make is zipped else {}
    sound = make(tmp_path / "sound", {**FILES, "d": random.Random(0).randbytes(300)}, **options)
    content = sound.read_bytes()
    told = 0
    for number in range(300):
        mutated = bytearray(content)
        for _ in range(rng.randint(1, 4)):
            mutated[rng.randrange(len(mutated))] = rng.randrange(256)
        if rng.random() < 0.2:
            del mutated[rng.randrange(len(mutated)) :]
        (tmp_path / "a").write_bytes(mutated)
        folder = tmp_path / "inside" / str(number)
        try:
            unpack(tmp_path / "a", folder)
        except (DataError, EnvironmentProblem) as error:
            assert "\n" not in str(error)
            told += 1
    assert told > 30
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "inside", "sound"]
