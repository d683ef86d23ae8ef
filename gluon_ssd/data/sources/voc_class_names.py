"""The class names that annotation files in VOC's XML use."""

from __future__ import annotations

import logging
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

from gluon_ssd.data.sources.pictures import files_below
from gluon_ssd.data.sources.voc_xml import read_annotation
from gluon_ssd.errors import DataError
from gluon_ssd.system.wording import some_of

_log = logging.getLogger(__name__)


def class_names(places: Iterable[Path]) -> tuple[str, ...]:
    """Sorted names of all objects in all annotation files below some folders, whatever the split.

    Every split of a data set thus gets the same label order. Names that differ by letter case alone
    are one class, in the spelling that most objects have, as GluonCV knows no letter case either;
    that and files that cannot be read are logged. Whether a file that a split lists can be read is
    judged when the split is opened.

    Raises:
        DataError: no object anywhere.
    """
    counts: Counter[str] = Counter()
    broken = []
    places = list(places)
    for path in (path for place in places for path in files_below(place, (".xml",))):
        try:
            _, objects = read_annotation(path)
        except DataError as error:
            broken.append(error)
            continue
        counts.update(item.name for item in objects)
    if not counts:
        where = ", ".join(map(str, places))
        why = f" ({len(broken)} cannot be read; the first: {broken[0]})" if broken else ""
        advice = "mend them" if broken else "label some images first"
        raise DataError(f"no object in any annotation file of {where}{why}; {advice}")
    if broken:
        _log.warning(
            "class names: %d annotation files cannot be read and are passed over; the first: %s",
            len(broken),
            broken[0],
        )
    return tuple(sorted(one_spelling(counts)))


def one_spelling(counts: Counter[str]) -> Iterator[str]:
    """Each name once, of those that differ by letter case alone the one that most objects have.

    What is taken as one is a warning.
    """
    spellings = defaultdict(list)
    for name in sorted(counts, key=lambda name: (-counts[name], name != name.lower(), name)):
        spellings[name.lower()].append(name)
    merged = [found for found in spellings.values() if len(found) > 1]
    if merged:
        _log.warning(
            "%d class names differ by letter case alone and are taken as one: %s; name the classes "
            "in a file to tell them apart",
            len(merged),
            some_of(
                f"{', '.join(f'{name!r} ({counts[name]}x)' for name in found[1:])} as {found[0]!r}"
                for found in merged
            ),
        )
    yield from (found[0] for found in spellings.values())
