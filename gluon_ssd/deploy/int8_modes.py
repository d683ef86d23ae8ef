"""The ways to make int8 models, for the options that ask for one; standard library only."""

from __future__ import annotations

MODES = ("none", "naive", "entropy")
"""How ranges of values are found."""
DTYPES = ("auto", "int8", "uint8")
"""Integer types of values."""
MIN_ENTROPY_IMAGES = 8
"""A histogram of fewer images says little about the others, and cutting by it loses scores."""
ONNX_FORMS = ("qdq", "qoperator")
"""How an ONNX file holds integers: float operators between pairs that round, or integer ones."""
