"""A detector as MXNet runs it, in its whole and in its halves."""

from __future__ import annotations

import numpy as np
import pytest

from gluon_ssd.deploy.mxnet.files import read_exported
from gluon_ssd.deploy.mxnet.plain import PlainDetector
from tests.deploy.conftest import INPUT_HW, by_mxnet, random_images
from tests.deploy.toy_parts import BY, toy_exported, toy_images, toy_reference


@pytest.mark.parametrize("name", ["zoo_prefix", "plain_zoo_prefix"])
def test_gluoncvs_exports_give_what_mxnets_own_loader_gives(name, request):
    prefix = request.getfixturevalue(name)
    images = random_images(2)
    plain = PlainDetector(read_exported(prefix), INPUT_HW)
    expected = np.concatenate(by_mxnet(prefix, images), axis=2)
    np.testing.assert_array_equal(plain.detect(images), expected)
    logits, offsets = plain.raw_outputs(images)
    assert logits.shape == (2, offsets.shape[1], 5)
    np.testing.assert_array_equal(plain.decode(images, logits, offsets), expected)


@pytest.mark.parametrize("by", BY)
def test_both_halves_make_the_whole(by):
    plain, images = toy_reference(BY[by]), toy_images()
    rows = plain.detect(images)
    assert (rows[..., 0] >= 0).sum() > 10
    np.testing.assert_array_equal(plain.decode(images, *plain.raw_outputs(images)), rows)


def test_the_detector_is_left_as_it_was():
    exported = toy_exported()
    nodes, names = len(exported.graph.nodes()), set(exported.params)
    PlainDetector(exported, (64, 64))
    assert (len(exported.graph.nodes()), set(exported.params)) == (nodes, names)
