"""What the columns of a table of boxes mean, by the names in its first line.

Names are compared without letter case, blanks, hyphens and underscores: `x_min` is `XMin`.

| meaning | names, the first that is there |
|---|---|
| picture | filename, file name, filepath, path, file, image, image path, image id, img, ... |
| class | class, label, class name, label name, category, name, ... |
| corners | xmin, x1, left, min x; ymin, y1, top; xmax, x2, right; ymax, y2, bottom |
| corner and sides | x, y with w, h or width, height |
| centre and sides | x center, cx, xc with the same |
| one column | bbox, box: x, y, width, height, as COCO has them |
| size of the picture | width, height, image width, image height, where they are not the box |
| flags | difficult; crowd, is group of |
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

_PICTURE = (
    *("filename", "filepath", "path", "file", "imagepath", "imagefilename", "imagefile"),
    *("imagename", "image", "imageid", "imgpath", "imgname", "imgid", "img", "picture", "uri"),
)
_CLASS = (
    *("class", "label", "classname", "labelname", "category", "categoryname", "classlabel"),
    *("object", "objectclass", "tag", "name"),
)
_CORNERS = (
    ("xmin", "x1", "left", "minx", "xleft", "bboxx1", "boxx1", "xtl"),
    ("ymin", "y1", "top", "miny", "ytop", "bboxy1", "boxy1", "ytl"),
    ("xmax", "x2", "right", "maxx", "xright", "bboxx2", "boxx2", "xbr"),
    ("ymax", "y2", "bottom", "maxy", "ybottom", "bboxy2", "boxy2", "ybr"),
)
_SIDES = (
    ("w", "bboxw", "boxw", "bboxwidth", "boxwidth", "width"),
    ("h", "bboxh", "boxh", "bboxheight", "boxheight", "height"),
)
_CORNER = (("x", "bboxx", "boxx", *_CORNERS[0]), ("y", "bboxy", "boxy", *_CORNERS[1]))
_CENTRE = (
    ("xcenter", "centerx", "xcentre", "cx", "xc", "bboxcx"),
    ("ycenter", "centery", "ycentre", "cy", "yc", "bboxcy"),
)
_BOX = ("bbox", "box", "boundingbox")
_SIZE = (
    ("imagewidth", "imgwidth", "imwidth", "imagew", "imgw", "width"),
    ("imageheight", "imgheight", "imheight", "imageh", "imgh", "height"),
)
_DIFFICULT = ("difficult", "isdifficult")
_CROWD = ("iscrowd", "crowd", "isgroupof", "isgroup")
_SPLIT = ("split", "set", "subset")
_NO_LETTER = re.compile(r"[^a-z0-9]")

CORNERS, CORNER_AND_SIDES, CENTRE_AND_SIDES, ONE_COLUMN = "corners", "corner", "centre", "one"


class Columns(NamedTuple):
    """Positions of the columns of a table; None where there is none.

    Attributes:
        width: how many columns there are.
        picture, name: of the picture and of the class.
        form: how a box is written, one of the four words above.
        box: four columns, or one.
        size: width and height of the picture, or empty.
        difficult, crowd, split: of flags, and of the split that a row belongs to.
    """

    width: int
    picture: int | None
    name: int | None
    form: str
    box: tuple[int, ...]
    size: tuple[int, ...]
    difficult: int | None
    crowd: int | None
    split: int | None

    @property
    def is_usable(self) -> bool:
        """Whether it says of what picture its rows are, and where the box is."""
        return self.picture is not None and bool(self.box)


def read_header(cells: Sequence[str]) -> Columns:
    """What the cells of a first line mean."""
    places: dict[str, int] = {}
    for place, cell in enumerate(cells):
        places.setdefault(_NO_LETTER.sub("", cell.lower()), place)
    form, box = _box(places)
    # Widths and heights beside a corner are those of the box.
    taken = {place for place in box if form != CORNERS}
    size = _all(_SIZE, {name: place for name, place in places.items() if place not in taken})
    name, picture = _first(_CLASS, places), _first(_PICTURE, places)
    if picture is None and name is not None and name != places.get("name"):
        picture = places.get("name")
    return Columns(
        width=len(cells),
        picture=picture,
        name=name,
        form=form,
        box=box,
        size=size,
        difficult=_first(_DIFFICULT, places),
        crowd=_first(_CROWD, places),
        split=_first(_SPLIT, places),
    )


def _box(places: dict[str, int]) -> tuple[str, tuple[int, ...]]:
    for form, columns in (
        (CORNERS, _CORNERS),
        (CENTRE_AND_SIDES, (*_CENTRE, *_SIDES)),
        (CORNER_AND_SIDES, (*_CORNER, *_SIDES)),
    ):
        if found := _all(columns, places):
            return form, found
    one = _first(_BOX, places)
    return ONE_COLUMN, () if one is None else (one,)


def _first(names: Sequence[str], places: dict[str, int]) -> int | None:
    return next((places[name] for name in names if name in places), None)


def _all(columns: Sequence[Sequence[str]], places: dict[str, int]) -> tuple[int, ...]:
    """The place of each column; empty where one is missing."""
    found = [_first(names, places) for names in columns]
    return tuple(place for place in found if place is not None) if None not in found else ()
