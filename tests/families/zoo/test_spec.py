"""The table of the zoo's networks: what must agree within each record and between them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gluon_ssd.families.zoo.spec import SPECS, ZooSpec

BY_NAME = {spec.name: spec for spec in SPECS}
OWN_EXTRACTORS = {"vgg16_atrous", "resnet34_v1b", "tiny"}


def test_names_are_unique_and_made_of_their_parts():
    assert len(BY_NAME) == len(SPECS)
    for spec in SPECS:
        ending = "_int8" if spec.int8_of else ""
        made = f"ssd_{spec.input_size_hw[0]}_{spec.network}_{spec.dataset}{ending}"
        assert spec.name == made and spec.family == "zoo"


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_levels_agree(spec: ZooSpec):
    levels = len(spec.steps)
    assert (len(spec.ratios), len(spec.sizes)) == (levels, levels + 1)
    assert list(spec.sizes) == sorted(spec.sizes) and list(spec.steps) == sorted(spec.steps)
    assert spec.input_size_hw[0] == spec.input_size_hw[1] >= spec.steps[-1]
    if spec.backbone in OWN_EXTRACTORS:
        assert not spec.taps and not spec.filters
    else:
        assert len(spec.taps) + len(spec.filters) == levels


def test_int8_names_are_the_fp32_records_with_another_name():
    int8 = [spec for spec in SPECS if spec.int8_of]
    assert [spec.int8_of for spec in int8] == [
        "ssd_300_vgg16_atrous_voc",
        "ssd_512_vgg16_atrous_voc",
        "ssd_512_resnet50_v1_voc",
        "ssd_512_mobilenet1.0_voc",
    ]
    for spec in int8:
        assert replace(spec, name=spec.int8_of, int8_of="") == BY_NAME[spec.int8_of]


def test_which_weights_are_published():
    assert {spec.name for spec in SPECS if spec.weights_name and not spec.int8_of} == {
        "ssd_300_vgg16_atrous_voc",
        "ssd_300_vgg16_atrous_coco",
        "ssd_512_vgg16_atrous_voc",
        "ssd_512_vgg16_atrous_coco",
        "ssd_512_resnet50_v1_voc",
        "ssd_512_resnet50_v1_coco",
        "ssd_512_mobilenet1.0_voc",
        "ssd_512_mobilenet1.0_coco",
        "ssd_512_resnet101_v2_voc",
        "ssd_300_resnet34_v1b_coco",
    }
    assert all(spec.weights_name in ("", spec.int8_of or spec.name) for spec in SPECS)
    assert [spec.name for spec in SPECS if not spec.base_weights_name] == ["ssd_160_tiny_custom"]


def test_numbers_of_the_paper_and_of_coco():
    # SSD, section 3.1: VGG at 300 px starts at 0.1 of the side, then 0.2 to 0.9 in steps of 0.17.
    voc = BY_NAME["ssd_300_vgg16_atrous_voc"].sizes
    assert voc == (30.0, 60.0, 111.0, 162.0, 213.0, 264.0, 315.0)
    assert BY_NAME["ssd_300_vgg16_atrous_coco"].sizes[0] == 21.0
    assert BY_NAME["ssd_512_resnet50_v1_voc"].sizes != BY_NAME["ssd_512_resnet50_v1_coco"].sizes
    lite = BY_NAME["ssd_300_mobilenet1.0_lite_coco"]
    assert (lite.lite, lite.predictor_kernel, lite.reduce_ratio) == (True, 1, 0.5)
    assert [spec.name for spec in SPECS if spec.lite] == [lite.name]
