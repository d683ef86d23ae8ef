from __future__ import annotations

import pytest

from gluon_ssd.benchmarks.service.served import Served
from gluon_ssd.errors import EnvironmentProblem

pytestmark = pytest.mark.serve


def test_a_service_that_cannot_start_says_why(tmp_path):
    served = Served(model_prefix=str(tmp_path / "none"))
    with pytest.raises(EnvironmentProblem, match="the service ended: error: .*none-symbol.json"):
        served.__enter__()
