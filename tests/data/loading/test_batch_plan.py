"""Which images make up which batch, counted by hand."""

from __future__ import annotations

from collections import Counter

import pytest

from gluon_ssd.data.loading.batch_plan import BatchPlan, Share
from gluon_ssd.errors import OptionError


def plan_of(count, batch_size, *, shuffle=True, last_batch="rollover", seed=0):
    return BatchPlan(count, batch_size, shuffle=shuffle, seed=seed, last_batch=last_batch)


def test_voc_has_517_batches_of_32():
    plan = plan_of(16551, 32)
    assert [plan.num_batches(epoch) for epoch in range(4)] == [517, 517, 517, 517]
    # 16551 = 517 * 32 + 7, so after 32 epochs the rest has made 7 more batches.
    assert sum(plan.num_batches(epoch) for epoch in range(32)) == 16551


def test_rollover_shows_every_image_once_a_pass():
    plan = plan_of(10, 4)
    assert [plan.num_batches(epoch) for epoch in range(4)] == [2, 3, 2, 3]
    stream = [
        place
        for epoch in range(4)
        for number in range(plan.num_batches(epoch))
        for place in plan.batch(epoch, number)
    ]
    for one_pass in range(4):
        images = [place.image for place in stream if place.epoch == one_pass]
        assert sorted(images) == list(range(10))
    # The two that did not fill a batch of epoch 0 lead epoch 1.
    assert [place.epoch for place in plan.batch(1, 0)] == [0, 0, 1, 1]


def test_a_pass_is_shuffled_by_seed_and_epoch():
    def order(seed, epoch):
        batches = (plan_of(100, 10, seed=seed).batch(epoch, number) for number in range(10))
        return [place.image for batch in batches for place in batch]

    orders = [order(0, 0), order(0, 1), order(1, 0), list(range(100))]
    assert len({tuple(images) for images in orders}) == 4
    assert order(0, 1) == orders[1]


def images_of(plan, epoch, number, parts=1):
    return [place for part in range(parts) for place in plan.batch(epoch, number, part)]


@pytest.mark.parametrize(("world", "parts"), [(2, 1), (4, 1), (1, 3), (2, 2)], ids=str)
def test_processes_share_every_batch_without_overlap_or_loss(world, parts):
    # 29 images do not divide by anything: what is left over joins the next epoch.
    whole = plan_of(29, 12)
    shares = [
        BatchPlan(29, 12, shuffle=True, seed=0, last_batch="rollover", share=Share(r, world, parts))
        for r in range(world)
    ]
    seen = Counter()
    for epoch in range(12):
        assert {share.num_batches(epoch) for share in shares} == {whole.num_batches(epoch)}
        for number in range(whole.num_batches(epoch)):
            pieces = [images_of(share, epoch, number, parts) for share in shares]
            assert [len(piece) for piece in pieces] == [12 // world] * world
            together = [place for piece in pieces for place in piece]
            assert sorted(together) == sorted(whole.batch(epoch, number))
            seen.update(place.image for place in together)
    assert set(seen.values()) == {12}  # 12 epochs of 29 images are 29 batches of 12


@pytest.mark.parametrize("count", [1, 2, 7, 8, 9], ids=str)
def test_processes_share_an_evaluation_without_overlap_or_loss(count):
    shares = [
        BatchPlan(count, 2, shuffle=False, seed=0, last_batch="keep", share=Share(r, 4))
        for r in range(4)
    ]
    images = [
        place.image
        for share in shares
        for number in range(share.num_batches(0))
        for place in share.batch(0, number)
    ]
    assert sorted(images) == list(range(count))


def test_a_batch_that_cannot_be_cut_evenly_is_an_option_error():
    with pytest.raises(OptionError, match="10 does not divide into 4 pieces; .* multiple of 4"):
        BatchPlan(20, 10, shuffle=True, seed=0, last_batch="rollover", share=Share(0, 2, 2))
