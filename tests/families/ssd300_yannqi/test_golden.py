"""yannqi's SSD300 beside the published code, which computes what NVIDIA's does."""

from __future__ import annotations

import numpy as np
import pytest

from gluon_ssd.compat import mx
from gluon_ssd.data.class_names import COCO_CLASSES
from gluon_ssd.data.sources.coco import CocoDataset
from gluon_ssd.families.build import FAMILIES
from gluon_ssd.families.catalog import SPECS
from tests import golden_rule as rule
from tests.data.builders import coco_content, write_coco
from tests.data.sources.test_coco import COCO_IDS
from tests.families.golden_ssd import published_form, rule_network, targets_of
from tests.golden_files import golden
from tests.golden_rule import summary, summary_distance

NAME = "ssd300_yannqi_coco"


@pytest.fixture(scope="module")
def network():
    golden("yannqi_ssd300")["parameters"]  # skips where the file is missing
    return rule_network(NAME)


def test_outputs_are_the_published_ones(network):
    numbers = golden("yannqi_ssd300")
    logits, offsets, _ = network(mx.nd.array(rule.image("ssd300", (2, 3, 300, 300))))
    for key, output in (("loc", offsets), ("conf", logits)):
        expected = numbers[f"resnet50.{key}.summary"]
        assert summary_distance(summary(published_form(output)), expected) < 2e-5


def test_parameters_are_as_many_as_published(network):
    parameters = network.collect_params().values()
    found = sum(int(np.prod(p.shape)) for p in parameters if p.grad_req != "null")
    assert found == golden("yannqi_ssd300")["parameters"] == 22_894_902


def test_losses_are_the_published_ones(network):
    numbers = golden("yannqi_ssd300")
    targets = targets_of(
        network, golden("nvidia_ssd300"), ("plain", "many", "background", "overlap")
    )
    loc, conf = rule.ssd_loss_predictions(4, network.num_anchors())
    arrays = [conf.transpose(0, 2, 1), loc.transpose(0, 2, 1)]
    arrays += [targets["class_targets"], targets["box_targets"]]
    loss = FAMILIES["ssd300_yannqi"].loss
    parts = loss.parts(*map(mx.nd.array, arrays), loss.divisor(targets["class_targets"]))
    per_image = sum(part.asnumpy() for part in parts.values())
    np.testing.assert_allclose(4 * per_image, numbers["loss.per_image"], rtol=1e-5)
    assert per_image.sum() == pytest.approx(numbers["loss.total"], rel=1e-5)


def test_it_is_equal_to_nvidias_as_the_published_code_says():
    assert all(line.endswith(": True") for line in golden("yannqi_ssd300")["equal_to_nvidia"])
    own, other = SPECS[NAME], SPECS["ssd300_resnet50_coco"]
    differing = {"name", "family", "network", "augmentation"}
    assert {f for f in vars(own) if getattr(own, f) != getattr(other, f)} == differing


def test_boxes_do_not_grow_when_they_are_read_again(tmp_path):
    """The published transform changes the boxes of the data set in place."""
    numbers = golden("yannqi_ssd300")
    first = numbers["annotation.first_call"]
    assert (numbers["annotation.second_call"] > first).any()
    sizes_px = np.array([80, 60, 80, 60])  # of the image that `write_coco` makes
    boxes_px, labels = first[:, :4] * sizes_px, first[:, 4].astype(int)
    records = [
        {"image_id": 1, "bbox": [x, y, right - x, bottom - y], "category_id": COCO_IDS[label - 1]}
        for (x, y, right, bottom), label in zip(boxes_px.tolist(), labels, strict=True)
    ]
    categories = dict(zip(COCO_IDS, COCO_CLASSES, strict=True))
    write_coco(tmp_path, "val2017", coco_content((1,), records, categories))
    dataset = CocoDataset(tmp_path)
    for _ in range(2):
        annotation = dataset.annotation(0)
        # The reader ends boxes at their last pixel, as the legacy one does.
        np.testing.assert_allclose(annotation.boxes_px, boxes_px - (0, 0, 1, 1), atol=1e-4)
        np.testing.assert_array_equal(annotation.labels + 1, labels)
