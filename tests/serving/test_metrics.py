from __future__ import annotations

import pytest

from gluon_ssd.serving.metrics import Metrics

pytestmark = pytest.mark.serve


def test_two_services_count_for_themselves():
    first, second = Metrics(), Metrics()
    first.answered(200, 0.03)
    first.answered(503)
    assert (first.answers, second.answers) == (2, 0)
    lines = first.text().decode().splitlines()
    assert 'ssd_requests_total{code="503"} 1.0' in lines
    assert 'ssd_request_seconds_bucket{le="0.02"} 0.0' in lines
    assert 'ssd_request_seconds_bucket{le="0.05"} 1.0' in lines
    assert b'code="200"' not in second.text()
