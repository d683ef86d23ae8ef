from __future__ import annotations

import pytest

from gluon_ssd.deploy.tuning.backend import Backend, BuiltModel, OperatorNames, TrialFailed
from gluon_ssd.errors import ModelError
from tests.deploy.tuning.test_search import ToyBackend, ToyModel


@pytest.mark.parametrize(("protocol", "one"), [(Backend, ToyBackend), (BuiltModel, ToyModel)])
def test_a_backend_without_a_framework_has_all_that_a_search_asks_for(protocol, one):
    asked = {name for name in vars(protocol) if not name.startswith("_")}
    assert asked and asked <= set(dir(one))


def test_a_failed_trial_is_an_error_of_the_model():
    with pytest.raises(ModelError, match="^out of range$"):
        raise TrialFailed("out of range")


def test_names_of_operators_are_compared_by_value():
    names = OperatorNames({"conv0": "fused0"}, {"Convolution": ("fused0",)})
    assert names == OperatorNames({"conv0": "fused0"}, {"Convolution": ("fused0",)})
    assert names != OperatorNames({}, {"Convolution": ("fused0",)})
