"""The first batch that is asked for is shown, before it is handed on and once alone."""

from __future__ import annotations

from gluon_ssd.commands.wiring.first_batch import ShownBatches
from tests.training.builders import SyntheticBatches


def test_one_batch_is_shown_and_all_are_the_same():
    told = []
    source = SyntheticBatches(hook=lambda *at: told.append(("made", *at)))
    shown = ShownBatches(source, lambda batch, epoch: told.append(("shown", epoch, batch)))
    assert shown.num_batches(1) == 4 and shown.batches_before(2) == 7
    batches = shown.epoch(1, 2)
    first = next(batches)
    assert told == [("made", 1, 2), ("shown", 1, first)]
    later = [*batches, *shown.epoch(2)]
    assert [kind for kind, *_ in told].count("shown") == 1
    expected = [source.make(1, 3), *(source.make(2, number) for number in range(3))]
    assert [b.indices.tolist() for b in later] == [b.indices.tolist() for b in expected]
