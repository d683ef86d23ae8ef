"""The graph and the weights of an IR belong to one export."""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gluon_ssd.errors import ModelError, WeightsError
from tests.deploy.toy_parts import toy_parts

pytestmark = [pytest.mark.onnx, pytest.mark.openvino]
pytest.importorskip("onnx")
pytest.importorskip("openvino")

from gluon_ssd.deploy.openvino.export import write_openvino  # noqa: E402
from gluon_ssd.deploy.openvino.ir_pair import (  # noqa: E402
    WEIGHTS_KEY,
    check_pair,
    digest_of,
    ir_files,
    mark,
    move_ir,
)
from gluon_ssd.deploy.openvino.model import load_openvino, read_network  # noqa: E402

MIXED = r"m\.xml and .*m\.bin are of different exports"


@pytest.fixture
def exports(tmp_path: Path) -> tuple[Path, Path]:
    """Two exports of one detector that differ in one weight."""
    parts, paths = toy_parts(), (tmp_path / "one" / "m.xml", tmp_path / "two" / "m.xml")
    for number, path in enumerate(paths):
        name = next(name for name, array in parts.arrays.items() if array.ndim == 4)
        changed = parts.arrays[name] + np.float32(number)
        write_openvino(replace(parts, arrays={**parts.arrays, name: changed}), path)
    return paths


def without_digest(path: Path) -> None:
    text = path.read_text()
    bare = re.sub(rf"<{WEIGHTS_KEY} [^>]*/>", "", text)
    assert bare != text
    path.write_text(bare)


def test_each_export_is_read_with_its_own_weights(exports: tuple[Path, Path]):
    for path in exports:
        assert load_openvino(str(path)).num_classes == 3
    assert digest_of(ir_files(exports[0])[1]) != digest_of(ir_files(exports[1])[1])


@pytest.mark.parametrize("file", [0, 1], ids=["graph", "weights"])
def test_files_of_two_exports_are_refused(exports: tuple[Path, Path], file: int):
    shutil.copy(ir_files(exports[0])[file], ir_files(exports[1])[file])
    with pytest.raises(WeightsError, match=MIXED):
        read_network(str(exports[1]))


@pytest.mark.parametrize("is_older", [False, True], ids=["of now", "of an earlier version"])
def test_a_kill_between_the_two_renames_is_noticed(
    exports: tuple[Path, Path], is_older: bool, monkeypatch: pytest.MonkeyPatch
):
    staged, target = exports
    if is_older:
        without_digest(target)
    renames, rename = [], os.replace

    def kill_at_the_second(source: Path, end: Path) -> None:
        renames.append(end)
        if len(renames) == 2:
            raise KeyboardInterrupt
        rename(source, end)

    monkeypatch.setattr(os, "replace", kill_at_the_second)
    with pytest.raises(KeyboardInterrupt):
        move_ir(staged, target)
    with pytest.raises(WeightsError, match=MIXED):
        read_network(str(target))


def test_a_graph_without_digest_is_read_as_before(exports: tuple[Path, Path]):
    without_digest(exports[0])
    assert load_openvino(str(exports[0])).num_classes == 3


class Network:
    """What is asked of an `openvino.Model`."""

    def __init__(self) -> None:
        self.info: dict[str, str] = {}

    def set_rt_info(self, value: str, place: list[str]) -> None:
        self.info[place[0]] = value

    def has_rt_info(self, place: list[str]) -> bool:
        return place[0] in self.info

    def get_rt_info(self, place: list[str]) -> Any:
        class Value:
            def astype(_, kind: type) -> str:
                return self.info[place[0]]

        return Value()


def test_the_digest_is_length_and_checksum(tmp_path: Path):
    (tmp_path / "a.bin").write_bytes(b"123456789")
    assert digest_of(tmp_path / "a.bin") == "9-cbf43926"
    network = Network()
    check_pair(network, str(tmp_path / "a.xml"))
    mark(network, tmp_path / "a.bin")
    check_pair(network, str(tmp_path / "a.xml"))
    (tmp_path / "a.bin").write_bytes(b"123456780")
    with pytest.raises(WeightsError, match="are of different exports"):
        check_pair(network, str(tmp_path / "a.xml"))
    (tmp_path / "a.bin").unlink()
    with pytest.raises(ModelError, match=r"cannot read .*a\.bin: No such file"):
        check_pair(network, str(tmp_path / "a.xml"))
