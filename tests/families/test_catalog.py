"""Names that options know without a framework, against the tables that need one."""

from __future__ import annotations

import pytest

from gluon_ssd.data.class_names import COCO_CLASSES, VOC_CLASSES
from gluon_ssd.errors import OptionError
from gluon_ssd.families.build import FAMILIES
from gluon_ssd.families.catalog import SPECS, find_spec, int8_form, network_names


def test_names_are_those_of_the_model_table():
    assert [spec.name for spec in SPECS.values()] == list(SPECS)
    zoo = {name for name, spec in SPECS.items() if spec.family == "zoo"}
    assert len(zoo.intersection(network_names())) == 30 and len(zoo) == 34
    assert {spec.family for spec in SPECS.values()} == set(FAMILIES)


def test_int8_names_are_networks_with_a_suffix():
    names = [name for name in network_names() if f"{name}_int8" in SPECS]
    assert [int8_form(name).name for name in names] == [f"{name}_int8" for name in names]
    assert len(names) == 4


def test_classes_of_the_published_sets():
    assert (len(VOC_CLASSES), VOC_CLASSES[0], VOC_CLASSES[-1]) == (20, "aeroplane", "tvmonitor")
    assert (len(COCO_CLASSES), COCO_CLASSES[0], COCO_CLASSES[-1]) == (80, "person", "toothbrush")
    assert list(VOC_CLASSES) == sorted(VOC_CLASSES)
    assert COCO_CLASSES[9] == "traffic light" and COCO_CLASSES[60] == "dining table"


@pytest.mark.parametrize(
    ("parts", "name"),
    [
        (("vgg16_atrous", 300, "voc"), "ssd_300_vgg16_atrous_voc"),
        (("mobilenet1.0", 512, "coco"), "ssd_512_mobilenet1.0_coco"),
        (("mobilenet1.0", 300, "custom"), "ssd_300_mobilenet1.0_custom"),
        (("resnet18_v1", 512, "custom"), "ssd_512_resnet18_v1_custom"),
        (("mobilenet0.25", 300, "shapes"), "ssd_300_mobilenet0.25_custom"),
        (("tiny", 160, "shapes"), "ssd_160_tiny_custom"),
        (("mobilenet1.0", 300, "a new kind"), "ssd_300_mobilenet1.0_custom"),
        (("mobilenet1.0", 512, "openimages"), "ssd_512_mobilenet1.0_custom"),
        (("ssd300_resnet50", 300, "openimages"), "ssd300_resnet50_custom"),
        (("retinanet_resnext50_32x4d", 800, "openimages"), "retinanet_resnext50_32x4d_openimages"),
        (("mobilenet1.0_lite", 300, "coco"), "ssd_300_mobilenet1.0_lite_coco"),
    ],
)
def test_name_is_joined_as_legacy_does(parts, name):
    assert find_spec(*parts).name == name


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        (
            ("mobilenet1_0", 512, "voc"),
            r"the network must be one of mobilenet0.25, .*'mobilenet1_0'",
        ),
        (("resnet101_v2", 512, "coco"), "there are ssd_512_resnet101_v2_voc: choose input size"),
        (("vgg16_atrous", 400, "voc"), "no network vgg16_atrous of 400 pixels for voc; .*ssd_300_"),
    ],
)
def test_wrong_name_lists_what_there_is(parts, message):
    with pytest.raises(OptionError, match=message):
        find_spec(*parts)
