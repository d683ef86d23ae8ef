from __future__ import annotations

import numpy as np

from gluon_ssd.detection import machine_code
from gluon_ssd.detection.machine_code import compile_loop


def _ratio_of_sums(values, divisor):
    total = np.float32(0)
    for value in values:
        total += value
    return total / divisor


def test_a_loop_runs_with_the_types_it_was_compiled_for():
    loop = compile_loop("float32(float32[::1], float32)", _ratio_of_sums)
    assert loop(np.ones(6, np.float32), 4) == 1.5
    assert np.isinf(loop(np.ones(6, np.float32), 0))


def test_a_loop_that_may_reorder_sums_gives_the_same_up_to_rounding():
    values = np.random.default_rng(0).random(1000, np.float32)
    loop = compile_loop("float32(float32[::1], float32)", _ratio_of_sums, reorders=True)
    np.testing.assert_allclose(loop(values, 2), values.sum() / 2, rtol=1e-5)


def test_without_a_place_to_keep_it_a_loop_is_compiled_all_the_same(monkeypatch):
    import numba

    real = numba.jit

    def no_cache(*arguments, **options):
        if options.get("cache"):
            raise RuntimeError("cannot cache function: no locator available")
        return real(*arguments, **options)

    monkeypatch.setattr(numba, "jit", no_cache)
    loop = machine_code.compile_loop("float32(float32[::1], float32)", _ratio_of_sums)
    assert loop(np.ones(2, np.float32), 1) == 2
