"""Our reader of MXNet's files beside MXNet's own, and files that must not reach MXNet."""

from __future__ import annotations

import os
import random
import re
import struct
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from gluon_ssd.compat import mx
from gluon_ssd.errors import WeightsError
from gluon_ssd.models.array_file import is_array_file, read_array_file
from tests.models.array_files import CPU, bfloat16, dense, listed, oldest

DTYPES = ["float32", "float64", "float16", "uint8", "int32", "int8", "int64", "bool"]
SHAPES = [(1,), (3,), (2, 3), (2, 0, 3), (1, 2, 3, 4), (1, 1, 1, 1, 2)]
VALUES = np.arange(6, dtype=np.float32).reshape(2, 3)
MEMORY = 300_000  # bytes beside the content, whatever a header says


def same(found: dict, wanted: dict) -> None:
    assert list(found) == list(wanted)
    for name, array in wanted.items():
        expected = array.asnumpy()
        assert (found[name].dtype, found[name].shape) == (expected.dtype, expected.shape), name
        assert found[name].tobytes() == expected.tobytes(), name


@pytest.mark.parametrize("dtype", DTYPES)
def test_arrays_are_those_that_mxnet_reads(tmp_path: Path, dtype: str):
    path = str(tmp_path / "a.params")
    rng = np.random.default_rng(0)
    arrays = {
        f"arg:ä{shape}": mx.nd.array(rng.integers(0, 2, shape), dtype=dtype) for shape in SHAPES
    }
    mx.nd.save(path, arrays)
    same(read_array_file(path), mx.nd.load(path))


def test_arrays_of_any_number_of_dimensions_are_read(tmp_path: Path):
    path = str(tmp_path / "a.params")
    with mx.util.np_shape(True):
        arrays = {"none": mx.nd.array(np.zeros((0, 3))), "one": mx.nd.array(np.float32(3))}
        mx.nd.save(path, arrays)
        same(read_array_file(path), mx.nd.load(path))


@pytest.mark.parametrize("form", ["0.9", "oldest"])
def test_files_of_old_versions_are_those_that_mxnet_reads(tmp_path: Path, form: str):
    path = tmp_path / "old.params"
    packed = {"0.9": lambda values: dense(values, 0xF993FAC8), "oldest": oldest}[form]
    arrays = [packed(values) for values in (VALUES, VALUES.astype(np.int8), VALUES[0])]
    path.write_bytes(listed(arrays, [b"arg:a", b"aux:b", b"c"]))
    same(read_array_file(path), mx.nd.load(str(path)))


def test_bfloat16_becomes_float32(tmp_path: Path):
    path = tmp_path / "b.params"
    path.write_bytes(listed([bfloat16([0x3F80, 0xC040, 0])], [b"b"]))
    found = read_array_file(path)["b"]
    assert (found.dtype, found.tolist()) == (np.float32, [1, -3, 0])


def test_shared_files_are_those_that_mxnet_reads(shared_dir: Path):
    files = sorted(shared_dir.glob("**/*.params"))
    for path in files:
        same(read_array_file(path), mx.nd.load(str(path)))
    assert len(files) >= 3


def test_arrays_are_the_caller_s_own(tmp_path: Path):
    path = tmp_path / "a.params"
    path.write_bytes(listed([dense(VALUES)], [b"a"]))
    array = read_array_file(path)["a"]
    array[:] = 7
    assert read_array_file(path)["a"].tolist() == VALUES.tolist()


def test_the_start_tells_the_kind(tmp_path: Path):
    (tmp_path / "a").write_bytes(listed([dense(VALUES)], [b"a"]))
    (tmp_path / "b").write_bytes(b"\x12\x01")
    assert is_array_file(tmp_path / "a") and not is_array_file(tmp_path / "b")


@contextmanager
def little_memory() -> Iterator[None]:
    """Fails where more was taken within the block than a small file is worth."""
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < MEMORY
    finally:
        tracemalloc.stop()


def header(count: int, names: int = 0, size: int = 124) -> bytes:
    start = struct.pack("<3Q", 0x112, 0, count)
    return (start + struct.pack("<Q", names)).ljust(size, b"\0")


def shaped(*lengths: int, magic: int = 0xF993FAC9) -> bytes:
    """An array of float32 whose header says a shape, with one value behind it."""
    start = struct.pack("<Ii", magic, 0)
    shape = struct.pack(f"<i{len(lengths)}q", len(lengths), *lengths)
    return listed([start + shape + CPU + struct.pack("<i", 0) + bytes(4)], [b"a"])


SOUND = listed([dense(VALUES), dense(VALUES[0])], [b"a", b"b"])
BROKEN = {
    "30 million arrays": (header(30_000_000), "it says that 30000000 arrays follow, in 100 bytes"),
    "2^64 - 1 arrays": (header(2**64 - 1), "18446744073709551615 arrays follow"),
    "2^63 names": (header(0, 2**63), "9223372036854775808 names follow"),
    "another start": (b"\x13" + SOUND[1:], "does not start as one"),
    "empty": (b"", "does not start as one"),
    "a short start": (SOUND[:12], "it ends within its start"),
    "cut in an array": (SOUND[:70], r"array 0 of shape \(2, 3\) takes 24 bytes, 6 are left"),
    "cut in a header": (SOUND[:34], "it ends within array 0"),
    "cut in the names": (SOUND[:-1], "it ends within name 1"),
    "more behind": (SOUND + b"\0", "1 bytes stand behind its end"),
    "negative length": (shaped(2, -1), r"array 0 has the shape \(2, -1\)"),
    "2^62 values": (shaped(2**31, 2**31), "takes 18446744073709551616 bytes, 21 are left"),
    "product beyond 64 bits": (shaped(2**63 - 1, 2**63 - 1, 2**63 - 1), "takes"),
    "no value of a huge shape": (shaped(0, 2**62, 2**62), "takes"),
    "no dimensions": (shaped(), "array 0 has no values, as of a network that was never run"),
    "unknown shape": (
        listed([struct.pack("<Iii", 0xF993FACA, 0, -1)], [b"a"]),
        "array 0 has -1 dimensions, allowed are 32",
    ),
    "33 dimensions": (shaped(*[1] * 33), "array 0 has 33 dimensions"),
    "unknown type": (
        listed([dense(VALUES)[:-28] + struct.pack("<i", 9) + bytes(24)], [b"a"]),
        "array 0 has values of the unknown type 9",
    ),
    "unknown storage": (
        listed([struct.pack("<Ii", 0xF993FAC9, 7)], [b"a"]),
        "array 0 has the unknown storage 7",
    ),
    "one name twice": (
        listed([dense(VALUES), dense(VALUES)], [b"arg:a", b"arg:a"]),
        "several arrays have one name: arg:a",
    ),
    "one name for two": (listed([dense(VALUES)] * 2, [b"a"]), "2 arrays and 1 names"),
    "no UTF-8": (listed([dense(VALUES)], [b"\xe1"]), "name 0 is not UTF-8 text"),
    "a line break": (listed([dense(VALUES)], [b"a\nb"]), r"an array is called 'a\\nb'"),
    "a long name": (listed([dense(VALUES)], [b"a" * 1025]), "name 0 has 1025 bytes, allowed are"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_broken_files_are_one_line(tmp_path: Path, case: str):
    content, message = BROKEN[case]
    path = tmp_path / "bad.params"
    path.write_bytes(content)
    with little_memory(), pytest.raises(WeightsError) as caught:
        read_array_file(path)
    assert re.search(rf"bad\.params is no MXNet.*{message}.*; copy or fetch", str(caught.value))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("kind", "name"), [(1, "row_sparse"), (2, "csr")])
def test_sparse_arrays_are_refused_by_name(tmp_path: Path, kind: int, name: str):
    path = str(tmp_path / "s.params")
    mx.nd.save(path, {"s": mx.nd.array(VALUES).tostype(name)})
    with pytest.raises(WeightsError, match=rf"s\.params: array 0 is sparse \({name}\)"):
        read_array_file(path)
    assert Path(path).read_bytes()[28] == kind


def test_arrays_without_names_are_refused(tmp_path: Path):
    mx.nd.save(str(tmp_path / "l.params"), [mx.nd.zeros(3)])
    with pytest.raises(WeightsError, match="holds no named arrays, it holds 1 arrays without"):
        read_array_file(tmp_path / "l.params")


def test_a_pipe_is_not_waited_for(tmp_path: Path):
    os.mkfifo(tmp_path / "p.params")
    with pytest.raises(OSError, match="it is a pipe, not a file"):
        read_array_file(tmp_path / "p.params")


def mutated(content: bytes, rng: random.Random) -> bytes:
    """A file with one to three faults: bits, numbers of 4 or 8 bytes, cuts, gaps, repeats."""
    data = bytearray(content)
    for _ in range(rng.randint(1, 3)):
        at = rng.randrange(len(data))
        kind = rng.randrange(6)
        if kind == 0:
            data[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            data[at : at + 4] = struct.pack("<i", rng.choice([-1, 0, 7, 12, 33, 2**31 - 1]))
        elif kind == 2:
            data[at : at + 8] = struct.pack("<q", rng.choice([-1, 2**40, 2**62, 2**63 - 1]))
        elif kind == 3:
            del data[at:]
        elif kind == 4:
            del data[at : at + rng.randint(1, 16)]
        else:
            data[at:at] = data[at : at + rng.randint(1, 64)]
        data = data or bytearray(b"\0")
    return bytes(data)


def test_mutated_files_are_read_or_one_line_and_take_little_memory(tmp_path: Path):
    names = [b"a", b"b", b"c"]
    sources = [
        SOUND,
        listed([oldest(VALUES), dense(VALUES, 0xF993FAC8)], ["ä".encode(), b"arg:b"]),
        listed([bfloat16([1, 2]), dense(VALUES.astype(np.int64)), dense(VALUES)], names),
    ]
    rng, path, refused = random.Random(0), tmp_path / "m.params", 0
    for number in range(1500):
        path.write_bytes(mutated(sources[number % len(sources)], rng))
        with little_memory():
            try:
                read_array_file(path)
            except WeightsError as error:
                assert "\n" not in str(error)
                refused += 1
    assert refused > 1000
