from __future__ import annotations

import re

import pytest

from gluon_ssd.data.prepare.published import COCO_ARCHIVES, OPENIMAGES_FILES, VOC_ARCHIVES
from gluon_ssd.data.sources.catalog import SOURCES
from gluon_ssd.options.prepare import (
    PrepareCocoOptions,
    PrepareOpenImagesOptions,
    PrepareVocOptions,
)

TABLES = {
    "voc": (VOC_ARCHIVES, PrepareVocOptions),
    "coco": (COCO_ARCHIVES, PrepareCocoOptions),
    "openimages": (OPENIMAGES_FILES, PrepareOpenImagesOptions),
}


@pytest.mark.parametrize("kind", TABLES)
def test_what_training_uses_by_default_is_fetched_by_default(kind):
    published, options = TABLES[kind]
    usual = set("+".join(SOURCES[kind].splits).split("+"))
    assert set(options().splits.split("+")) == usual
    assert usual <= published.keys()


def test_archives_have_sums_and_names():
    archives = {
        a for table in (VOC_ARCHIVES, COCO_ARCHIVES) for pair in table.values() for a in pair
    }
    assert len({archive.sha1 for archive in archives}) == len(archives) == 6
    assert all(re.fullmatch("[0-9a-f]{40}", archive.sha1) for archive in archives)
    assert {archive.name for archive in archives} >= {"train2017.zip", "VOCtest_06-Nov-2007.tar"}
