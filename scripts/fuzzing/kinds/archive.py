"""Archives of data sets, zip and tar."""

from __future__ import annotations

import io
import random
import shutil
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from scripts.fuzzing.case import REFUSED, Case, Kind
from scripts.fuzzing.kinds.drawn import picture
from scripts.fuzzing.mutations import zip_members
from scripts.fuzzing.mutations.blocks import damage

_FILE = "archive"
_HEADER = 512


def _members() -> zip_members.Members:
    return [
        ("val/1.png", picture(1)),
        ("val/2.png", picture(2)),
        ("annotations/val.json", b'{"images": []}' * 40),
    ]


def _taped(members: zip_members.Members, **odd: Any) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            for field, value in odd.items():
                setattr(info, field, value)
            archive.addfile(info, io.BytesIO(content))
    return stream.getvalue()


def _with_sum(header: bytes) -> bytes:
    """A tar header with the sum that belongs to it, so that the change is read at all."""
    blank = header[:148] + b" " * 8 + header[156:]
    return header[:148] + b"%06o\0 " % sum(blank) + header[156:]


def changed_tar(draw: random.Random, data: bytes) -> tuple[bytes, str]:
    """Bytes of a tar changed, or a field of a header under its sum; and what was done."""
    if draw.random() < 0.4:
        return damage(draw, data)
    # Name, mode, size, time, kind, target and prefix of the first or a later header.
    starts = [at for at in range(0, len(data), _HEADER) if data[at + 257 : at + 262] == b"ustar"]
    start = draw.choice(starts)
    header = bytearray(data[start : start + _HEADER])
    begin, size = draw.choice(((0, 100), (100, 8), (124, 12), (136, 12), (156, 1), (157, 100)))
    odd = (
        b"\xff" * 12,
        b"\x80" + b"\xff" * 11,
        b"77777777777\0",
        b"-1\0",
        b"../../x\0",
        b"/x\0",
    )
    kinds = (b"0", b"1", b"2", b"3", b"5", b"6", b"7", b"S", b"L", b"K", b"x", b"g", b"\xff")
    value = draw.choice(kinds if size == 1 else (*odd, draw.randbytes(size)))
    header[begin : begin + size] = value[:size].ljust(size, b"\0")
    changed = data[:start] + _with_sum(bytes(header)) + data[start + _HEADER :]
    return changed, f"header field {begin}"


class ArchiveKind(Kind):
    """A zip and a tar of the same three files."""

    name = "archive"

    def sound(self) -> Mapping[str, Mapping[str, bytes]]:
        """Stored, packed, and taped."""
        members = _members()
        return {
            "zip": {_FILE: zip_members.written(members)},
            "packed": {_FILE: zip_members.written(members, 8)},
            "tar": {_FILE: _taped(members)},
        }

    def named(self) -> Sequence[Case]:
        """Ways out of the folder, and a member that grows by a thousand."""
        draw = random.Random(0)
        content = b"a" * 20
        links = [_taped([("a", b"")], type=kind, linkname="/etc/passwd") for kind in (b"1", b"2")]
        devices = [_taped([("a", b"")], type=kind) for kind in (b"3", b"4", b"6")]
        zips = [zip_members.written([(n, content)]) for n in ("../x", "/x", "a/../../x", "c:\\x")]
        doubled = zip_members.written([("a", content), ("a", content)])
        bomb = zip_members.with_bomb(_members(), draw, 64)
        cases = [Case("tar", {_FILE: data}, REFUSED, "a link") for data in links]
        cases += [Case("tar", {_FILE: data}, REFUSED, "a device") for data in devices]
        cases += [Case("zip", {_FILE: data}, REFUSED, "a path") for data in zips]
        cases += [Case("zip", {_FILE: doubled}, REFUSED, "a name twice")]
        return [*cases, Case("zip", {_FILE: bomb}, REFUSED, "64 MiB of zeros")]

    def mutate(self, draw: random.Random) -> Case:
        """Members, headers or bytes changed; or contents under their sums."""
        seed = draw.choice(list(self.seeds))
        data = self.seeds[seed][_FILE]
        if seed == "tar":
            text, story = changed_tar(draw, data)
            return Case(seed, {_FILE: text}, story=f"tar: {story}")
        if draw.random() < 0.15:
            begin = data.index(b"IHDR" if seed == "zip" else b"1.png") + 40
            changed = bytearray(data)
            changed[begin + draw.randrange(200)] ^= 1 << draw.randrange(8)
            return Case(seed, {_FILE: bytes(changed)}, REFUSED, f"{seed}: a bit under its sum")
        if draw.random() < 0.03:
            bomb = zip_members.with_bomb(_members(), draw, draw.choice((8, 32)))
            return Case(seed, {_FILE: bomb}, REFUSED, "a member that grows")
        text, story = zip_members.mutated(draw, data)
        return Case(seed, {_FILE: text}, story=f"{seed}: {story}")

    def read(self, folder: Path, seed: str) -> Any:
        """The files that come out of it."""
        from gluon_ssd.system.unpack import unpack

        target = folder / "out"
        try:
            count = unpack(folder / _FILE, target)
            files = sorted(path for path in target.rglob("*") if path.is_file())
            found = [(path.relative_to(target).as_posix(), path.read_bytes()) for path in files]
            return count, found
        finally:
            shutil.rmtree(target, ignore_errors=True)
