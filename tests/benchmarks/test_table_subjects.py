"""How the table of speeds learns the size of a model whose file does not carry it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from gluon_ssd.benchmarks.table_subjects import exported_source, network_source
from gluon_ssd.detection.decoding import Decoding
from gluon_ssd.errors import ModelError
from gluon_ssd.families.catalog import SPECS
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
        assert exported_source(str(tmp_path / name)).input_size_hw == (side, side)


def test_a_decoding_that_gluoncv_lacks_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    assert TOY.decoding != Decoding()
    monkeypatch.setitem(SPECS, TOY.name, TOY)
    with pytest.raises(ModelError, match="score_activation sigmoid, which GluonCV"):
        network_source(TOY.name, "")
