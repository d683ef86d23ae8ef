"""Pictures made with matplotlib, which needs no display for them."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

from gluon_ssd.system.files import atomic_path


def new_figure(width_in: float, height_in: float) -> Any:
    """An empty matplotlib figure of that size in inches."""
    # Imported here, for it takes a second; without pyplot, so no display is ever looked for.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width_in, height_in), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def save_figure(figure: Any, path: str | Path) -> None:
    """Write a figure as PNG, replacing the file as a whole.

    Raises:
        EnvironmentProblem: the file cannot be written.
    """
    with atomic_path(path) as temporary, warnings.catch_warnings():
        # A letter of a name that the font does not have is drawn as a box.
        warnings.filterwarnings("ignore", "Glyph .* missing from font", UserWarning)
        figure.savefig(temporary, dpi=100, format="png")
