"""The classes of a COCO annotation file that is opened without a list of classes."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

from gluon_ssd.data.sources.coco_json import Category
from gluon_ssd.system.wording import some_of

_log = logging.getLogger(__name__)


def own_classes(
    categories: dict[int, Category], labelled: Mapping[int, int], path: Path
) -> tuple[str, ...]:
    """Names of the categories by rising id, each once; every other difference is a warning.

    A category without boxes that is the supercategory of all others is no class: Roboflow puts
    the name of the project there, which would be an output that never learns. Names that differ in
    letter case alone are one class, in the spelling that most objects have.

    Args:
        categories: by rising id.
        labelled: how many annotations each id has.
        path: the file, for messages.
    """
    group = _group(categories, labelled)
    if group is not None:
        _log.warning(
            "%s: the category %r (id %d) has no boxes and is the group of all others, so it is no "
            "class; a class file that names it keeps it",
            path,
            categories[group].name,
            group,
        )
    names = {number: each.name for number, each in categories.items() if number != group}
    chosen: dict[str, int] = {}
    for number, name in names.items():
        rival = chosen.setdefault(name.lower(), number)
        if labelled.get(number, 0) > labelled.get(rival, 0):
            chosen[name.lower()] = number
    if len(chosen) < len(names):
        _log.warning(
            "%s: categories of one name are one class: %s; a class file that names both spellings "
            "keeps them apart",
            path,
            some_of(_joined(names)),
        )
    return tuple(names[number] for number in chosen.values())


def _group(categories: dict[int, Category], labelled: Mapping[int, int]) -> int | None:
    """The category that only names the group of the others, if there is one."""
    if len(categories) < 2:
        return None
    children = Counter(each.parent for each in categories.values())
    for number, category in categories.items():
        of_others = children[category.name] - (category.parent == category.name)
        if not labelled.get(number) and of_others == len(categories) - 1:
            return number
    return None


def _joined(names: dict[int, str]) -> Iterator[str]:
    """The categories that share a name, as 'cat (ids 1, 3)'."""
    ids: dict[str, list[int]] = {}
    for number, name in names.items():
        ids.setdefault(name.lower(), []).append(number)
    for numbers in ids.values():
        if len(numbers) > 1:
            spellings = "/".join(dict.fromkeys(names[number] for number in numbers))
            yield f"{spellings} (ids {', '.join(map(str, numbers))})"
