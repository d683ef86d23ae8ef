"""Options -> a drawn data set."""

from __future__ import annotations

from pathlib import Path

from gluon_ssd.data.sources.shapes import make_shapes
from gluon_ssd.options.data_tools import PrepareShapesOptions


def prepare_shapes(options: PrepareShapesOptions) -> Path:
    """Draw the shapes data set, or find it drawn. Returns its folder."""
    return make_shapes(
        options.output,
        num_train=options.num_train,
        num_val=options.num_val,
        image_size=options.image_size,
        seed=options.seed,
    )
