"""Which font has the letters of a text.

DejaVu Sans comes with Matplotlib. It has Latin, Greek, Cyrillic, Armenian, Georgian, Hebrew and
Arabic letters; the fonts of the system are asked for others, such as those of Chinese, Japanese,
Korean, Hindi and Thai.
"""

from __future__ import annotations

import functools
import logging
import os
import re
import struct
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

_log = logging.getLogger(__name__)

_ENDINGS = (".ttf", ".otf", ".ttc", ".otc")
_MOST_FILES = 3000
# What fontTools raises for damaged files beside an error of its own.
_DAMAGED = (OSError, ValueError, TypeError, LookupError, AssertionError, EOFError, struct.error)
_WORDS = re.compile(r"\s*\S+\s*?")
# Words in names of files, the wanted ones first; the others are for headlines, code and music.
_LIKED = ("regular", "sans", "gothic", "hei")
_DISLIKED = ("bold", "italic", "oblique", "mono", "serif", "black", "thin", "light", "condensed")
# It has a box with the name of the script for every letter there is.
_PLACEHOLDERS = "lastresort"
ADVICE = (
    "install one (Debian, Ubuntu: apt-get install fonts-noto-cjk, or fonts-noto-core for other "
    "scripts), or put its file into ~/.local/share/fonts"
)


class FontFile(NamedTuple):
    """A font, which may be one of several in a file."""

    path: str
    number: int = 0


def own_font() -> FontFile:
    """DejaVu Sans. Matplotlib is looked up and not imported, which would take a quarter second."""
    spec = find_spec("matplotlib")
    assert spec is not None and spec.origin is not None, "matplotlib is a dependency"
    return FontFile(str(Path(spec.origin).parent / "mpl-data/fonts/ttf/DejaVuSans.ttf"))


def font_for(text: str) -> FontFile | None:
    """The font that writes a text; None where none has all of its letters.

    Args:
        text: one line; blanks and marks that are not seen need no letter.
    """
    return _font_with(_letters(text))


def split_by_font(text: str) -> list[tuple[str, FontFile | None]]:
    """Parts of a text with a font that has all letters of the part.

    It is one part where one font has all of them. Else each word is one, for fonts of some scripts
    have no digits.
    """
    if (font := font_for(text)) is not None:
        return [(text, font)]
    return [(word, font_for(word)) for word in _WORDS.findall(text)]


def can_write(text: str) -> bool:
    """Whether there are fonts for all of a text."""
    return all(font is not None for _, font in split_by_font(text))


def tell_missing(texts: Sequence[str], what: str = "class names") -> None:
    """Say in one line which names no font can write, and what helps; once for each set of them."""
    if missing := tuple(text for text in texts if not can_write(text)):
        _tell(missing, what)


@functools.cache
def _tell(names: tuple[str, ...], what: str) -> None:
    listed = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    _log.warning(
        "no font here has the letters of these %s, which are drawn by their numbers: %s; %s",
        what,
        listed,
        ADVICE,
    )


def _letters(text: str) -> frozenset[str]:
    return frozenset(each for each in text if each.isprintable() and not each.isspace())


@functools.lru_cache(1024)
def _font_with(letters: frozenset[str]) -> FontFile | None:
    if letters <= _letters_of(own_font()):
        return own_font()
    fonts = (font for path in _system_files() for font in _fonts_in(path))
    return next((font for font in fonts if letters <= _letters_of(font)), None)


@functools.cache
def _system_files() -> tuple[str, ...]:
    """Files in the usual folders of fonts, the plain ones first."""
    paths = [path for folder in _folders() for path in _files_in(folder)]
    return tuple(sorted(paths[:_MOST_FILES], key=_rank))


def _folders() -> Iterator[Path]:
    data = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    shared = os.environ.get("XDG_DATA_DIRS") or "/usr/local/share:/usr/share"
    for name in (data, *shared.split(":")):
        yield Path(name).expanduser() / "fonts"
    yield Path("~/.fonts").expanduser()


def _files_in(folder: Path) -> Iterator[str]:
    for place, folders, files in os.walk(folder):
        folders.sort()
        for name in sorted(files):
            if name.lower().endswith(_ENDINGS) and _PLACEHOLDERS not in name.lower():
                yield os.path.join(place, name)


def _rank(path: str) -> tuple[int, str]:
    name = os.path.basename(path).lower()
    liked = sum(word in name for word in _LIKED)
    return 2 * sum(word in name for word in _DISLIKED) - liked, path


@functools.cache
def _fonts_in(path: str) -> tuple[FontFile, ...]:
    # Only now: most texts need no other font.
    from fontTools.ttLib import TTCollection, TTLibError

    if not path.lower().endswith((".ttc", ".otc")):
        return (FontFile(path),)
    try:
        # Opened here, since fontTools leaves a file open that it cannot read.
        with open(path, "rb") as file, TTCollection(file, lazy=True) as fonts:
            return tuple(FontFile(path, index) for index in range(len(fonts)))
    except (TTLibError, *_DAMAGED) as error:
        _log.info("the font %s cannot be read: %s", path, error)
        return ()


@functools.cache
def _letters_of(font: FontFile) -> frozenset[str]:
    from fontTools.ttLib import TTFont, TTLibError

    try:
        with (
            open(font.path, "rb") as file,
            TTFont(file, fontNumber=font.number, lazy=True) as opened,
        ):
            letters: dict[int, str] = opened.getBestCmap() or {}
            is_drawn = "glyf" in opened or "CFF " in opened or "CFF2" in opened
    except (TTLibError, *_DAMAGED) as error:
        _log.info("the font %s cannot be read: %s", font.path, error)
        return frozenset()
    # Fonts of coloured pictures have no outlines at the size that is asked for.
    return frozenset(map(chr, letters)) if is_drawn else frozenset()
