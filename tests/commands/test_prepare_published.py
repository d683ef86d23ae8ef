from __future__ import annotations

import pytest

from gluon_ssd.commands.prepare_published import make_fetcher, prepare_coco, published_splits
from gluon_ssd.errors import DataError, OptionError
from gluon_ssd.options.prepare import PrepareCocoOptions, PrepareVocOptions
from tests.data.prepare.builders import publish_coco
from tests.hosts import serving


def test_splits_are_taken_once_and_must_be_published():
    assert published_splits("a + b+a", {"a": 1, "b": 2, "c": 3}) == ["a", "b"]
    with pytest.raises(OptionError, match="there is no split '' to fetch; there are a, b"):
        published_splits("a+", ["a", "b"])


def test_options_reach_the_fetcher():
    fetcher = make_fetcher(PrepareVocOptions(timeout=2.5, attempts=7))
    assert (fetcher.patience.timeout_s, fetcher.patience.attempts) == (2.5, 7)


def test_lines_say_what_there_is(tmp_path, monkeypatch):
    with serving() as host:
        publish_coco(host, monkeypatch)
        options = PrepareCocoOptions(str(tmp_path), mirror=host.url, splits="val2017", attempts=1)
        assert prepare_coco(options) == ["val2017: 2 images, none missing"]
        host.always["/zips/train2017.zip"] = ("status", 404)
        options = PrepareCocoOptions(str(tmp_path), mirror=host.url, attempts=1)
        with pytest.raises(DataError, match="1 file is missing in .*zips/train2017.zip: HTTP 404"):
            prepare_coco(options)
