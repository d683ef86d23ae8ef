"""What the first line of a table of boxes says."""

from __future__ import annotations

import pytest

from gluon_ssd.data.sources.csv_columns import (
    CENTRE_AND_SIDES,
    CORNER_AND_SIDES,
    CORNERS,
    ONE_COLUMN,
    read_header,
)


@pytest.mark.parametrize(
    ("header", "picture", "name", "form", "box", "size"),
    [
        ("filename,width,height,class,xmin,ymin,xmax,ymax", 0, 3, CORNERS, (4, 5, 6, 7), (1, 2)),
        ("ymax,xmax,Label,Image Path,y_min,X-Min", 3, 2, CORNERS, (5, 4, 1, 0), ()),
        ("path,x1,y1,x2,y2,class", 0, 5, CORNERS, (1, 2, 3, 4), ()),
        ("ImageID,LabelName,XMin,XMax,YMin,YMax,IsGroupOf", 0, 1, CORNERS, (2, 4, 3, 5), ()),
        ("image,x,y,w,h,label", 0, 5, CORNER_AND_SIDES, (1, 2, 3, 4), ()),
        ("image,x,y,width,height,label", 0, 5, CORNER_AND_SIDES, (1, 2, 3, 4), ()),
        ("image,x,y,w,h,label,width,height", 0, 5, CORNER_AND_SIDES, (1, 2, 3, 4), (6, 7)),
        ("image,x_center,y_center,width,height,name", 0, 5, CENTRE_AND_SIDES, (1, 2, 3, 4), ()),
        ("image_id,width,height,bbox,source", 0, None, ONE_COLUMN, (3,), (1, 2)),
        ("name,class,left,top,right,bottom", 0, 1, CORNERS, (2, 3, 4, 5), ()),
        ("file,xmin,ymin,xmax,class", 0, 4, ONE_COLUMN, (), ()),
        ("a.jpg,1,2,3,4,cat", None, None, ONE_COLUMN, (), ()),
    ],
)
def test_columns_by_their_names(header, picture, name, form, box, size):
    found = read_header(header.split(","))
    assert (found.picture, found.name, found.form) == (picture, name, form)
    assert (found.box, found.size) == (box, size)
    assert found.is_usable == (picture is not None and box != ())


def test_flags_and_the_split():
    found = read_header(["image", "bbox", "difficult", "is_crowd", "Split"])
    assert (found.difficult, found.crowd, found.split, found.width) == (2, 3, 4, 5)
