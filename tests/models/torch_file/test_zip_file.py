"""The archive is looked at before anything is read out of it."""

from __future__ import annotations

import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest

from gluon_ssd.errors import WeightsError
from gluon_ssd.models.torch_file import zip_file
from gluon_ssd.models.torch_file.notes import Storage
from gluon_ssd.models.torch_file.zip_file import ZipFile, is_torch_zip
from tests.models.torch_file.builders import GOLDEN, named, storage, tensor, torch_zip

CONTENT = named(w=tensor())


def test_pickle_order_and_storages(tmp_path: Path):
    numbers = np.arange(6, dtype="<f4").tobytes()
    opened = ZipFile(str(torch_zip(tmp_path / "a.pt", CONTENT, {"data/0": numbers})))
    assert opened.byte_order == "<" and list(opened.root) == ["w"]
    assert opened.storage_bytes(Storage("0", "float32", 6)) == numbers
    assert opened.storage_bytes(Storage("absent", "float32", 0)) == b""
    opened.close()


def test_an_archive_is_known_by_its_first_entry_or_its_list(tmp_path: Path):
    assert is_torch_zip(str(GOLDEN / "weights.pt"))
    last = tmp_path / "last.pt"
    with zipfile.ZipFile(last, "w") as archive:
        archive.writestr("x/version", "3")
        archive.writestr("x/data.pkl", CONTENT)
    np.savez(tmp_path / "a.npz", a=np.zeros(2))
    assert is_torch_zip(str(last)) and not is_torch_zip(str(tmp_path / "a.npz"))
    last.write_bytes(last.read_bytes()[:-30])
    assert not is_torch_zip(str(last))


ZEROS = {"data/0": bytes(24)}


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({}, r"a storage of 6 float32 has 0 bytes instead of 24; copy"),
        ({"data/0": bytes(20)}, "a storage of 6 float32 has 20 bytes instead of 24"),
        ({"data/0": bytes(28)}, "has 28 bytes instead of 24"),
        (
            {**ZEROS, "../x/data/0": b""},
            r"refused: it has an entry '\.\./x/data/0', which leads out",
        ),
        ({**ZEROS, "/etc/passwd": b""}, "refused: it has an entry '/etc/passwd', which leads out"),
        ({**ZEROS, "a/../../b": b""}, "which leads out"),
        ({**ZEROS, "byteorder": b"middle"}, "the order of its bytes is unknown"),
        ({**ZEROS, "constants.pkl": b"."}, "is a TorchScript program, not weights"),
    ],
)
def test_other_archives_are_one_line(entries, message, tmp_path: Path):
    file = torch_zip(tmp_path / "a.pt", CONTENT, entries)
    with pytest.raises(WeightsError, match=message) as caught:
        ZipFile(str(file)).storage_bytes(Storage("0", "float32", 6))
    assert str(caught.value).startswith(str(file)) and str(caught.value).isprintable()
    assert not (tmp_path.parent / "x").exists()


def test_a_bomb_is_not_unpacked(tmp_path: Path):
    count = 1 << 24
    entries = {"data/0": bytes(4 * count)}
    content = named(w=tensor((count,), (1,), of=storage(count)))
    file = torch_zip(tmp_path / "a.pt", content, entries, compression=zipfile.ZIP_DEFLATED)
    del entries
    assert file.stat().st_size < 1 << 17
    tracemalloc.start()
    with pytest.raises(WeightsError, match="refused: its entry .* is compressed, which torch.save"):
        ZipFile(str(file))
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 1 << 20


def test_entries_that_share_their_bytes_are_refused(tmp_path: Path):
    file = torch_zip(tmp_path / "a.pt", CONTENT, {"data/0": bytes(4000), "data/1": b"", **ZEROS})
    with zipfile.ZipFile(file, "a") as archive:
        shared = archive.getinfo("x/data/1")
        shared.header_offset = archive.getinfo("x/data/0").header_offset
        shared.file_size = shared.compress_size = 1 << 40
        archive.comment = b"changed"  # so that the list is written anew
    with pytest.raises(WeightsError, match="its entries take more than the file has"):
        ZipFile(str(file))


def test_two_entries_of_one_name_are_refused(tmp_path: Path):
    file = torch_zip(tmp_path / "a.pt", CONTENT)
    with zipfile.ZipFile(file, "a") as archive, pytest.warns(UserWarning, match="Duplicate name"):
        archive.writestr("x/data/0", bytes(24))
    with pytest.raises(WeightsError, match="two of its entries have the same name"):
        ZipFile(str(file))


@pytest.mark.parametrize("names", [["x/data.pk"], ["x/data.pkl", "y/data.pkl"], ["a/b/data.pkl"]])
def test_there_is_one_pickle(names, tmp_path: Path):
    with zipfile.ZipFile(tmp_path / "a.pt", "w") as archive:
        for name in names:
            archive.writestr(name, CONTENT)
    with pytest.raises(WeightsError, match="it has no data.pkl, or several"):
        ZipFile(str(tmp_path / "a.pt"))


def test_a_pickle_has_a_largest_size(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(zip_file, "MOST_BYTES", 1 << 20)
    file = torch_zip(tmp_path / "a.pt", bytes((1 << 20) + 1))
    with pytest.raises(WeightsError, match="its pickle takes more than 1 MiB"):
        ZipFile(str(file))


def test_a_changed_byte_shows_in_the_checksum(tmp_path: Path):
    content = bytearray((GOLDEN / "weights.pt").read_bytes())
    place = content.index(np.float32(2.5).tobytes())
    content[place] ^= 1
    file = tmp_path / "a.pt"
    file.write_bytes(content)
    with pytest.raises(WeightsError, match="damaged or cut off: data/0 in it; copy"):
        ZipFile(str(file)).storage_bytes(Storage("0", "float32", 24))
