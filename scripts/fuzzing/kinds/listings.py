"""Lists of names: class files, lists of images, the log of the best scores."""

from __future__ import annotations

import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scripts.fuzzing.case import SAME, Case, Kind
from scripts.fuzzing.mutations import lines

_FILE = "list.txt"
_IMAGES = frozenset({"000001", "000002", "000005", "photo 7"})  # that are there


class ListKind(Kind):
    """A seed for each reader."""

    name = "list"

    def sound(self) -> Mapping[str, Mapping[str, bytes]]:
        """A few lines of each."""
        return {
            "classes": {_FILE: b"cat\ndog\ntraffic light\n"},
            "images": {_FILE: b"000001\n000002\n000005\nphoto 7\n"},
            "best": {_FILE: b"0000:\t0.1000\n0003:\t0.2500\n"},
        }

    def mutate(self, draw: random.Random) -> Case:
        """Changed lines, or the same ones saved by another editor."""
        seed = draw.choice(list(self.seeds))
        text = self.seeds[seed][_FILE].decode()
        if draw.random() < 0.15:
            content, story = lines.resaved(draw, text)
            return Case(seed, {_FILE: content}, SAME, f"{seed}: {story}")
        content, story = lines.mutated(draw, text)
        return Case(seed, {_FILE: content}, story=f"{seed}: {story}")

    def read(self, folder: Path, seed: str) -> Any:
        """What the reader of a seed's list finds."""
        if seed == "classes":
            from gluon_ssd.data.classes import read_classes_file

            return read_classes_file(folder / _FILE)
        if seed == "images":
            from gluon_ssd.data.sources.voc_list import read_image_set

            names, problems = read_image_set(folder / _FILE, _IMAGES.__contains__)
            return names, [problem.reason for problem in problems]
        from gluon_ssd.training.run_files import read_best

        return read_best(folder / _FILE)
