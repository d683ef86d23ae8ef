"""Models of SageMaker and MXNet's SSD example in the shared folder; weights are made by rule."""

from __future__ import annotations

import importlib.util
import json
import os
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from gluon_ssd.compat import mx

_BESIDE = Path(__file__).resolve().parents[2] / "shared"
ROOT = Path(os.environ.get("SSD_SHARED_DIR") or _BESIDE) / "other-mxnet"
MODELS = ROOT / "models"

needs_other_mxnet = pytest.mark.skipif(
    not MODELS.is_dir(), reason="the models are not there; see SSD_SHARED_DIR"
)


def _rule() -> ModuleType:
    spec = importlib.util.spec_from_file_location("rule_weights", ROOT / "rule_weights.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class RuleModel:
    """One of the cases: its training symbol, weights, images and golden numbers."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.facts: dict[str, Any] = json.loads((folder / "case.json").read_text())
        self.num_classes: int = self.facts["num_classes"]
        self.side: int = self.facts["image_shape"]

    @cached_property
    def expected(self) -> dict[str, np.ndarray]:
        """The golden numbers."""
        with np.load(self.folder / "expected.npz") as stored:
            return dict(stored)

    @property
    def symbol_file(self) -> Path:
        """The symbol as it was trained."""
        return self.folder / f"{self.facts['prefix']}-symbol.json"

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Name -> shape of every array, without the inputs."""
        symbol = mx.sym.load(str(self.symbol_file))
        sizes = {"data": (1, 3, self.side, self.side), "label": (1, 1, 6)}
        arguments, _, states = symbol.infer_shape(**sizes)
        names = [*symbol.list_arguments(), *symbol.list_auxiliary_states()]
        found = dict(zip(names, [*arguments, *states], strict=True))
        return {name: shape for name, shape in found.items() if name not in sizes}

    def params(self) -> dict[str, np.ndarray]:
        """Name -> array, float32."""
        made: dict[str, np.ndarray] = _rule().rule_params(
            self.shapes(),
            num_classes=self.num_classes,
            pixel_mean=self.facts["rule_pixel_mean"],
            salt=self.facts["salt"],
            head_gain=self.facts["head_gain"],
        )
        return made

    def write_params(self, path: Path) -> None:
        """Write the arrays as MXNet's Module does, with a mark before each name."""
        symbol = mx.sym.load(str(self.symbol_file))
        states = set(symbol.list_auxiliary_states())
        arrays = {
            f"{'aux' if name in states else 'arg'}:{name}": mx.nd.array(array)
            for name, array in self.params().items()
        }
        mx.nd.save(str(path), arrays)

    def pixels(self, size_hw: tuple[int, int] | None = None) -> np.ndarray:
        """Its images, uint8 (B, H, W, 3), RGB, of its own size or another."""
        rule, (height, width) = _rule(), size_hw or (self.side, self.side)
        numbers = self.facts["images"]
        return np.stack([rule.rule_image(number, height, width) for number in numbers])
