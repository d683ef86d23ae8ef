"""Every operator that a symbol from outside may have.

The table holds what detectors are made of: exports of GluonCV and of this package, in fp32 and in
int8, and the symbols of SageMaker and of MXNet's example. An operator that runs code or takes an
address, such as Custom, _Native and _NDArray, is not among them, and neither is one that would let
a file read or write another.
"""

from __future__ import annotations

from gluon_ssd.deploy.mxnet.symbol_check.arrays import ARRAYS
from gluon_ssd.deploy.mxnet.symbol_check.detections import DETECTIONS
from gluon_ssd.deploy.mxnet.symbol_check.int8 import INT8
from gluon_ssd.deploy.mxnet.symbol_check.layers import LAYERS
from gluon_ssd.deploy.mxnet.symbol_check.operator import Operator

OPERATORS: dict[str, Operator] = {**LAYERS, **ARRAYS, **DETECTIONS, **INT8}
"""Name, as MXNet writes it -> what it may have."""
