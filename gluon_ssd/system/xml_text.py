"""Parse XML of unknown origin: whatever it holds, the answer is a tree or one line.

Three things are left to the caller of the standard library's parser. It knows few encodings, so the
text is decoded before. Entities can make gigabytes of some lines, so files that declare any are
refused; no format read here needs them. And a tree takes many times the memory of its file, so the
number of tags and attributes is limited.
"""

from __future__ import annotations

import codecs
import re
import xml.etree.ElementTree as ElementTree

from gluon_ssd.errors import DataError, SsdError
from gluon_ssd.system.text_file import SAVE_AS_UTF8, decode_text, encoding_of_mark

MOST_XML_TAGS, MOST_XML_ATTRIBUTES = 3_200_000, 500_000
"""Of one file; these take up to about 600 MB."""

_HEAD_BYTES = 512
_DECLARATION = re.compile(
    rb"\s*<\?xml[^>]{0,400}?\sencoding\s*=\s*[\"']([A-Za-z0-9._-]{1,40})[\"']"
)
# Codecs that turn bytes to text. Python has others that unpack or evaluate.
_TEXT_CODECS = re.compile(
    r"utf-(8|16|32)(-.*)?|ascii|iso8859-\d+|cp\d+|gb\w+|hz|big5\w*|shift_jis\w*|euc_\w+|"
    r"iso2022_\w+|koi8-\w|mac-\w+|tis-620|johab|ptcp154"
)
# What is named gb2312 mostly holds characters of its successors, which extend it.
_WIDER = {"gb2312": "gb18030", "gbk": "gb18030", "shift_jis": "cp932", "euc_kr": "cp949"}
_WRITE_ANEW = "the file is damaged or cut off, write it anew"


def parse_xml(
    content: bytes, source: str, *, error: type[SsdError] = DataError
) -> ElementTree.Element:
    """Parse one XML document.

    Args:
        content: all of the file.
        source: its name, for messages.
        error: raised where it cannot be used.

    Returns:
        The outermost element. Texts can be written as UTF-8. Time and memory grow with the size.

    Raises:
        SsdError: of the type `error`, one line naming `source` and what is wrong.
    """
    text = _decode(content, source, error)
    if text.count("<") > MOST_XML_TAGS or text.count("=") > MOST_XML_ATTRIBUTES:
        raise error(
            f"{source} has more than {MOST_XML_TAGS} tags or {MOST_XML_ATTRIBUTES} attributes; "
            "split the file"
        )
    if "<!ENTITY" in text:
        raise error(
            f"{source} declares XML entities, which are not read; write the texts themselves"
        )
    try:
        return ElementTree.fromstring(text)
    except ElementTree.ParseError as problem:
        raise error(f"{source} is not valid XML: {problem}; {_WRITE_ANEW}") from problem


def _decode(content: bytes, source: str, error: type[SsdError]) -> str:
    name = f"{source} is not valid XML: it"
    if encoding_of_mark(content)[0]:
        return decode_text(content, name, error=error)
    if content.startswith((b"<\0", b"\0<")):
        order = "le" if content.startswith(b"<") else "be"
        return decode_text(content, name, declared=f"utf-16-{order}", error=error)
    found = _DECLARATION.match(content[:_HEAD_BYTES])
    declared = _codec(found[1].decode(), name, error) if found else ""
    # The declaration could be read byte by byte, so it is neither UTF-16 nor UTF-32.
    return decode_text(
        content, name, declared="" if declared.startswith("utf-") else declared, error=error
    )


def _codec(declared: str, name: str, error: type[SsdError]) -> str:
    try:
        codec = codecs.lookup(declared).name
    except LookupError:
        codec = ""
    if not _TEXT_CODECS.fullmatch(codec):
        raise error(f"{name} declares the unknown encoding {declared!r}; {SAVE_AS_UTF8}")
    return _WIDER.get(codec, codec)
