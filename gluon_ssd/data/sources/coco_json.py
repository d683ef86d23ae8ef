"""Read a COCO annotation file of unknown origin: every field checked, every fault named.

Image ids are whole numbers or texts. The ids of annotations are not read: some exporters leave
them out, start at 0, or begin anew in every image. `area` and `iscrowd` may be missing.
"""

from __future__ import annotations

import logging
import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeGuard

from gluon_ssd.data.dataset import RawObject
from gluon_ssd.data.problems import Problem
from gluon_ssd.errors import DataError
from gluon_ssd.system.files import read_json
from gluon_ssd.system.wording import one_line, shown

WITHOUT_ANNOTATIONS = "image_info_"
"""How the names of COCO's files begin that list pictures alone, such as those of test-dev."""

MOST_PX = 1e9
"""Largest number of a box: beyond any picture, and far below what float32 holds."""

_MOST_LETTERS = 500  # of a name; a path of 16 folders with long names has fewer
_FLAGS = (None, 0, 1)  # False and True equal 0 and 1


_log = logging.getLogger(__name__)


class Category(NamedTuple):
    """A category as the file has it; `parent` is its supercategory, empty where there is none."""

    name: str
    parent: str


class ImageEntry(NamedTuple):
    """An image as the file lists it; `size_hw` is None where the file gives no usable size."""

    image_id: int | str
    file_name: str
    size_hw: tuple[int, int] | None


class CocoJson:
    """The content of an annotation file.

    Args:
        path: the file.
        use_crowd: take objects marked iscrowd; otherwise they are counted.
        edge_px: see `coco.Rules`.
        tolerant: count broken annotations, instead of raising.

    Attributes:
        problems: what was found so far.
        is_annotated: whether it has annotations; files of test sets list pictures alone.

    Raises:
        DataError: the file cannot be read or holds no JSON object.
    """

    def __init__(
        self, path: Path, *, use_crowd: bool = True, edge_px: int = 1, tolerant: bool = False
    ) -> None:
        self.path = path
        self.use_crowd = use_crowd
        self.edge_px = edge_px
        self.tolerant = tolerant
        self.problems: list[Problem] = []
        self._content = read_json(path)
        if not isinstance(self._content, dict):
            raise DataError(f"{path} is no COCO annotation file: it holds no JSON object")
        self.is_annotated = "annotations" in self._content or not path.name.startswith(
            WITHOUT_ANNOTATIONS
        )
        if not self.is_annotated:
            _log.warning(
                "%s lists pictures without annotations: what is found in them is written to a "
                "result file, and is not scored",
                path,
            )

    def _records(self, key: str) -> list[Any]:
        records = self._content.get(key)
        if not isinstance(records, list):
            raise DataError(f"{self.path} is no COCO annotation file: it has no list {key!r}")
        return records

    def _annotations(self) -> list[Any]:
        """The annotations; none in a file that lists pictures alone."""
        return self._records("annotations") if self.is_annotated else []

    def _parts(self, key: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """Every record of a list that must all be sound, and where it stands."""
        for number, record in enumerate(self._records(key)):
            where = f"{self.path}: {key}[{number}]"
            if not isinstance(record, dict):
                raise DataError(f"{where} must be an object with fields; got {shown(record)}")
            yield where, record

    def categories(self) -> dict[int, Category]:
        """Categories by rising id.

        Raises:
            DataError: there are none; one has no id or no name; two have one id.
        """
        found: dict[int, Category] = {}
        for where, record in self._parts("categories"):
            number = _required(record, "id", where)
            if not _is_whole(number):
                raise DataError(f"{where} 'id' must be a whole number; got {shown(number)}")
            name = _label(_text(_required(record, "name", where), f"{where} 'name'"))
            if not name:
                raise DataError(f"{where} 'name' is empty; name every category")
            _check_length(name, f"{where} 'name'")
            if number in found:
                raise DataError(
                    f"{self.path}: the categories {found[number].name!r} and {name!r} both have "
                    f"the id {number}; give each an id of its own"
                )
            parent = record.get("supercategory")
            found[number] = Category(name, _label(parent) if isinstance(parent, str) else "")
        if not found:
            raise DataError(f"{self.path} lists no category; label some images first")
        return dict(sorted(found.items()))

    def labelled_categories(self) -> Counter[int]:
        """How many annotations each category id has."""
        records = self._annotations()
        ids = (record.get("category_id") for record in records if isinstance(record, dict))
        return Counter(number for number in ids if _is_whole(number))

    def images(self) -> list[ImageEntry]:
        """Images by rising id, numbers before texts, each id once.

        Raises:
            DataError: there are none; an id or a file name is missing or unusable; two images
                have one id.
        """
        first: dict[int | str, ImageEntry] = {}
        for where, record in self._parts("images"):
            image_id = _required(record, "id", where)
            if not _is_id(image_id):
                raise DataError(
                    f"{where} 'id' must be a whole number or a text; got {shown(image_id)}"
                )
            _check_length(image_id, f"{where} 'id'")
            name = _file_name(_required(record, "file_name", where), f"{where} 'file_name'")
            entry = ImageEntry(image_id, name, _declared_size(record))
            earlier = first.setdefault(image_id, entry)
            if earlier is not entry:
                self._note_double(earlier, entry)
        if not first:
            raise DataError(f"{self.path} lists no image; export it with its images")
        ids = sorted(first, key=lambda each: (isinstance(each, str), each))
        return [first[image_id] for image_id in ids]

    def _note_double(self, earlier: ImageEntry, entry: ImageEntry) -> None:
        """Count an image that is listed again; refuse two that share an id."""
        if earlier.file_name != entry.file_name:
            raise DataError(
                f"{self.path}: the images {shown(earlier.file_name)} and {shown(entry.file_name)} "
                f"both have the id {shown(entry.image_id)}, so that nobody knows whose boxes are "
                "whose; give each an id of its own"
            )
        detail = f"image id {shown(entry.image_id)} again"
        self.problems.append(Problem("duplicate image", str(self.path), detail))

    def objects(
        self, image_ids: set[int | str], categories: dict[int, Category]
    ) -> dict[int | str, Sequence[RawObject]]:
        """Image id to its objects, in file order.

        Raises:
            DataError: an annotation is broken, unless they are counted.
        """
        objects: dict[int | str, list[RawObject]] = defaultdict(list)
        for number, record in enumerate(self._annotations()):
            try:
                item = self._object(record, categories)
            except _Broken as fault:
                if not self.tolerant:
                    raise DataError(f"{self.path}: annotations[{number}] {fault}") from None
                detail = f"annotations[{number}]: {fault}"
                self.problems.append(Problem("broken row", str(self.path), detail))
                continue
            image_id = record["image_id"]
            if skipped := self._why_skipped(record, image_ids):
                detail = f"annotations[{number}] of image {shown(image_id)}"
                self.problems.append(Problem(skipped, str(self.path), detail))
            else:
                objects[image_id].append(item)
        return dict(objects)

    def _why_skipped(self, record: dict[str, Any], image_ids: set[int | str]) -> str | None:
        if record["image_id"] not in image_ids:
            return "label of an unlisted image"
        if record.get("ignore"):
            return "marked as ignore"
        return "crowd" if record.get("iscrowd") and not self.use_crowd else None

    def _object(self, record: Any, categories: dict[int, Category]) -> RawObject:
        """One annotation. Raises _Broken."""
        if not isinstance(record, dict):
            raise _Broken(f"must be an object with fields; got {shown(record)}")
        for field in ("image_id", "category_id", "bbox"):
            if field not in record:
                raise _Broken(f"has no {field!r}; add it")
        if not _is_id(record["image_id"]):
            got = shown(record["image_id"])
            raise _Broken(f"'image_id' must be a whole number or a text; got {got}")
        category_id = record["category_id"]
        if not _is_whole(category_id):
            raise _Broken(f"'category_id' must be a whole number; got {shown(category_id)}")
        for field in ("iscrowd", "ignore"):
            if record.get(field) not in _FLAGS:
                raise _Broken(f"{field!r} must be 0 or 1; got {shown(record[field])}")
        category = categories.get(category_id)
        return self._boxed(record, category.name if category else f"category {shown(category_id)}")

    def _boxed(self, record: dict[str, Any], name: str) -> RawObject:
        box, area = record["bbox"], record.get("area")
        if not isinstance(box, list):
            raise _Broken(f"'bbox' must be a list; got {shown(box)}")
        if len(box) != 4 or not all(map(_is_number, box)):
            raise _Broken(f"bbox must be 4 numbers x, y, w, h; got {shown(box)}")
        x, y, width, height = box
        if not all(-MOST_PX <= value <= MOST_PX for value in box):
            raise _Broken(f"bbox lies beyond any picture (more than {MOST_PX:g}); got {shown(box)}")
        if not _is_number(area):
            area = width * height
        elif area <= 0:
            width = height = 0  # the legacy reader requires area > 0 as well as a box
        edge = self.edge_px
        return RawObject(
            name=name,
            box=(x, y, x + max(width - edge, 0), y + max(height - edge, 0)),
            crowd=bool(record.get("iscrowd")),
            coco=(x, y, width, height, min(area, 2 * MOST_PX**2)),
        )


class _Broken(Exception):
    """An annotation that cannot be used; the text says why."""


def _is_whole(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_id(value: object) -> TypeGuard[int | str]:
    return isinstance(value, str) or _is_whole(value)


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _required(record: dict[str, Any], field: str, where: str) -> Any:
    if field not in record:
        raise DataError(f"{where} has no {field!r}; add it")
    return record[field]


def _text(value: object, where: str) -> str:
    if not isinstance(value, str):
        raise DataError(f"{where} must be a text; got {shown(value)}")
    return value


def _label(name: str) -> str:
    """A class name that stays on one line wherever it is written."""
    return one_line(name.strip())


def _file_name(value: object, where: str) -> str:
    name = _text(value, where)
    if not name or "\0" in name:
        raise DataError(f"{where} must be the path of a picture; got {shown(name)}")
    _check_length(name, where)
    return name


def _check_length(text: int | str, where: str) -> None:
    """Names are written in messages, whole."""
    if isinstance(text, str) and len(text) > _MOST_LETTERS:
        raise DataError(
            f"{where} must have at most {_MOST_LETTERS} characters; got {shown(text)}; shorten it"
        )


def _declared_size(record: dict[str, Any]) -> tuple[int, int] | None:
    """The size that is claimed; it is compared with the picture's, and costs nothing here."""
    height, width = record.get("height"), record.get("width")
    if _is_whole(height) and _is_whole(width) and height > 0 and width > 0:
        return height, width
    return None
