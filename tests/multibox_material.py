"""Detectors of SageMaker and example/ssd: symbols of shared/other-mxnet, weights by rule."""

from __future__ import annotations

import importlib.util
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gluon_ssd.compat import mx

TINY = "tiny_96_2"
BIG = (
    "sagemaker_vgg16_300_3",
    "sagemaker_resnet50_512_20",
    "example_vgg16_300_20",
    "example_resnet50_512_3",
)


@dataclass(frozen=True)
class Case:
    """One folder of shared/other-mxnet/models."""

    folder: Path

    @property
    def facts(self) -> dict[str, Any]:
        return json.loads((self.folder / "case.json").read_text())

    @property
    def side(self) -> int:
        return self.facts["image_shape"]

    @property
    def expected(self) -> Any:
        return np.load(self.folder / "expected.npz")

    def symbol(self, form: str) -> str:
        """The text of the "training" or "deploy" symbol."""
        ahead = "deploy_" if form == "deploy" else ""
        return (self.folder / f"{ahead}{self.facts['prefix']}-symbol.json").read_text()

    def _rule(self) -> Any:
        """The module rule_weights of the material."""
        path = self.folder.parent.parent / "rule_weights.py"
        spec = importlib.util.spec_from_file_location("rule_weights", path)
        assert spec is not None and spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    def pictures(self, height: int, width: int) -> np.ndarray:
        """uint8 (2, H, W, 3), RGB."""
        rule = self._rule()
        return np.stack([rule.rule_image(k, height, width) for k in self.facts["images"]])

    def images(self) -> np.ndarray:
        """Network input, float32 (2, 3, H, W)."""
        return self.as_input(self.pictures(self.side, self.side))

    def as_input(self, pictures: np.ndarray) -> np.ndarray:
        """Pixels (B, H, W, 3) as the network wants them."""
        pixels = pictures - np.array(self.facts["subtract_rgb"])
        return np.ascontiguousarray(pixels.transpose(0, 3, 1, 2), np.float32)

    def write(self, form: str, prefix: Path, text: str = "") -> str:
        """Write symbol and weights; `text` in place of the case's own symbol. Returns the prefix.

        Weights are those of the training symbol, as one archive has them for both.
        """
        facts = self.facts
        symbol = mx.sym.load_json(self.symbol("training"))
        shapes, _, of_statistics = symbol.infer_shape(
            data=(1, 3, self.side, self.side), label=(1, 1, 6)
        )
        arguments = dict(zip(symbol.list_arguments(), shapes, strict=True))
        statistics = dict(zip(symbol.list_auxiliary_states(), of_statistics, strict=True))
        arguments = {n: s for n, s in arguments.items() if n not in ("data", "label")}
        values = self._rule().rule_params(
            arguments | statistics,
            num_classes=facts["num_classes"],
            pixel_mean=facts["rule_pixel_mean"],
            salt=facts["salt"],
            head_gain=facts["head_gain"],
        )
        stored = {
            f"{'aux' if name in statistics else 'arg'}:{name}": mx.nd.array(value)
            for name, value in values.items()
        }
        prefix.parent.mkdir(parents=True, exist_ok=True)
        mx.nd.save(f"{prefix}-0000.params", stored)
        Path(f"{prefix}-symbol.json").write_text(text or self.symbol(form))
        return str(prefix)

    def changed(self, change: dict[str, dict[str, str]]) -> str:
        """The deploy symbol with attributes of some nodes, by name, changed."""
        symbol = json.loads(self.symbol("deploy"))
        for node in symbol["nodes"]:
            node.setdefault("attrs", {}).update(change.get(node["name"], {}))
        return json.dumps(symbol)


def case(shared_dir: Path, name: str) -> Case:
    """The case of a name; the test is skipped where the material is missing."""
    folder = shared_dir / "other-mxnet" / "models" / name
    if not folder.is_dir():
        pytest.skip(f"there is no {folder}")
    return Case(folder)


def rows_as_fractions(outputs: Any, size_hw: tuple[int, int]) -> list[np.ndarray]:
    """The kept rows of each image, float32 (n, 6), corners as fractions, in their order."""
    from gluon_ssd.detection.arrays import as_numpy

    height, width = size_hw
    found = []
    for rows in np.concatenate([as_numpy(output) for output in outputs], axis=2):
        kept = rows[rows[:, 0] >= 0]
        found.append(kept / np.array([1, 1, width, height, width, height], np.float32))
    return found


def assert_rows(found: list[np.ndarray], expected: np.ndarray, atol: float = 1e-4) -> None:
    """The best rows are those expected: ids exact, scores and fractions within a tolerance."""
    for own, wanted in zip(found, expected, strict=True):
        wanted = wanted[wanted[:, 0] >= 0]
        own = own[: len(wanted)]
        np.testing.assert_array_equal(own[:, 0], wanted[:, 0])
        np.testing.assert_allclose(own[:, 1:], wanted[:, 1:], rtol=0, atol=atol)


def by_operator(prefix: str, images: np.ndarray) -> list[np.ndarray]:
    """What MXNet's own operator finds in a deploy symbol, kept rows in their order."""
    symbol = mx.sym.load(f"{prefix}-symbol.json")
    stored = mx.nd.load(f"{prefix}-0000.params")
    arrays = {name.partition(":")[2]: value for name, value in stored.items()}
    arrays["data"] = mx.nd.array(images)
    bound = symbol.bind(
        mx.cpu(),
        {name: arrays[name] for name in symbol.list_arguments()},
        aux_states={name: arrays[name] for name in symbol.list_auxiliary_states()},
        grad_req="null",
    )
    (rows,) = bound.forward(is_train=False)
    found = []
    for own in rows.asnumpy():
        found.append(own[own[:, 0] >= 0])
    return found
