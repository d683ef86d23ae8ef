"""Change XML as a tree, then its text."""

from __future__ import annotations

import copy
import random
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable

from scripts.fuzzing.mutations.blocks import damage

Element = ElementTree.Element

_TEXTS = (
    "",
    " ",
    "0",
    "-1",
    "1",
    "0.5",
    "1e308",
    "-1e308",
    "1e400",
    "nan",
    "inf",
    "9" * 5000,
    "1" + "0" * 30,
    "1_000",
    "\u00b2",
    "\u0967\u0968",
    "0x10",
    "1,5",
    "\n 12 \n",
    "a\nb",
    "x" * 5000,
    "Cat",
    "CAT",
    "../../etc/passwd",
    "true",
    "Unspecified",
    "\U0001f98a",
    "None",
)

_DOCTYPES = (
    '<!DOCTYPE a [<!ENTITY x "y">]>',
    '<!DOCTYPE a [<!ENTITY a0 "dos">'
    + "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10))
    + "]>",
    '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>',
    '<!DOCTYPE a SYSTEM "http://127.0.0.1:9/x.dtd">',
)


def _all(root: Element) -> list[tuple[Element, int]]:
    return [(parent, number) for parent in root.iter() for number in range(len(parent))]


def _text(draw: random.Random, root: Element, parent: Element, number: int) -> None:
    parent[number].text = draw.choice(_TEXTS)


def _drop(draw: random.Random, root: Element, parent: Element, number: int) -> None:
    del parent[number]


def _double(draw: random.Random, root: Element, parent: Element, number: int) -> None:
    parent.insert(draw.randrange(len(parent) + 1), copy.deepcopy(parent[number]))


def _rename(draw: random.Random, root: Element, parent: Element, number: int) -> None:
    tag = parent[number].tag
    parent[number].tag = draw.choice(("x", "object", "name", tag.upper(), f"n:{tag}", "bndbox"))


def _borrow(draw: random.Random, root: Element, parent: Element, number: int) -> None:
    above, other = draw.choice(_all(root))
    parent[number] = copy.deepcopy(above[other])


def _wrap(draw: random.Random, root: Element, parent: Element, number: int) -> None:
    around = Element(draw.choice(("x", "object", "annotation")))
    around.append(parent[number])
    parent[number] = around


def _nudge(draw: random.Random, root: Element, parent: Element, number: int) -> None:
    text = parent[number].text or ""
    try:
        value = float(text)
    except ValueError:
        parent[number].text = draw.choice((text.upper(), text + "x", f" {text}\n", text[:-1]))
        return
    change = draw.choice((1, -1, 0.5, 1000, -value, -2 * value))
    parent[number].text = f"{value + change:g}"


def _many(draw: random.Random, root: Element, parent: Element, number: int) -> None:
    for _ in range(draw.choice((2, 300))):
        parent.append(copy.deepcopy(parent[number]))


def _attribute(draw: random.Random, root: Element, parent: Element, number: int) -> None:
    parent[number].set("a", draw.choice(_TEXTS).replace("\n", " "))


_WAYS: tuple[Callable[[random.Random, Element, Element, int], None], ...] = (
    _text,
    _text,
    _text,
    _text,
    _drop,
    _drop,
    _double,
    _rename,
    _borrow,
    _wrap,
    _nudge,
    _nudge,
    _many,
    _attribute,
)


def _deep(draw: random.Random, text: bytes) -> bytes:
    depth = draw.choice((200, 5000, 100_000))
    place = text.rfind(b"</")
    return text[:place] + b"<a>" * depth + b"</a>" * depth + text[place:]


def _doctype(draw: random.Random, text: bytes) -> bytes:
    entity = draw.choice((b"&x;", b"&a9;", b"&a3;", b"&undefined;", b"&#0;", b"&#x110000;", b""))
    place = text.rfind(b"</")
    return draw.choice(_DOCTYPES).encode() + text[:place] + entity + text[place:]


def _declared(draw: random.Random, text: bytes) -> bytes:
    code = draw.choice(
        ("utf-8", "utf-16", "gb2312", "latin-1", "no-such-code", "utf-7", "idna", "")
    )
    return f'<?xml version="1.0" encoding="{code}"?>'.encode() + text


def _encoded(draw: random.Random, text: bytes) -> bytes:
    return text.decode("utf-8", "replace").encode(draw.choice(("utf-16", "utf-32", "cp037")))


def _long(draw: random.Random, text: bytes) -> bytes:
    place = text.rfind(b"</")
    return text[:place] + draw.choice((b"x", b"<a/>", b"<!-- -->")) * 50_000 + text[place:]


_OF_TEXT = (_deep, _doctype, _doctype, _declared, _encoded, _long)


def mutated(draw: random.Random, text: bytes) -> tuple[bytes, str]:
    """XML with changes in the tree, or in its text or bytes; and what was done."""
    chance = draw.random()
    if chance < 0.12:
        return damage(draw, text)
    if chance < 0.25:
        way = draw.choice(_OF_TEXT)
        return way(draw, text), way.__name__.strip("_")
    root = ElementTree.fromstring(text)
    done = []
    for _ in range(draw.choice((1, 1, 1, 2, 3))):
        if found := _all(root):
            parent, number = draw.choice(found)
            change = draw.choice(_WAYS)
            done.append(f"{change.__name__.strip('_')} {parent[number].tag}"[:40])
            change(draw, root, parent, number)
    return ElementTree.tostring(root, encoding="utf-8"), "; ".join(done)


def rewritten(draw: random.Random, text: bytes) -> tuple[bytes, str]:
    """The same content in other words: blanks, a declaration, comments, elements nobody reads."""
    root = ElementTree.fromstring(text)
    if draw.random() < 0.5:
        ElementTree.indent(root, draw.choice(("  ", "\t")))
    for _ in range(draw.randrange(3)):
        extra = draw.choice((ElementTree.Comment(" a "), Element("source"), Element("segmented")))
        root.insert(draw.randrange(len(root) + 1), extra)
    code = draw.choice(("utf-8", "us-ascii", "utf-16"))
    plain = ElementTree.tostring(root, encoding=code, xml_declaration=draw.random() < 0.7 or None)
    if code == "utf-8" and draw.random() < 0.3:
        plain = b"\xef\xbb\xbf" + plain
    if code != "utf-16" and draw.random() < 0.3:
        plain = plain.replace(b"\n", b"\r\n")
    return plain, f"rewritten in {code}"


def surely_no_xml(draw: random.Random, text: bytes) -> tuple[bytes, str]:
    """Text that is no XML of this kind at all."""
    return draw.choice(
        (
            (text[: draw.randrange(len(text.rstrip()) - 1)], "cut"),
            (b"", "empty"),
            (text + b"<a>", "an open element behind it"),
            (b"<html></html>", "another document"),
            (draw.randbytes(100), "noise"),
        )
    )
