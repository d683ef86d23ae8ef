"""A network is told by the names and shapes of its weights."""

from __future__ import annotations

import numpy as np
import pytest

from gluon_ssd.families.build import FAMILIES, build_network
from gluon_ssd.families.catalog import SPECS, spec_of
from gluon_ssd.families.recognition import recognised
from gluon_ssd.models.first_weights import parameters_of

PUBLISHED = [spec for spec in SPECS.values() if FAMILIES[spec.family].is_published]


def arrays_of(name, classes=None, *, published=True):
    """Zeros of a network's shapes, by its published names or ours."""
    network = build_network(name, classes=classes)
    own = {n: np.zeros(p.shape, np.float32) for n, p in parameters_of(network).items()}
    return network.published(own) if published else own


@pytest.mark.parametrize(
    "name",
    [
        *("ssd300_resnet18_coco", "ssd300_resnet34_voc", "ssd300_resnet50_coco"),
        *("ssd300_resnet101_coco", "ssd300_resnet152_voc", "ssd_resnet34_300_coco"),
        *("ssd_resnet34_bn_300_voc", "retinanet_resnext50_32x4d_openimages"),
        "retinanet_resnext50_32x4d_voc",
    ],
)
def test_network_and_classes(name):
    assert recognised(arrays_of(name), PUBLISHED) == (spec_of(name), True)


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("ssd300_yannqi_coco", "ssd300_resnet50_coco"),
        ("ssd_resnet34_1200_coco", "ssd_resnet34_300_coco"),
    ],
)
def test_of_networks_with_equal_weights_the_first_counts(name, found):
    assert recognised(arrays_of(name), PUBLISHED) == (spec_of(found), True)
    of_it = [spec for spec in PUBLISHED if spec.network == spec_of(name).network]
    of_it = [spec for spec in of_it if spec.input_size_hw == spec_of(name).input_size_hw]
    assert recognised(arrays_of(name), of_it) == (spec_of(name), True)


def test_our_own_names_will_do():
    arrays = arrays_of("ssd300_resnet18_voc", published=False)
    assert recognised(arrays, PUBLISHED) == (spec_of("ssd300_resnet18_voc"), True)


def test_classes_of_ones_own():
    arrays = arrays_of("ssd300_resnet18_custom", ("cat", "dog", "owl"))
    assert recognised(arrays, PUBLISHED) == (spec_of("ssd300_resnet18_coco"), False)
    custom = [spec for spec in PUBLISHED if spec.dataset == "custom"]
    assert recognised(arrays, custom) is None
    found = recognised(arrays, custom, ("a", "b", "c"))
    assert found == (spec_of("ssd300_resnet18_custom"), True)
    assert recognised(arrays, custom, ("a", "b")) == (spec_of("ssd300_resnet18_custom"), False)


@pytest.mark.parametrize("change", ["missing", "extra", "shape"])
def test_weights_of_no_network(change):
    arrays = arrays_of("ssd300_resnet18_coco")
    name = "additional_blocks.1.0.weight"
    if change == "missing":
        del arrays[name]
    else:
        arrays[name + change] = arrays[name]
        arrays[name] = np.zeros((1, 2) if change == "shape" else arrays[name].shape, np.float32)
        if change == "shape":
            del arrays[name + change]
    assert recognised(arrays, PUBLISHED) is None


def test_nothing_fits_nothing():
    assert (
        recognised({}, PUBLISHED) is None
        and recognised(arrays_of("ssd300_resnet18_coco"), []) is None
    )
