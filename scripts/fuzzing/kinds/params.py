"""Parameter files of MXNet."""

from __future__ import annotations

import random
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from scripts.fuzzing.case import REFUSED, SAME, Case, Kind
from scripts.fuzzing.mutations import array_shapes
from scripts.fuzzing.mutations.blocks import damage

_FILE = "weights.params"
_NETWORK = "ssd_160_tiny_custom"
_LIST_MAGIC = 0x112
_ARRAY_MAGIC = 0xF993FAC9
_NUMBERS = (0, 1, 2, 7, 8, 255, 65535, 2**31 - 1, 2**31, 2**32 - 1, 30_000_000, 10**9)
_ARRAYS = {
    "arg:conv0_weight": (4, 3, 3, 3),
    "arg:conv0_bias": (4,),
    "aux:bn_running_mean": (4,),
    "arg:classes_weight": (8, 4, 1, 1),
}


def _positions(data: bytes) -> list[tuple[int, int, str]]:
    """(offset, bytes, what it is) of every number in the headers of a sound file."""
    found = [(0, 8, "magic"), (8, 8, "reserved"), (16, 8, "count")]
    (count,) = struct.unpack_from("<Q", data, 16)
    at = 24
    for _ in range(count):
        found += [(at, 4, "magic of an array"), (at + 4, 4, "storage type"), (at + 8, 4, "ndim")]
        (ndim,) = struct.unpack_from("<i", data, at + 8)
        sizes = struct.unpack_from(f"<{ndim}q", data, at + 12)
        found += [(at + 12 + 8 * n, 8, "size of an axis") for n in range(ndim)]
        at += 12 + 8 * ndim
        found += [(at, 4, "device type"), (at + 4, 4, "device"), (at + 8, 4, "type")]
        size = 4
        for each in sizes:
            size *= each
        at += 12 + size
    found.append((at, 8, "number of names"))
    (names,) = struct.unpack_from("<Q", data, at)
    at += 8
    for _ in range(names):
        found.append((at, 8, "length of a name"))
        at += 8 + struct.unpack_from("<Q", data, at)[0]
    return found


def _network() -> Any:
    from gluon_ssd.families.build import build_network

    return build_network(_NETWORK, classes=("ant", "bee", "cat"))


class ParamsKind(Kind):
    """A file with names as `export` gives them, and the weights of a small network."""

    name = "params"

    def __init__(self) -> None:
        super().__init__()
        self._arrays: array_shapes.Arrays = {}
        self._network: Any = None

    def prepare(self, folder: Path) -> None:
        """Write them with MXNet."""
        import numpy as np

        from gluon_ssd.compat import mx
        from gluon_ssd.models.first_weights import initialize
        from gluon_ssd.models.weights import save_parameters

        values = np.random.default_rng(0)
        (folder / "named").mkdir()
        arrays = {n: mx.nd.array(values.normal(size=s)) for n, s in _ARRAYS.items()}
        mx.nd.save(str(folder / "named" / _FILE), arrays)
        (folder / "network").mkdir()
        network = _network()
        initialize(network, seed=4)
        save_parameters(network, folder / "network" / _FILE)

    def load(self, folder: Path) -> None:
        """Read the arrays of the network too."""
        from gluon_ssd.models.array_file import read_array_file

        super().load(folder)
        self._arrays = read_array_file(folder / "network" / _FILE)

    def named(self) -> Sequence[Case]:
        """A header of 30 million arrays, a changed ndim, a bit of a name."""
        data = self._data
        many = struct.pack("<QQQ", _LIST_MAGIC, 0, 30_000_000)
        start = data.index(b"arg:conv0_weight")
        name = bytearray(data)
        name[start + 3] ^= 0x80
        places = {what: at for at, _, what in reversed(_positions(data))}
        cases = [
            Case("named", {_FILE: many + bytes(100)}, REFUSED, "30 million arrays in a header"),
            Case("named", {_FILE: bytes(name)}, REFUSED, "a name that is no UTF-8"),
        ]
        for number in _NUMBERS[4:]:
            changed = bytearray(data)
            struct.pack_into("<I", changed, places["ndim"], number)
            cases.append(Case("named", {_FILE: bytes(changed)}, REFUSED, f"ndim {number}"))
        return cases

    def mutate(self, draw: random.Random) -> Case:
        """A number of the headers changed, a name, or any bytes; a cut is surely no answer."""
        data, chance = self._data, draw.random()
        if draw.random() < 0.05:
            found = array_shapes.reshaped(draw, self._arrays)
            return Case("network", {_FILE: found[0]}, REFUSED, found[1])
        if chance < 0.1:
            return Case("named", {_FILE: data[: draw.randrange(len(data))]}, REFUSED, "cut")
        if chance < 0.7:
            at, size, what = draw.choice(_positions(data))
            odd = (*_NUMBERS, draw.randrange(20), 2**62, 2**63, 2**64 - 1)
            value = draw.choice(odd) & ((1 << 8 * size) - 1)
            changed = data[:at] + value.to_bytes(size, "little") + data[at + size :]
            expects = SAME if changed == data else "any"
            return Case("named", {_FILE: changed}, expects, f"{what} = {value}")
        text, story = damage(draw, data)
        return Case("named", {_FILE: text}, story=story)

    def read(self, folder: Path, seed: str) -> Any:
        """Names and arrays; those of the network are loaded into one."""
        from gluon_ssd.models.params_file import read_params

        if seed == "network":
            from gluon_ssd.models.weights import load_parameters

            self._network = self._network or _network()
            load_parameters(self._network, folder / _FILE)
        return read_params(folder / _FILE)

    def complain(self, answer: Mapping[str, Any]) -> str:
        """No array can be larger than the file was."""
        most = max(map(len, (files[_FILE] for files in self.seeds.values()))) + 10_000
        large = [name for name, array in answer.items() if array.nbytes > most]
        return f"{large[0]} is larger than its file" if large else ""

    @property
    def _data(self) -> bytes:
        return self.seeds["named"][_FILE]
