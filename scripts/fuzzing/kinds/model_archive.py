"""model.tar.gz of SageMaker: a symbol, its parameters and hyperparams.json, taped and packed."""

from __future__ import annotations

import gzip
import io
import json
import random
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from scripts.fuzzing.case import ANY, REFUSED, SAME, Case, Kind
from scripts.fuzzing.kinds.archive import changed_tar
from scripts.fuzzing.kinds.hyperparams import SOUND
from scripts.fuzzing.mutations import json_tree
from scripts.fuzzing.mutations.blocks import damage

_FILE = "model.tar.gz"
_NAME = "model_algo_1"
_SIDE = "64"

Members = Mapping[str, bytes]


def _taped(members: Members, **odd: Any) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            for field, value in odd.items():
                setattr(info, field, value)
            archive.addfile(info, io.BytesIO(content))
    return stream.getvalue()


def _packed(tape: bytes) -> bytes:
    return gzip.compress(tape, 1, mtime=0)


class ModelArchiveKind(Kind):
    """The archive of a small detector whose symbol says nothing of its size and classes."""

    name = "model_archive"
    in_suite = 60

    def prepare(self, folder: Path) -> None:
        """Export the detector, without its record."""
        from tests.deploy.mxnet.model_archives import bare_members
        from tests.deploy.tune_builders import export_tiny

        (folder / "model").mkdir()
        members = bare_members(export_tiny(folder))
        members["hyperparams.json"] = json.dumps({**SOUND, "image_shape": _SIDE}).encode()
        for path in folder.glob("*.*"):
            path.unlink()
        (folder / "model" / _FILE).write_bytes(_packed(_taped(members)))

    def named(self) -> Sequence[Case]:
        """Ways out of the folder, links, a half, two models, and 64 MiB of zeros."""
        sound = self._members()
        pair = {name: sound[name] for name in sound if name.startswith(_NAME)}
        half = {name: sound[name] for name in sound if not name.endswith(".params")}
        again = {name.replace(_NAME, "b"): content for name, content in pair.items()}
        link = {"type": tarfile.SYMTYPE, "linkname": "/etc/passwd"}
        numbers = {**sound, "hyperparams.json": b'{"image_shape": true}'}
        data = self.seeds["model"][_FILE]
        tapes = {
            "a path": _taped({**sound, "../x-symbol.json": b"{}"}),
            "a root": _taped({**sound, "/x-symbol.json": b"{}"}),
            "links": _taped(sound, **link),
            "no parameters": _taped(half),
            "no symbol": _taped({"hyperparams.json": sound["hyperparams.json"]}),
            "two models": _taped({**sound, **again}),
            "no number": _taped(numbers),
            "zeros": _taped({"x-symbol.json": b"{}", "x-0000.params": bytes(64 << 20)}),
        }
        cases = [Case("model", {_FILE: _packed(t)}, REFUSED, of) for of, t in tapes.items()]
        cases.append(Case("model", {_FILE: data[:-9]}, REFUSED, "cut"))
        return [*cases, Case("model", {_FILE: _taped(sound)}, SAME, "not packed")]

    def mutate(self, draw: random.Random) -> Case:
        """Bytes of the packed file, headers of the tape, or a member changed."""
        chance, data = draw.random(), self.seeds["model"][_FILE]
        if chance < 0.2:
            text, story = damage(draw, data)
            return Case("model", {_FILE: text}, story=f"packed: {story}")
        if chance < 0.3:
            cut = data[: draw.randrange(len(data) - 8)]
            return Case("model", {_FILE: cut}, REFUSED, "cut")
        if chance < 0.6:
            tape, story = changed_tar(draw, gzip.decompress(data))
            return Case("model", {_FILE: _packed(tape)}, story=f"tape: {story}")
        members = dict(self._members())
        name, expects = draw.choice(list(members)), ANY
        if name == "hyperparams.json":
            content = json.loads(members[name])
            members[name], story = json_tree.mutated(draw, content, ("0", "-1", "x", 300))
        elif chance < 0.8:
            members[name], story = damage(draw, members[name])
        else:
            del members[name]
            expects = ANY if name == "hyperparams.json" else REFUSED
            story = "left out"
        return Case("model", {_FILE: _packed(_taped(members))}, expects, f"{name}: {story}")

    def read(self, folder: Path, seed: str) -> Any:
        """What is read of the model."""
        from gluon_ssd.deploy.mxnet.files import read_exported
        from gluon_ssd.deploy.mxnet.graph import format_graph

        exported = read_exported(str(folder / _FILE))
        shapes = sorted((name, array.shape) for name, array in exported.params.items())
        facts = exported.hyperparams
        stated = facts and (facts.input_size_hw, facts.num_classes, facts.nms_threshold)
        return (
            json.loads(format_graph(exported.graph)),
            shapes,
            stated,
            exported.input_size_hw(None),
        )

    def _members(self) -> dict[str, bytes]:
        with tarfile.open(fileobj=io.BytesIO(self.seeds["model"][_FILE])) as archive:
            files = {member.name: archive.extractfile(member) for member in archive}
            return {name: file.read() for name, file in files.items() if file is not None}
