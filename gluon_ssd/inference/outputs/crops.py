"""The objects as pictures of their own."""

from __future__ import annotations

import re
from pathlib import Path

from gluon_ssd.inference.outputs.jpeg import write_jpeg
from gluon_ssd.inference.outputs.seen import Output, Seen

_LONGEST = 60


class Crops(Output):
    """Writes FOLDER/CLASS/LABEL_N.jpg for object N of a picture, from 1; see `Output`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def add(self, seen: Seen) -> None:
        """Cut a picture at its boxes."""
        parts = zip(seen.found.names, seen.found.crop(), strict=True)
        for number, (name, pixels) in enumerate(parts, start=1):
            write_jpeg(self._folder / folder_name(name) / f"{seen.label}_{number}.jpg", pixels)


def folder_name(name: str) -> str:
    """The name of a class as that of a folder: letters of any script, and no path."""
    return re.sub(r"[^\w .()+-]", "_", name)[:_LONGEST].strip(" .") or "_"
