"""The class names that the annotation files of VOC folders use."""

from __future__ import annotations

import logging
import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path

from gluon_ssd.data.sources.voc_xml import read_annotation
from gluon_ssd.errors import DataError
from gluon_ssd.system.wording import some_of

_log = logging.getLogger(__name__)


def class_names(folders: Iterable[Path]) -> tuple[str, ...]:
    """Sorted names of all objects in all annotation files of VOC folders, whatever the split.

    Every split of a data set thus gets the same label order. Names that differ by letter case alone
    are one class, in the spelling that most objects have, as GluonCV knows no letter case either;
    that and files that cannot be read are logged. Whether a file that a split lists can be read is
    judged when the split is opened.

    Raises:
        DataError: no object anywhere.
    """
    places = [folder / "Annotations" for folder in folders]
    counts: Counter[str] = Counter()
    broken = []
    for path in (path for place in places for path in _annotation_files(place)):
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
    return tuple(sorted(_one_spelling(counts)))


def _annotation_files(place: Path) -> Iterator[str]:
    """Every .xml file below a folder, in order, but for those that begin with a dot."""
    seen = set()
    for folder, below, names in os.walk(place, followlinks=True):
        real = os.path.realpath(folder)
        # A link to a folder above would be followed for ever.
        below[:] = sorted(name for name in below if not name.startswith(".") and real not in seen)
        if real not in seen:
            seen.add(real)
            for name in sorted(names):
                if name.endswith(".xml") and not name.startswith("."):
                    yield os.path.join(folder, name)


def _one_spelling(counts: Counter[str]) -> Iterator[str]:
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
