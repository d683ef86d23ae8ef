"""The form that torch has written since 1.6: a zip archive of a pickle and one file a storage.

    NAME/data.pkl       the pickle; its references name files below NAME/data
    NAME/data/0, ...    raw elements
    NAME/byteorder      "little" or "big"; little without it
    NAME/version        of the form

Nothing is ever unpacked to disk, and nothing is compressed: archives that are, or whose files
overlap, were not written by torch.
"""

from __future__ import annotations

import io
import re
import struct
import zipfile
import zlib
from pathlib import Path

from gluon_ssd.errors import WeightsError
from gluon_ssd.models.torch_file.notes import ITEM_BYTES, Storage, damaged
from gluon_ssd.models.torch_file.pickle_reader import MOST_BYTES, read_pickle

_LOCAL_HEADER = 30  # bytes of an entry before its name, whose length stands in bytes 26 and 27
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    NotImplementedError,  # a method of compression, or a version of the form
    RuntimeError,  # encryption
    EOFError,
    ValueError,
    OverflowError,
    KeyError,
)


class ZipFile:
    """A torch file of that form, open for reading.

    Attributes:
        root: the value of its pickle.
        byte_order: "<" or ">", of its storages.
    """

    def __init__(self, path: str) -> None:
        """Read the pickle of the file at `path`. Raises WeightsError, OSError."""
        self._path = path
        try:
            self._archive = zipfile.ZipFile(path)
            self._name = self._checked_name()
            order = self._bytes("byteorder") if self._size("byteorder") else b"little"
        except _DAMAGE as error:
            raise damaged(path, "" if isinstance(error, KeyError) else error) from error
        if order not in (b"little", b"big"):
            raise damaged(path, "the order of its bytes is unknown")
        self.byte_order = ">" if order == b"big" else "<"
        if self._size("constants.pkl"):
            raise WeightsError(
                f"{path} is a TorchScript program, not weights; give the file of a state dict"
            )
        if self._size("data.pkl") > MOST_BYTES:
            raise damaged(path, f"its pickle takes more than {MOST_BYTES >> 20} MiB")
        self.root, _ = read_pickle(io.BytesIO(self._bytes("data.pkl")), path)

    def close(self) -> None:
        """Close the file."""
        self._archive.close()

    def _checked_name(self) -> str:
        """NAME, after a look at every entry. Raises WeightsError and of `_DAMAGE`."""
        entries = self._archive.infolist()
        names = [entry.filename for entry in entries]
        for entry in entries:
            if ".." in entry.filename.split("/") or entry.filename.startswith(("/", "\\")):
                raise WeightsError(
                    f"{self._path} is refused: it has an entry {ascii(entry.filename)[:80]}, which "
                    "leads out of the archive; give a file that torch.save has written"
                )
            if entry.compress_type != zipfile.ZIP_STORED or entry.file_size != entry.compress_size:
                raise WeightsError(
                    f"{self._path} is refused: its entry {ascii(entry.filename)[:80]} is "
                    "compressed, which torch.save does not do; give the file as it was written"
                )
        if any(entry.header_offset < 0 for entry in entries):
            raise ValueError("an entry begins before the file")
        if len(set(names)) < len(names):
            raise ValueError("two of its entries have the same name")
        if sum(entry.file_size for entry in entries) > Path(self._path).stat().st_size:
            raise ValueError("its entries take more than the file has")
        found = [match for name in names if (match := re.fullmatch(r"([^/]+)/data\.pkl", name))]
        if len(found) != 1:
            raise ValueError("it has no data.pkl, or several")
        return found[0][1]

    def _size(self, entry: str) -> int:
        try:
            return self._archive.getinfo(f"{self._name}/{entry}").file_size
        except KeyError:
            return 0

    def _bytes(self, entry: str) -> bytes:
        """The content of an entry, whose checksum is right. Raises WeightsError."""
        try:
            return self._archive.read(f"{self._name}/{entry}")
        except _DAMAGE as error:
            raise damaged(self._path, f"{ascii(entry)[1:-1][:80]} in it") from error

    def storage_bytes(self, storage: Storage) -> bytes:
        """The elements of a storage. Raises WeightsError when they are not there."""
        wanted, found = storage.count * ITEM_BYTES[storage.dtype], self._size(f"data/{storage.key}")
        if wanted != found:
            raise damaged(
                self._path,
                f"a storage of {storage.count} {storage.dtype} has {found} bytes instead of "
                f"{wanted}",
            )
        return self._bytes(f"data/{storage.key}") if wanted else b""


def is_torch_zip(path: str) -> bool:
    """Whether a zip archive is a torch file rather than another one, such as an .npz.

    The name of its first entry tells, which a file that was cut off has too, or the list of all
    at its end. Raises OSError.
    """
    with open(path, "rb") as file:
        start = file.read(_LOCAL_HEADER)
        name = file.read(int.from_bytes(start[26:28], "little"))
    if name.endswith(b"/data.pkl"):
        return True
    try:
        with zipfile.ZipFile(path) as archive:
            return any(name.endswith("/data.pkl") for name in archive.namelist())
    except _DAMAGE:
        return False
