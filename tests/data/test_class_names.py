from __future__ import annotations

import zlib

from gluon_ssd.data.class_names import CLASSES_OF_DATASET, OPENIMAGES_CLASSES, published_classes


def test_open_images_has_the_264_classes_in_the_order_of_their_bytes():
    assert len(OPENIMAGES_CLASSES) == 264
    assert list(OPENIMAGES_CLASSES) == sorted(OPENIMAGES_CLASSES, key=str.encode)
    # What the list of the MLPerf subset adds up to, so that no name is lost or misspelt.
    assert zlib.crc32(";".join(OPENIMAGES_CLASSES).encode()) == 0x279D0F0B
    assert [OPENIMAGES_CLASSES[place] for place in (0, 83, 135, 263)] == [
        "Airplane",
        "Egg (Food)",
        "Kitchen & dining room table",
        "Zucchini",
    ]


def test_the_number_of_classes_tells_the_data_set():
    for names in CLASSES_OF_DATASET.values():
        assert published_classes(len(names)) == names
    assert published_classes(7) is None
