"""Which images make up which batch, counted by hand."""

from __future__ import annotations

from gluon_ssd.data.schedule import BatchPlan


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
