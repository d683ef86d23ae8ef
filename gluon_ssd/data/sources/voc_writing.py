"""Write VOC annotation files and image lists, as `voc_xml` and `voc_list` read them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from xml.sax.saxutils import escape

from gluon_ssd.data.dataset import RawObject


def annotation_text(file_name: str, size_hw: tuple[int, int], objects: Iterable[RawObject]) -> str:
    """The content of an annotation file.

    Args:
        file_name: of the image, without its folder.
        size_hw: height and width of the picture that the boxes were drawn on, px.
        objects: their corners counted from 0; 1 is added, since VOC counts pixels from 1 and the
            last one belongs to the box. VOC has no flag for crowds.
    """
    height, width = size_hw
    parts = [
        "<annotation>",
        f"\t<filename>{escape(file_name)}</filename>",
        f"\t<size><width>{width}</width><height>{height}</height><depth>3</depth></size>",
    ]
    for item in objects:
        corners = "".join(
            f"<{name}>{number_text(value + 1)}</{name}>"
            for name, value in zip(("xmin", "ymin", "xmax", "ymax"), item.box, strict=True)
        )
        parts.append(
            f"\t<object><name>{escape(item.name)}</name>"
            f"<difficult>{int(item.difficult)}</difficult><bndbox>{corners}</bndbox></object>"
        )
    return "\n".join([*parts, "</annotation>", ""])


def number_text(value: float) -> str:
    """A number with all digits that it needs, and none behind a whole one."""
    return str(int(value)) if value == int(value) else repr(float(value))


def write_lines(path: Path, lines: Iterable[str]) -> None:
    """Write a text file of lines."""
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
