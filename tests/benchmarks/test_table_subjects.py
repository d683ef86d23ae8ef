"""What the table of speeds measures: sizes of models whose files do not carry them, and forms."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from gluon_ssd.benchmarks.table_subjects import (
    exported_source,
    forms_of,
    network_source,
    random_images,
)
from gluon_ssd.errors import ModelError
from gluon_ssd.families.build import FAMILIES
from gluon_ssd.families.catalog import SPECS
from tests.toy_family.family import TOY_FAMILY
from tests.toy_family.spec import TOY


@pytest.mark.parametrize(
    ("name", "side"), [("ssd_512_vgg16_atrous_voc", 512), ("ssd_300_mine", 300), ("mine", None)]
)
def test_the_size_is_that_of_the_network_or_in_the_name_of_the_file(
    tmp_path: Path, shared_dir: Path, name: str, side: int | None
) -> None:
    bare = shared_dir / "weights/ssd_300_mobilenet0.75_voc"
    if not bare.with_name(f"{bare.name}-0000.params").is_file():
        pytest.skip(f"no {bare}")
    for ending in ("-symbol.json", "-0000.params"):
        shutil.copy(f"{bare}{ending}", tmp_path / f"{name}{ending}")
    if side is None:
        with pytest.raises(ModelError, match="does not carry its input size"):
            exported_source(str(tmp_path / name))
    else:
        assert exported_source(str(tmp_path / name)).input_format.size_hw == (side, side)


def test_a_decoding_that_gluoncv_lacks_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    name = "ssd_300_mobilenet0.25_voc"
    monkeypatch.setitem(SPECS, name, replace(SPECS[name], decoding=TOY.decoding))
    with pytest.raises(ModelError, match="score_activation sigmoid, which GluonCV"):
        network_source(name, "")


def test_a_network_that_gluoncv_lacks_has_our_forms_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SPECS, TOY.name, replace(TOY, dataset="voc"))
    monkeypatch.setitem(FAMILIES, TOY.family, TOY_FAMILY)
    source = network_source(TOY.name, "")
    images = random_images(source.input_format.size_hw, 2, seed=0)
    steps: list[str] = []
    runs, int8 = forms_of(source, images.asnumpy(), steps.append)
    assert [*runs] == ["ours f32", "ours s8"] and steps == ["fp32 forms", "int8 forms"]
    assert int8.precision == "int8"
    for run in runs.values():
        ids, scores, boxes = (output.asnumpy() for output in run(images))
        assert ids.shape == scores.shape == (2, boxes.shape[1], 1) and boxes.shape[2] == 4
