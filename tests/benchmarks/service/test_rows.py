from __future__ import annotations

from types import SimpleNamespace

import pytest

from gluon_ssd.benchmarks.service import rows as module
from gluon_ssd.benchmarks.service.rows import Senders, joined, serve_rows, speed_facts
from gluon_ssd.errors import DataError
from gluon_ssd.options.benchmark_load import ServeBenchmark
from tests.inference.builders import write_bright


def tally(ms, codes, wrong=0, lost=0, told=(), **more):
    return {"ms": ms, "codes": codes, "wrong": wrong, "lost": lost, "told": list(told), **more}


def test_ratios_are_those_within_a_round():
    found = {
        "service": [tally([1.0, 3.0], {}, rate=90.0), tally([2.0], {}, rate=40.0)],
        "network": [100.0, 50.0],
        "predict": [90.0, 50.0],
    }
    facts = speed_facts(found)
    assert facts["service, images/s"] == 65 and facts["network, images/s"] == 75
    assert facts["of network's"] == pytest.approx((0.9 + 0.8) / 2)
    assert facts["of predict's"] == pytest.approx((1.0 + 0.8) / 2)
    assert facts["p50, ms"] == 2 and 2.9 < facts["p99, ms"] <= 3


def test_tallies_are_added_up():
    both = joined([tally([1], {"200": 1, "400": 2}, 1, 0, ["a"]), tally([2], {"200": 3}, 0, 2)])
    assert both == tally([1, 2], {"200": 4, "400": 2}, 1, 2, ["a"])


class FakePeer:
    """Notes what it is asked."""

    def __init__(self):
        self.asked = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def ask(self, do, **given):
        self.asked.append((do, given))
        if do == "load":
            return {"streams": 1, "batch": 2}
        if do in ("network", "predict"):
            return 100.0
        return tally([10.0], {"200": 1}, seconds=0.01)


def test_clients_and_requests_are_shared_between_processes():
    peers = [FakePeer(), FakePeer()]
    senders = Senders(peers, 80, 5)
    found = senders.so_many(range(10, 15), broken_every=3, most_bytes=7)
    assert found["codes"] == {"200": 2}
    first, second = (peer.asked[0][1] for peer in peers)
    assert (first["clients"], second["clients"]) == (3, 2)
    assert (first["numbers"], second["numbers"]) == ([10, 12, 14], [11, 13])
    assert senders.for_seconds(0.5)["rate"] == pytest.approx(200)


class FakeService(FakePeer):
    port, memory_mib = 80, 50.0

    def __init__(self, **options):
        super().__init__()
        self.options = options

    def end(self):
        return 0


def test_a_row_of_a_whole_run(tmp_path, monkeypatch):
    write_bright(tmp_path / "deep/a.png", 1)
    monkeypatch.setattr(module, "Peer", lambda answer, what: FakePeer())
    monkeypatch.setattr(module, "Served", FakeService)
    options = ServeBenchmark(
        model_prefix="m", images=str(tmp_path), clients=3, rounds=2, requests=50
    )
    (row,) = serve_rows(options)
    assert (row["clients"], row["requests"], row["wrong"], row["lost"]) == (3, 50, 0, 0)
    assert row["of network's"] == pytest.approx(2.0)
    assert row["answers by code"] == "200: 20"
    assert (row["memory, MiB"], row["exit code after SIGTERM"]) == (50.0, 0)


def test_a_folder_without_pictures_is_one_line(tmp_path):
    with pytest.raises(DataError, match="there is no JPEG or PNG in"):
        serve_rows(SimpleNamespace(**vars(ServeBenchmark(model_prefix="m", images=str(tmp_path)))))
