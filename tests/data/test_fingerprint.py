"""The fingerprint of a data set follows its labels, not its place."""

from __future__ import annotations

import shutil

import pytest

from gluon_ssd.data.dataset import Selection
from gluon_ssd.data.fingerprint import fingerprint
from gluon_ssd.data.sources.catalog import open_dataset
from tests.entry_builders import voc_set


def opened(root, **changes):
    return open_dataset("custom", Selection(root, train=True, splits="train", **changes))


@pytest.fixture
def root(tmp_path):
    return voc_set(tmp_path / "set")


def test_a_copy_has_the_same_and_a_part_another(root, tmp_path):
    first = fingerprint(opened(root))
    assert len(first) == 64 and int(first, 16)
    shutil.copytree(root, tmp_path / "copy")
    assert fingerprint(opened(tmp_path / "copy")) == first
    assert fingerprint(opened(root).subset([0, 1])) != first
    assert fingerprint(opened(root).subset([1, 0])) != fingerprint(opened(root).subset([0, 1]))


@pytest.mark.parametrize(
    ("old", "new"), [("<xmin>31<", "<xmin>30<"), ("<name>dog<", "<name>cat<")], ids=["box", "label"]
)
def test_a_changed_label_changes_it(root, old, new):
    first = fingerprint(opened(root))
    file = root / "Annotations/train1.xml"
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))
    assert fingerprint(opened(root)) != first


def test_the_order_of_classes_counts(root):
    orders = (("cat", "dog"), ("dog", "cat"))
    one, other = (fingerprint(opened(root, classes=names)) for names in orders)
    assert one != other
