"""Files of OpenVINO: the .xml of a network and the .bin of its weights."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

from scripts.fuzzing.case import REFUSED, SAME, Case, Kind
from scripts.fuzzing.mutations import xml_tree
from scripts.fuzzing.mutations.blocks import damage

_XML, _BIN = "tiny.xml", "tiny.bin"
_VALUES = ("0", "-1", "1", "1000000000", "9" * 30, "f16", "i64", "boolean", "", "x", "1,2", "Loop")


class OpenvinoKind(Kind):
    """A detector of four anchors."""

    name = "openvino"
    in_suite = 300

    def prepare(self, folder: Path) -> None:
        """Convert the tiny ONNX file."""
        import openvino

        from tests.deploy.tiny_onnx import write_tiny

        (folder / "raw").mkdir()
        path = write_tiny(folder / "tiny.onnx")
        openvino.save_model(openvino.Core().read_model(path), folder / "raw" / _XML, False)
        path.unlink()

    def mutate(self, draw: random.Random) -> Case:
        """Attributes of the network mostly, elements, bytes, or the weights cut off."""
        text, chance = self.seeds["raw"][_XML], draw.random()
        if chance < 0.04:
            weights = self.seeds["raw"][_BIN]
            cut = weights[: draw.randrange(len(weights) // 2)]
            return Case("raw", {_BIN: cut}, REFUSED, "weights cut")
        if chance < 0.08:
            return Case("raw", {_XML: text + b"\n\n"}, SAME, "blank lines behind it")
        if chance < 0.16:
            changed, story = xml_tree.surely_no_xml(draw, text)
            return Case("raw", {_XML: changed}, REFUSED, story)
        if chance < 0.3:
            changed, story = damage(draw, text)
            return Case("raw", {_XML: changed}, story=story)
        if chance < 0.6:
            changed, story = xml_tree.mutated(draw, text)
            return Case("raw", {_XML: changed}, story=story)
        return self._attributes(draw, text)

    def _attributes(self, draw: random.Random, text: bytes) -> Case:
        import xml.etree.ElementTree as ElementTree

        root = ElementTree.fromstring(text)
        holders = [element for element in root.iter() if element.attrib]
        told = []
        for _ in range(draw.choice((1, 1, 2))):
            element = draw.choice(holders)
            key = draw.choice(list(element.attrib))
            element.set(key, draw.choice((*_VALUES, *draw.choice(holders).attrib.values())))
            told.append(f"{element.tag} {key} = {element.get(key)}"[:80])
        return Case("raw", {_XML: ElementTree.tostring(root)}, story="; ".join(told))

    def read(self, folder: Path, seed: str) -> Any:
        """What it finds in three small pictures."""
        from gluon_ssd.deploy.openvino.model import load_openvino
        from tests.deploy.tiny_onnx import tiny_images

        model = load_openvino(str(folder / _XML), threads=1)
        return model.classes, model.run(tiny_images())
