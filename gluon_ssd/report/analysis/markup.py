"""HTML from values: names come from files of strangers, so everything is escaped here."""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple


class Raw(str):
    """Markup that is finished; every other text is escaped."""


class Heading(NamedTuple):
    """Of a column: its text, and whether its cells are numbers."""

    text: str
    is_number: bool = True


def escaped(text: object) -> Raw:
    """A text for content and for values of attributes in double quotes."""
    return text if isinstance(text, Raw) else Raw(html.escape(str(text), quote=True))


def joined(parts: Iterable[object]) -> Raw:
    """Parts one after the other, each escaped unless it is finished."""
    return Raw("".join(escaped(part) for part in parts))


def element(tag: str, *content: object, **attributes: object) -> Raw:
    """An element with its content; attributes of None are left out.

    Names of attributes are written with - in place of _, and `class_` is class.
    """
    pairs = (
        f' {name.rstrip("_").replace("_", "-")}="{escaped(value)}"'
        for name, value in attributes.items()
        if value is not None
    )
    return Raw(f"<{tag}{''.join(pairs)}>{joined(content)}</{tag}>")


def image(path: str, about: str, size_wh: tuple[int, int] | None = None) -> Raw:
    """A picture beside the page, loaded when it comes into view."""
    size = "" if size_wh is None else f' width="{size_wh[0]}" height="{size_wh[1]}"'
    return Raw(f'<img src="{escaped(path)}" alt="{escaped(about)}" loading="lazy"{size}>')


def plot(path: str, about: str) -> Raw:
    """A plot, which keeps its letters readable and scrolls by itself in a narrow window."""
    return element("div", image(path, about), class_="scroll plot")


def table(headings: Sequence[Heading], rows: Iterable[Sequence[object]]) -> Raw:
    """A table that scrolls by itself where it is wider than the page."""
    kinds = ["number" if heading.is_number else None for heading in headings]
    head = joined(
        element("th", heading.text, class_=kind, scope="col")
        for heading, kind in zip(headings, kinds, strict=True)
    )
    body = joined(
        element("tr", *(element("td", c, class_=k) for c, k in zip(row, kinds, strict=True)))
        for row in rows
    )
    content = element("table", element("thead", element("tr", head)), element("tbody", body))
    return element("div", content, class_="scroll")


def number(value: float, digits: int = 3) -> str:
    """A number, or a dash for NaN."""
    return "–" if math.isnan(value) else f"{value:.{digits}f}"


def percent(value: float) -> str:
    """A fraction times 100 with one decimal, or a dash for NaN."""
    return "–" if math.isnan(value) else f"{100 * value:.1f}"


def signed(value: float) -> str:
    """A difference of fractions, times 100, with its sign."""
    return "–" if math.isnan(value) else f"{100 * value:+.1f}"
