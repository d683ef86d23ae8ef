"""The fields of a COCO file: what is taken, and what is said of the rest."""

from __future__ import annotations

import json

import pytest

from gluon_ssd.data.sources.coco_json import CocoJson
from gluon_ssd.errors import DataError

BOX = {"image_id": 1, "category_id": 1, "bbox": [1, 2, 10, 20]}


def file_of(tmp_path, **lists):
    content = {
        "images": [{"id": 1, "file_name": "a.jpg"}],
        "categories": [{"id": 1, "name": "cat"}],
        "annotations": [],
        **lists,
    }
    path = tmp_path / "set.json"
    path.write_text(json.dumps(content))
    return path


def objects(path, **settings):
    content = CocoJson(path, **settings)
    ids = {entry.image_id for entry in content.images()}
    return content.objects(ids, content.categories()), content.problems


def test_area_crowd_and_ids_of_annotations_may_be_missing(tmp_path):
    extra = [{}, {"area": None, "iscrowd": None}, {"area": float("nan"), "iscrowd": False}]
    path = file_of(tmp_path, annotations=[{**BOX, **each} for each in [*extra, {"area": "7"}]])
    found, problems = objects(path)
    assert [item.coco for item in found[1]] == [(1, 2, 10, 20, 200)] * 4
    assert not any(item.crowd for item in found[1]) and not problems


def test_numbers_of_the_file_are_kept_for_the_metric(tmp_path):
    path = file_of(tmp_path, annotations=[{**BOX, "bbox": [0.1, 2, 10.3, 20], "area": 77.7}])
    (item,) = objects(path)[0][1]
    assert item.coco == (0.1, 2, 10.3, 20, 77.7)
    assert item.box == (0.1, 2, 0.1 + 9.3, 21)
    (exclusive,) = objects(path, edge_px=0)[0][1]
    assert exclusive.box == (0.1, 2, 0.1 + 10.3, 22)


def test_image_ids_may_be_texts_and_stand_behind_numbers(tmp_path):
    images = [{"id": each, "file_name": f"{each}.jpg"} for each in ("b", 7, "a", 3)]
    boxes = [{**BOX, "image_id": "b"}, {**BOX, "image_id": 7}, {**BOX, "image_id": "7"}]
    path = file_of(tmp_path, images=images, annotations=boxes)
    assert [entry.image_id for entry in CocoJson(path).images()] == [3, 7, "a", "b"]
    found, problems = objects(path)
    assert {key: len(items) for key, items in found.items()} == {"b": 1, 7: 1}
    assert [(p.reason, p.detail) for p in problems] == [
        ("label of an unlisted image", "annotations[2] of image '7'")
    ]


def test_an_image_listed_again_is_one_and_another_of_its_id_is_refused(tmp_path):
    image = {"id": 1, "file_name": "a.jpg"}
    content = CocoJson(file_of(tmp_path, images=[image, image]))
    assert len(content.images()) == 1
    assert [(p.reason, p.detail) for p in content.problems] == [
        ("duplicate image", "image id 1 again")
    ]
    path = file_of(tmp_path, images=[image, {"id": 1, "file_name": "b\n.jpg"}])
    with pytest.raises(DataError, match=r"'a.jpg' and 'b\\n.jpg' both have the id 1, so"):
        CocoJson(path).images()


@pytest.mark.parametrize(
    ("height", "size_hw"),
    [
        (60, (60, 80)),
        (10**30, (10**30, 80)),
        (-60, None),
        (0, None),
        ("60", None),
        (True, None),
        (None, None),
    ],
)
def test_sizes_are_whole_numbers_above_0_or_unknown(tmp_path, height, size_hw):
    image = {"id": 1, "file_name": "a.jpg", "height": height, "width": 80}
    (entry,) = CocoJson(file_of(tmp_path, images=[image])).images()
    assert entry.size_hw == size_hw


BROKEN = {
    "no object": (7, "must be an object with fields; got 7"),
    "no image": ({"category_id": 1, "bbox": [1, 2, 3, 4]}, "has no 'image_id'; add it"),
    "image": ({**BOX, "image_id": [1]}, r"'image_id' must be a whole number or a text; got \[1\]"),
    "category": ({**BOX, "category_id": True}, "'category_id' must be a whole number; got True"),
    "flag": ({**BOX, "iscrowd": "0"}, "'iscrowd' must be 0 or 1; got '0'"),
    "text": ({**BOX, "bbox": "1,2,3,4"}, "'bbox' must be a list; got '1,2,3,4'"),
    "three": ({**BOX, "bbox": [1, 2, 3]}, r"bbox must be 4 numbers x, y, w, h; got \[1, 2, 3\]"),
    "texts": ({**BOX, "bbox": ["1", 2, 3, 4]}, "bbox must be 4 numbers"),
    "nan": ({**BOX, "bbox": [1, float("nan"), 3, 4]}, "bbox must be 4 numbers"),
    "infinite": ({**BOX, "bbox": [1, float("inf"), 3, 4]}, "bbox must be 4 numbers"),
    "true": ({**BOX, "bbox": [1, True, 3, 4]}, "bbox must be 4 numbers"),
    "far": ({**BOX, "bbox": [1, 2, 1e300, 4]}, "bbox lies beyond any picture"),
}


@pytest.mark.parametrize(("record", "message"), BROKEN.values(), ids=BROKEN)
def test_a_broken_annotation_is_named_or_counted(tmp_path, record, message):
    path = file_of(tmp_path, annotations=[BOX, record])
    with pytest.raises(DataError, match=rf"set\.json: annotations\[1\] {message}"):
        objects(path)
    found, problems = objects(path, tolerant=True)
    assert (len(found[1]), [p.reason for p in problems]) == (1, ["broken row"])
    assert problems[0].detail.startswith("annotations[1]: ")


@pytest.mark.parametrize(
    ("lists", "message"),
    [
        ({"images": {}}, "it has no list 'images'"),
        ({"images": [1]}, r"images\[0\] must be an object with fields; got 1"),
        ({"images": [{"id": True, "file_name": "a"}]}, "'id' must be a whole number or a text"),
        ({"images": [{"id": None, "file_name": "a"}]}, "'id' must be a whole number or a text"),
        ({"images": [{"id": 1, "file_name": 7}]}, "'file_name' must be a text; got 7"),
        ({"images": [{"id": 1, "file_name": ""}]}, "'file_name' must be the path of a picture"),
        ({"images": [{"id": 1, "file_name": "a\0"}]}, r"path of a picture; got 'a\\x00'"),
        ({"images": [{"id": 1, "file_name": "a" * 501}]}, "must have at most 500 characters"),
        ({"images": [{"id": "a" * 501, "file_name": "a"}]}, "'id' must have at most 500 charac"),
        ({"categories": [{"id": 1, "name": "a" * 501}]}, "'name' must have at most 500 charac"),
        ({"categories": None}, "it has no list 'categories'"),
        ({"categories": [{"id": "1", "name": "a"}]}, "'id' must be a whole number; got '1'"),
        ({"categories": [{"id": 1, "name": " \n"}]}, "'name' is empty; name every category"),
        ({"categories": [{"id": 1, "name": None}]}, "'name' must be a text; got None"),
        ({"annotations": {"0": 1}}, "it has no list 'annotations'"),
    ],
)
def test_what_no_set_can_do_without_is_refused(tmp_path, lists, message):
    path = file_of(tmp_path, **lists)
    with pytest.raises(DataError, match=message):
        objects(path, tolerant=True)


def test_numbers_of_any_length_are_one_line(tmp_path):
    path = file_of(tmp_path, annotations=[BOX])
    path.write_text(path.read_text().replace("[1, 2, 10, 20]", f"[1, 2, 1{'0' * 400}, 20]"))
    with pytest.raises(DataError, match="holds an integer of 401 digits"):
        objects(path)


def test_class_names_stay_on_one_line(tmp_path):
    path = file_of(tmp_path, categories=[{"id": 1, "name": " cat\n"}, {"id": 2, "name": "a\nb"}])
    assert [each.name for each in CocoJson(path).categories().values()] == ["cat", "a\\nb"]
