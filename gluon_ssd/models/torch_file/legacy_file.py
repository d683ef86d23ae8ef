"""The form that torch wrote before 1.6: four pickles, then the storages one after another.

    pickle      a magic number
    pickle      the version of the form, 1001
    pickle      facts about the writing machine: its byte order
    pickle      the value; its references name storages
    pickle      the names of the storages in the order of their bytes
    for each    the number of its elements, 8 bytes, and the elements

The files of torchvision from before 2020 and NVIDIA's of June 2020 have it.
"""

from __future__ import annotations

import io
from typing import Any

from gluon_ssd.models.torch_file.notes import ITEM_BYTES, Storage, damaged
from gluon_ssd.models.torch_file.pickle_reader import MOST_BYTES, read_pickle

_MAGIC, _VERSION = 0x1950A86A20F9469CFC6C, 1001
_START = b"\x8a\x0a" + _MAGIC.to_bytes(10, "little") + b"."  # a number of 10 bytes, and the end


class LegacyFile:
    """A torch file of that form.

    Attributes:
        root: the value of its pickle.
        byte_order: "<" or ">", of its storages.
    """

    def __init__(self, path: str) -> None:
        """Read the pickles of the file at `path`. Raises WeightsError, OSError."""
        self._path = path
        with open(path, "rb") as file:
            stream = io.BytesIO(file.read(MOST_BYTES))
            magic, version, facts = (read_pickle(stream, path)[0] for _ in range(3))
            if magic != _MAGIC or version != _VERSION or not isinstance(facts, dict):
                raise damaged(path, "its first lines are not those of a torch file")
            self.byte_order = "<" if facts.get("little_endian", True) else ">"
            self.root, storages = read_pickle(stream, path)
            keys, _ = read_pickle(stream, path)
            self._places = self._walk(file, stream.tell(), storages, keys)

    def _walk(
        self, file: io.BufferedReader, place: int, storages: dict[str, Storage], keys: Any
    ) -> dict[str, int]:
        """Where the elements of each storage begin, in bytes; all of them are in the file."""
        if not isinstance(keys, list) or len(keys) > len(storages):
            raise damaged(self._path, "its list of storages is wrong")
        places = {}
        end = file.seek(0, io.SEEK_END)
        for key in keys:
            storage = storages.get(key) if isinstance(key, str) else None
            if storage is None:
                raise damaged(self._path, "its list of storages is wrong")
            file.seek(place)
            count = int.from_bytes(file.read(8), "little")
            places[key] = place + 8
            place += 8 + storage.count * ITEM_BYTES[storage.dtype]
            if count != storage.count or place > end:
                raise damaged(self._path, f"a storage of {storage.count} elements is not all there")
        return places

    def storage_bytes(self, storage: Storage) -> bytes:
        """The elements of a storage. Raises WeightsError when they are not there."""
        if storage.key not in self._places:
            raise damaged(self._path, "a storage is missing")
        with open(self._path, "rb") as file:
            file.seek(self._places[storage.key])
            return file.read(storage.count * ITEM_BYTES[storage.dtype])

    def close(self) -> None:
        """Nothing is held open."""


def is_legacy_torch(start: bytes) -> bool:
    """Whether a file that starts with these bytes, at least 16, has that form."""
    return start[:1] == b"\x80" and start[2:].startswith(_START)
