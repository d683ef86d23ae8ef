"""Detectors of SageMaker and example/ssd: symbols of shared/other-mxnet, weights by rule."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gluon_ssd.compat import mx
from gluon_ssd.detection.arrays import as_numpy
from tests.other_mxnet import RuleModel

TINY = "tiny_96_2"
BIG = (
    "sagemaker_vgg16_300_3",
    "sagemaker_resnet50_512_20",
    "example_vgg16_300_20",
    "example_resnet50_512_3",
)


class Case(RuleModel):
    """One folder of shared/other-mxnet/models, with both of its symbols."""

    def symbol(self, form: str) -> str:
        """The text of the "training" or "deploy" symbol."""
        ahead = "deploy_" if form == "deploy" else ""
        return (self.folder / f"{ahead}{self.symbol_file.name}").read_text()

    def images(self) -> np.ndarray:
        """Network input, float32 (2, 3, H, W)."""
        return self.as_input(self.pixels())

    def as_input(self, pictures: np.ndarray) -> np.ndarray:
        """Pixels (B, H, W, 3) as the network wants them."""
        pixels = pictures - np.array(self.facts["subtract_rgb"])
        return np.ascontiguousarray(pixels.transpose(0, 3, 1, 2), np.float32)

    def write(self, form: str, prefix: Path, text: str = "") -> str:
        """Write symbol and weights; `text` in place of the case's own symbol. Returns the prefix.

        Weights are those of the training symbol, as one archive has them for both.
        """
        prefix.parent.mkdir(parents=True, exist_ok=True)
        self.write_params(prefix.with_name(f"{prefix.name}-0000.params"))
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
