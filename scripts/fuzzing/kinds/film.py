"""Films, of which a broken one may give fewer frames."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scripts.fuzzing.case import REFUSED, SAME, Case, Kind
from scripts.fuzzing.mutations.blocks import damage

_FILE = "film.avi"
_HW = (32, 48)
_FRAMES = 5


class FilmKind(Kind):
    """A film of five small frames."""

    name = "film"

    def sound(self) -> Mapping[str, Mapping[str, bytes]]:
        """Motion JPEG, which every OpenCV writes."""
        from tests.data.builders import write_video

        with tempfile.TemporaryDirectory() as folder:
            return {"mjpg": {_FILE: write_video(Path(folder, _FILE), _FRAMES, _HW).read_bytes()}}

    def mutate(self, draw: random.Random) -> Case:
        """Damaged bytes, or a header that was cut off."""
        data, chance = self.seeds["mjpg"][_FILE], draw.random()
        if chance < 0.05:
            return Case("mjpg", {_FILE: data[: draw.randrange(100)]}, REFUSED, "cut in its header")
        if chance < 0.1:
            return Case("mjpg", {_FILE: data + b"JUNK\x04\0\0\0abcd"}, SAME, "junk behind it")
        text, story = damage(draw, data)
        return Case("mjpg", {_FILE: text}, story=story)

    def read(self, folder: Path, seed: str) -> Any:
        """Numbers and pixels of the frames."""
        from gluon_ssd.data.videos import count_frames, read_frames

        path = str(folder / _FILE)
        count_frames(path)
        found = []
        for number, pixels, _ in read_frames(path):
            found.append((number, pixels))
            if number > 4 * _FRAMES:
                break
        return found
