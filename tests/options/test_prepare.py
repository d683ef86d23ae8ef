from __future__ import annotations

import pytest

from gluon_ssd.errors import OptionError
from gluon_ssd.options.declare import parse
from gluon_ssd.options.prepare import (
    PrepareCocoOptions,
    PrepareOpenImagesOptions,
    PrepareVocOptions,
)


@pytest.mark.parametrize(
    "command", [PrepareVocOptions, PrepareCocoOptions, PrepareOpenImagesOptions]
)
@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["--parallel", "0"], "--parallel must be at least 1; got 0"),
        (["--attempts", "0"], "--attempts must be at least 1; got 0"),
        (["--timeout", "0"], "--timeout must be at least 0.01; got 0.0"),
        (["--timeout", "nan"], "--timeout must be a finite number; got 'nan'"),
    ],
)
def test_values_out_of_range_are_named(command, argv, message):
    with pytest.raises(OptionError, match=message):
        parse(command, argv, prog="x", description="")


def test_all_data_sets_go_where_training_looks():
    roots = {c().dataset_root for c in (PrepareVocOptions, PrepareCocoOptions)}
    assert roots == {PrepareOpenImagesOptions().dataset_root} == {"~/.mxnet/datasets/"}
