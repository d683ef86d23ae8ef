"""Change zip archives by their members, then their bytes."""

from __future__ import annotations

import io
import random
import struct
import zipfile
from collections.abc import Callable, Sequence

from scripts.fuzzing.mutations.blocks import damage

Members = list[tuple[str, bytes]]

_NAMES = (
    "",
    "/etc/passwd",
    "../../x",
    "a/../../x",
    "a\\b",
    "c:x",
    "x" * 5000,
    "a\nb",
    "\u00e9.jpg",
    "a/",
    ".",
    "..",
    "facts.npy",
    "data.pkl",
    "a/data.pkl",
)


def members_of(data: bytes) -> Members:
    """Names and contents."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return [(name, archive.read(name)) for name in archive.namelist()]


def written(members: Sequence[tuple[str, bytes]], method: int = zipfile.ZIP_STORED) -> bytes:
    """An archive of members."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        for name, content in members:
            info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            info.compress_type = method
            # The library warns of doubled names, which are what is wanted.
            archive.NameToInfo.pop(info.filename, None)
            archive.writestr(info, content)
    return stream.getvalue()


def _drop(draw: random.Random, members: Members) -> None:
    del members[draw.randrange(len(members))]


def _double(draw: random.Random, members: Members) -> None:
    members.append(draw.choice(members))


def _rename(draw: random.Random, members: Members) -> None:
    number = draw.randrange(len(members))
    name, content = members[number]
    members[number] = draw.choice((*_NAMES, name + "x", name.upper(), name[:-1])), content


def _swap(draw: random.Random, members: Members) -> None:
    one, other = draw.randrange(len(members)), draw.randrange(len(members))
    (name, content), (second, other_content) = members[one], members[other]
    members[one], members[other] = (name, other_content), (second, content)


def _damage(draw: random.Random, members: Members) -> None:
    number = draw.randrange(len(members))
    name, content = members[number]
    members[number] = name, damage(draw, content)[0]


def _empty(draw: random.Random, members: Members) -> None:
    number = draw.randrange(len(members))
    members[number] = members[number][0], b""


_WAYS: tuple[Callable[[random.Random, Members], None], ...] = (
    _drop,
    _drop,
    _double,
    _rename,
    _rename,
    _swap,
    _damage,
    _damage,
    _damage,
    _damage,
    _empty,
)


def change_members(draw: random.Random, members: Members, times: int = 1) -> str:
    """Change the list of members in place; what was done."""
    done = []
    for _ in range(times):
        if members:
            way = draw.choice(_WAYS)
            way(draw, members)
            done.append(way.__name__.strip("_"))
    return "members: " + ", ".join(done)


def with_bomb(members: Members, draw: random.Random, mib: int) -> bytes:
    """An archive in which one member of so many MiB takes a few kB."""
    number = draw.randrange(len(members))
    bomb = [*members]
    bomb[number] = bomb[number][0], bytes(mib << 20)
    return written(bomb, zipfile.ZIP_DEFLATED)


def change_headers(draw: random.Random, data: bytes) -> tuple[bytes, str]:
    """Change a field of a member's local header, of the central directory, or of the end."""
    changed = bytearray(data)
    mark, fields = draw.choice(
        (
            (b"PK\x03\x04", ((4, 2), (6, 2), (8, 2), (14, 4), (18, 4), (22, 4), (26, 2), (28, 2))),
            (
                b"PK\x01\x02",
                ((6, 2), (8, 2), (10, 2), (16, 4), (20, 4), (24, 4), (28, 2), (30, 2), (32, 2))
                + ((38, 4), (42, 4)),
            ),
            (b"PK\x05\x06", ((4, 2), (6, 2), (8, 2), (10, 2), (12, 4), (16, 4), (20, 2))),
        )
    )
    starts = [at for at in range(len(data) - 3) if data[at : at + 4] == mark]
    if not starts:
        return damage(draw, data)
    start = draw.choice(starts)
    offset, size = draw.choice(fields)
    (old,) = struct.unpack_from("<H" if size == 2 else "<I", data, start + offset)
    odd = (0, 1, 8, 9, 12, 14, 0xFFFF, 0xFFFFFFFF, 0x7FFFFFFF, old + 1, old - 1, old * 2, old ^ 8)
    number = draw.choice(odd) & ((1 << 8 * size) - 1)
    changed[start + offset : start + offset + size] = number.to_bytes(size, "little")
    return bytes(changed), f"header {mark[2:].hex()} field {offset} = {number}"


def mutated(draw: random.Random, data: bytes) -> tuple[bytes, str]:
    """An archive with changed members, headers or bytes; and what was done."""
    chance = draw.random()
    if chance < 0.2:
        return damage(draw, data)
    if chance < 0.5:
        return change_headers(draw, data)
    members = members_of(data)
    story = change_members(draw, members, draw.choice((1, 1, 2)))
    method = draw.choice((zipfile.ZIP_STORED,) * 3 + (zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2))
    return written(members, method), f"{story}, method {method}"
