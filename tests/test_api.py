"""The Python API on the runtime of NumPy alone, whose answers are known."""

from __future__ import annotations

import numpy as np
import pytest

from gluon_ssd import load
from gluon_ssd.deploy import runtime
from gluon_ssd.errors import DataError, OptionError
from tests.data.builders import write_picture
from tests.toy_runtime import TOY, write_toy
