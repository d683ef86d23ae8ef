"""Networks and exported pairs as what is measured."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from gluon_ssd.benchmarks.formats.subjects import (
    count_operations,
    exported_subject,
    network_subject,
)
from gluon_ssd.benchmarks.model_costs import static_costs
from gluon_ssd.benchmarks.training import random_network
from gluon_ssd.compat import mx
from gluon_ssd.data.class_names import VOC_CLASSES
from gluon_ssd.errors import ModelError
from gluon_ssd.families.catalog import SPECS

NAME = "ssd_300_mobilenet0.25_voc"


@pytest.fixture(scope="module")
def subject(tmp_path_factory):
    return network_subject(SPECS[NAME], "", tmp_path_factory.mktemp("formats"))


def test_a_network_of_the_zoo_has_an_original(subject):
    assert (subject.name, subject.weights, subject.has_weights) == (NAME, "random weights", False)
    assert subject.record.classes == VOC_CLASSES and subject.record.input_size_hw == (300, 300)
    assert Path(f"{subject.prefix}-symbol.json").is_file()
    assert subject.original["name"] == NAME and Path(subject.original["weights"]).is_file()


def test_weights_are_those_of_the_file(subject, tmp_path):
    weights = subject.original["weights"]
    again = network_subject(SPECS[NAME], weights, tmp_path)
    assert again.has_weights and again.weights == f"weights of {NAME}.params"
    one, two = (mx.nd.load(s.original["weights"]) for s in (subject, again))
    assert one.keys() == two.keys()
    assert all((one[key].asnumpy() == two[key].asnumpy()).all() for key in one)


def test_operations_are_twice_the_products_of_the_network(subject):
    counted = static_costs(random_network(NAME, mx.cpu()), (300, 300))
    assert count_operations(subject.parts) == round(2e9 * counted["GMAC"])


def test_a_pair_of_ours_has_no_original(subject, tmp_path):
    for ending in ("-symbol.json", "-0000.params"):
        shutil.copy(f"{subject.prefix}{ending}", tmp_path / f"mine{ending}")
    named = str(tmp_path / "mine-symbol.json")
    found = exported_subject(named)
    # What was named stays, since a file of parameters may be meant that is not of epoch 0.
    assert (found.name, found.prefix) == ("mine", named)
    assert found.original is None and found.has_weights and found.record == subject.record


def test_a_pair_without_a_record_is_known_by_its_name_and_classes(shared_dir, tmp_path):
    prefix = shared_dir / "weights/ssd_300_mobilenet0.75_voc"
    if not prefix.with_name(f"{prefix.name}-0000.params").is_file():
        pytest.skip(f"no {prefix}")
    found = exported_subject(str(prefix))
    assert found.record.classes == VOC_CLASSES and found.original == {"prefix": str(prefix)}
    for ending in ("-symbol.json", "-0000.params"):
        shutil.copy(f"{prefix}{ending}", tmp_path / f"mine{ending}")
    with pytest.raises(ModelError, match="does not carry its input size"):
        exported_subject(str(tmp_path / "mine"))
