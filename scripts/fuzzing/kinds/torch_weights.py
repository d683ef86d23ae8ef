"""Files of torch.save, read without running anything of them."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from scripts.fuzzing.case import REFUSED, Case, Kind
from scripts.fuzzing.mutations import zip_members
from scripts.fuzzing.mutations.blocks import damage

_FILE = "weights.pt"


class TorchKind(Kind):
    """A state dict, and a checkpoint with facts beside one."""

    name = "torch"

    def prepare(self, folder: Path) -> None:
        """Write both in the form that torch has."""
        import numpy as np

        from gluon_ssd.models.torch_file.writer import write_state_dict

        draw = np.random.default_rng(0)
        arrays = {
            "layer.weight": draw.normal(size=(4, 3, 3, 3)).astype(np.float32),
            "layer.bias": draw.normal(size=4).astype(np.float32),
            "count": np.array(3, np.int64),
        }
        for name, options in {
            "plain": {},
            "below": {
                "below": "model",
                "facts": {"epoch": 3, "best": [0.5, None], "n": {"a": "b"}},
            },
        }.items():
            (folder / name).mkdir()
            write_state_dict(folder / name / _FILE, arrays, **options)

    def named(self) -> Sequence[Case]:
        """A pickle that would call something."""
        members = zip_members.members_of(self.seeds["plain"][_FILE])
        call = b"\x80\x02cos\nsystem\nX\x04\x00\x00\x00trueq\x01\x85R."
        files = [(n, call if n.endswith("data.pkl") else content) for n, content in members]
        evil = zip_members.written(files)
        return [Case("plain", {_FILE: evil}, REFUSED, "a pickle that calls os.system")]

    def mutate(self, draw: random.Random) -> Case:
        """The pickle, the storages, the archive or the bytes of it."""
        seed = draw.choice(list(self.seeds))
        data, chance = self.seeds[seed][_FILE], draw.random()
        members = zip_members.members_of(data)
        if chance < 0.1:
            return Case(seed, {_FILE: data[: draw.randrange(len(data) - 60)]}, REFUSED, "cut")
        if chance < 0.2:
            name, content = draw.choice([m for m in members if "/data/" in m[0]])
            changed = bytearray(data)
            changed[data.index(content) + draw.randrange(len(content))] ^= 1 << draw.randrange(8)
            return Case(seed, {_FILE: bytes(changed)}, REFUSED, f"a bit of {name}")
        if chance < 0.65:
            number = next(n for n, member in enumerate(members) if member[0].endswith(".pkl"))
            text, story = damage(draw, members[number][1])
            members[number] = members[number][0], text
            return Case(seed, {_FILE: zip_members.written(members)}, story=f"pickle: {story}")
        text, story = zip_members.mutated(draw, data)
        return Case(seed, {_FILE: text}, story=story)

    def read(self, folder: Path, seed: str) -> Any:
        """Names and arrays."""
        from gluon_ssd.models.params_file import read_params

        return read_params(folder / _FILE)
