"""Options of scripts/export_ssd.py."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from gluon_ssd.errors import OptionError
from gluon_ssd.options.declare import option
from gluon_ssd.options.shared import DATASETS, ModelOptions, chosen_network
from gluon_ssd.options.suppression import suppression_option

if TYPE_CHECKING:
    from gluon_ssd.models.spec import Spec


@dataclass(frozen=True)
class ExportOptions:
    """export"""

    dataset: str = option("voc", "data set part of the network's name", choices=DATASETS)
    pretrained: str = option(
        "True",
        "true (or 1, yes, t) takes the zoo's weights, anything else is a .params or .pt file",
    )
    classes: str = option("", "file with one class name a line; empty uses the weights' own")
    output: str = option("", "written as OUTPUT-symbol.json and OUTPUT-0000.params")
    no_fuse: bool = option(False, "keep batch norm as its own layers instead of folding it")
    nms_thresh: float | None = suppression_option("nms_thresh")
    nms_topk: int | None = suppression_option("nms_topk")
    post_nms: int | None = suppression_option("post_nms")


@dataclass(frozen=True)
class ExportCommand:
    """Options of scripts/export_ssd.py."""

    model: ModelOptions = ModelOptions()
    export: ExportOptions = ExportOptions()

    def __post_init__(self) -> None:
        if not self.export.output:
            raise OptionError("--output PREFIX is needed: where to write the exported model")
        _ = self.network

    @property
    def network(self) -> Spec:
        """The chosen network."""
        return chosen_network(self.model, self.export.dataset)
