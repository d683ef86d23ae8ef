"""Arrays of any framework."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gluon_ssd.errors import ModelError, last_line


def as_numpy(array: Any) -> NDArray[Any]:
    """An array of NumPy, or of MXNet or a runtime, as NumPy array; waits for its values.

    Raises:
        ModelError: MXNet could not compute it, such as a graph that picks an element out of range.
    """
    if not hasattr(array, "asnumpy"):
        return np.asarray(array)
    try:
        values: NDArray[Any] = array.asnumpy()
    # MXNet computes in threads of its own; what failed there is raised here, under these names.
    except (RuntimeError, IndexError, ValueError, TypeError) as error:
        raise computing_problem(error) from error
    return values


def computing_problem(error: Exception) -> ModelError:
    """The error for a model that could not be computed, from that of its runtime."""
    return ModelError(
        f"the model cannot be computed ({last_line(error)}); its files are damaged or were "
        "changed, or there is too little memory: export it anew, or use smaller batches",
        settings=("batch_size",),
    )
