"""Change JSON as a tree, so that what comes out is mostly JSON still, and then its text."""

from __future__ import annotations

import copy
import json
import random
import re
from collections.abc import Callable, Iterator
from typing import Any

from scripts.fuzzing.mutations.blocks import damage

_MARK = re.compile(r'"@raw(\d+)@"')

# Text that no Python value is written as.
_RAW: tuple[str, ...] = (
    "1e400",
    "-1e400",
    "9" * 5000,
    "1" + "0" * 400,
    "1" + "0" * 30,
    "-" + "9" * 4400,
    "NaN",
    "Infinity",
    "-Infinity",
    "[" * 100_000 + "]" * 100_000,
    '{"a":' * 50_000 + "1" + "}" * 50_000,
    "[" * 900 + "]" * 900,
    '"\\ud800"',
    '"\\udfff x"',
    '"\\u0000"',
    "01",
    "0x10",
    "'a'",
    "",
    "tru",
    "1.",
    "-",
)

_VALUES: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    -1,
    1,
    2,
    7,
    255,
    2**31 - 1,
    2**31,
    -(2**31),
    2**32,
    2**53 + 1,
    2**63,
    -(2**63) - 1,
    2**64,
    10**9,
    10**12,
    10**39,
    0.5,
    -0.0,
    1e-320,
    1e38,
    1e308,
    -1e308,
    "",
    " ",
    "a",
    "1",
    "1e308",
    "nan",
    "None",
    "\u00b2",
    "\u0967\u0968",
    "a\nb",
    "a\r\n\tb",
    "a\x00b",
    "\x1b[31mred",
    "\u202eright",
    "\U0001f98a",
    "x" * 5000,
    "../../../../etc/passwd",
    "/dev/zero",
    ".",
    "/",
    "nul.jpg\x00.png",
    "%s%n{}{0.__class__}",
    [],
    {},
    [None],
    [[]],
    [1, 2, 3, 4],
    [0.0, 1.0],
    ["a", "a"],
    {"a": 1},
    {"": None},
)

Place = tuple[Any, Any]  # a container and the key or index of what is meant in it


def places(value: Any) -> Iterator[Place]:
    """Every value in a tree but the root."""
    waiting = [value] if isinstance(value, dict | list) else []
    while waiting:
        holder = waiting.pop()
        keys = list(holder) if isinstance(holder, dict) else range(len(holder))
        for key in keys:
            yield holder, key
            if isinstance(holder[key], dict | list):
                waiting.append(holder[key])


def _copied(value: Any) -> Any:
    """A copy of a part of the tree; itself where it is nested too deep to be copied."""
    try:
        return copy.deepcopy(value)
    except RecursionError:
        return value


class JsonTree:
    """A JSON value that is being changed.

    Args:
        value: the sound one; it is copied.
        odd: further values of this kind of file that are put in.
    """

    def __init__(self, value: Any, odd: tuple[Any, ...] = ()) -> None:
        self.value = _copied(value)
        self._odd = odd
        self._raw: list[str] = []

    def change(self, draw: random.Random, times: int) -> str:
        """Change it so many times; what was done."""
        done = []
        for _ in range(times):
            found = list(places(self.value))
            if not found:
                self.value = self._any(draw)
                done.append("root")
                continue
            way = draw.choice(_WAYS)
            holder, key = draw.choice(found)
            way(self, draw, holder, key)
            done.append(f"{way.__name__.strip('_')} {str(key)[:40]}")
        return "; ".join(done)

    def text(self, **options: Any) -> bytes:
        """The JSON text."""
        text = json.dumps(self.value, **options)
        raw = _MARK.sub(lambda match: self._raw[int(match[1])], text)
        return raw.encode("utf-8", errors="surrogatepass")

    def raw(self, text: str) -> str:
        """A value that comes out as this text, whatever it is."""
        self._raw.append(text)
        return f"@raw{len(self._raw) - 1}@"

    def _any(self, draw: random.Random) -> Any:
        if self._odd and draw.random() < 0.3:
            return _copied(draw.choice(self._odd))
        if draw.random() < 0.25:
            return self.raw(draw.choice(_RAW))
        return _copied(draw.choice(_VALUES))

    def _put(self, draw: random.Random, holder: Any, key: Any) -> None:
        holder[key] = self._any(draw)

    def _nudge(self, draw: random.Random, holder: Any, key: Any) -> None:
        value = holder[key]
        if isinstance(value, int | float) and not isinstance(value, bool):
            step = draw.choice((1, -1, 0.5, 1000, 1e6, -value, -2 * value, value))
            holder[key] = value + step if abs(value) < 1e300 else step
        elif isinstance(value, str):
            holder[key] = draw.choice(
                (value.upper(), value + "x", value[:-1], value * 2, value[1:])
            )
        elif isinstance(value, list) and value:
            draw.shuffle(value)
        else:
            holder[key] = self._any(draw)

    def _drop(self, draw: random.Random, holder: Any, key: Any) -> None:
        del holder[key]

    def _double(self, draw: random.Random, holder: Any, key: Any) -> None:
        if isinstance(holder, list):
            holder.insert(key, _copied(holder[key]))
        else:
            # The same key twice, which no dictionary can hold.
            name = json.dumps(key)
            first, second = draw.sample((json.dumps(holder[key]), json.dumps(self._any(draw))), 2)
            fields = {k: v for k, v in holder.items() if k != key}
            rest = json.dumps(fields)[1:-1]
            del holder[key]
            text = f"{{{name}: {first}, {name}: {second}{', ' if rest else ''}{rest}}}"
            self._replace(holder, _MARK.sub(lambda match: self._raw[int(match[1])], text))

    def _replace(self, holder: Any, text: str) -> None:
        mark = self.raw(text)
        for above, key in [*places(self.value)]:
            if above[key] is holder:
                above[key] = mark
                return
        self.value = mark

    def _swap(self, draw: random.Random, holder: Any, key: Any) -> None:
        other = draw.choice(list(holder) if isinstance(holder, dict) else range(len(holder)))
        holder[key], holder[other] = holder[other], holder[key]

    def _borrow(self, draw: random.Random, holder: Any, key: Any) -> None:
        """Take a value from elsewhere in the same file."""
        above, other = draw.choice(list(places(self.value)))
        holder[key] = _copied(above[other])

    def _rename(self, draw: random.Random, holder: Any, key: Any) -> None:
        if isinstance(holder, dict):
            holder[draw.choice((f"{key}x", "", key.upper(), "id", "a\nb"))] = holder.pop(key)
        else:
            holder[key] = self._any(draw)

    def _wrap(self, draw: random.Random, holder: Any, key: Any) -> None:
        value = holder[key]
        options = ([value], {"a": value}, str(value), [value, value])
        holder[key] = value[0] if isinstance(value, list) and value else draw.choice(options)

    def _add(self, draw: random.Random, holder: Any, key: Any) -> None:
        if isinstance(holder, dict):
            holder[draw.choice(("x", "_", "id", "type", "a b"))] = self._any(draw)
        else:
            holder.append(self._any(draw))

    def _many(self, draw: random.Random, holder: Any, key: Any) -> None:
        if isinstance(holder[key], list) and holder[key]:
            holder[key] = holder[key] * draw.choice((2, 50))
        else:
            holder[key] = [holder[key]] * 500


_WAYS: tuple[Callable[[JsonTree, random.Random, Any, Any], None], ...] = (
    JsonTree._put,
    JsonTree._put,
    JsonTree._put,
    JsonTree._nudge,
    JsonTree._nudge,
    JsonTree._drop,
    JsonTree._drop,
    JsonTree._double,
    JsonTree._swap,
    JsonTree._borrow,
    JsonTree._rename,
    JsonTree._wrap,
    JsonTree._add,
    JsonTree._many,
)


def mutated(draw: random.Random, value: Any, odd: tuple[Any, ...] = ()) -> tuple[bytes, str]:
    """JSON text with changes in the tree, or now and then in its bytes; and what was done."""
    if draw.random() < 0.12:
        return damage(draw, json.dumps(value).encode())
    tree = JsonTree(value, odd)
    story = tree.change(draw, draw.choice((1, 1, 1, 2, 3)))
    return tree.text(), story


def rewritten(draw: random.Random, value: Any) -> tuple[bytes, str]:
    """The same value in other words: order of keys, blanks, escapes, a byte order mark."""
    tree = JsonTree(value)
    for holder, key in [([tree.value], 0), *places(tree.value)]:
        if isinstance(holder[key], dict):
            items = list(holder[key].items())
            draw.shuffle(items)
            holder[key].clear()
            holder[key].update(items)
    indent = draw.choice((None, 0, 1, 4, "\t"))
    separators = draw.choice((None, (",", ":"), (" , ", " : ")))
    text = tree.text(indent=indent, separators=separators, ensure_ascii=draw.random() < 0.5)
    if draw.random() < 0.3:
        text = text.replace(b"\n", b"\r\n") if indent is not None else text + b"\r\n"
    if draw.random() < 0.3:
        text = b"\xef\xbb\xbf" + text
    return draw.choice((b"", b"\n", b" \t\n"))[
        : 0 if text[:1] == b"\xef" else 3
    ] + text, "rewritten"


def surely_no_json(draw: random.Random, value: Any) -> tuple[bytes, str]:
    """Text that is no JSON of this kind at all."""
    text = json.dumps(value).encode()
    return draw.choice(
        (
            (text[: draw.randrange(len(text))], "cut"),
            (b"[" * 100_000 + b"]" * 100_000, "deep"),
            (b"", "empty"),
            (draw.randbytes(200), "noise"),
            (text[:-1] + b',"a":' + b"[" * 5000 + b"]" * 5000 + b"}", "deep at its end"),
            (text + b"}", "one bracket more"),
            (b"\xff\xfe{}", "no UTF-8"),
            (draw.choice((b"1", b"null", b'"a"', b"[]", b"[[1]]")), "another value"),
        )
    )
