"""What stands below the bars of a network."""

from __future__ import annotations

import pytest

from gluon_ssd.benchmarks.table_plot import _label
from gluon_ssd.families.catalog import SPECS
from tests.toy_family.spec import TOY


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("ssd_512_mobilenet1.0_voc", "512_mobilenet1.0"),
        ("ssd_300_vgg16_atrous_coco", "300_vgg16_atrous_coco"),
        (TOY.name, "64_toynet_custom"),
        ("ssd_my_voc", "ssd_my_voc"),  # a file
    ],
)
def test_labels_are_made_of_the_spec(
    monkeypatch: pytest.MonkeyPatch, name: str, label: str
) -> None:
    monkeypatch.setitem(SPECS, TOY.name, TOY)
    assert _label(name) == label
