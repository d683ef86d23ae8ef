"""Arrays of any framework."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def as_numpy(array: Any) -> NDArray[Any]:
    """An array of NumPy, or of MXNet or a runtime, as NumPy array; waits for its values."""
    return array.asnumpy() if hasattr(array, "asnumpy") else np.asarray(array)
