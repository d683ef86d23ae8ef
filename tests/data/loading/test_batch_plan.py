"""Which images make up which batch, counted by hand."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest

from gluon_ssd.data.loading.batch_plan import BatchPlan, Place, Share
from gluon_ssd.errors import DataError, OptionError, SsdError


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


# ---- by hand


def in_order(
    count: int,
    batch_size: int,
    last_batch: str,
    share: Share = Share(),  # noqa: B008
) -> BatchPlan:
    return BatchPlan(count, batch_size, shuffle=False, seed=0, last_batch=last_batch, share=share)


def images_of_epoch(plan: BatchPlan, epoch: int) -> list[list[int]]:
    return [
        [place.image for place in plan.batch(epoch, number)]
        for number in range(plan.num_batches(epoch))
    ]


@pytest.mark.parametrize(
    ("epoch", "images"),
    [
        (0, [[0, 1, 2, 3]]),
        (1, [[4, 5, 6, 0], [1, 2, 3, 4]]),
        (2, [[5, 6, 0, 1], [2, 3, 4, 5]]),
        (3, [[6, 0, 1, 2], [3, 4, 5, 6]]),
        (4, [[0, 1, 2, 3]]),
    ],
)
def test_rollover_by_hand(epoch: int, images: list[list[int]]) -> None:
    assert images_of_epoch(in_order(7, 4, "rollover"), epoch) == images


def test_a_batch_across_two_passes_names_both() -> None:
    places = in_order(7, 4, "rollover").batch(1, 0)
    assert places == [Place(0, 4), Place(0, 5), Place(0, 6), Place(1, 0)]


@pytest.mark.parametrize(
    ("count", "images"),
    [
        (1, [[0]]),
        (3, [[0, 1, 2]]),
        (4, [[0, 1, 2], [3]]),
        (6, [[0, 1, 2], [3, 4, 5]]),
        (7, [[0, 1, 2], [3, 4, 5], [6]]),
    ],
)
def test_keep_by_hand(count: int, images: list[list[int]]) -> None:
    plan = in_order(count, 3, "keep")
    assert [images_of_epoch(plan, epoch) for epoch in range(3)] == [images] * 3
    assert {place.epoch for place in plan.batch(2, 0)} == {2}


@pytest.mark.parametrize(
    ("rank", "part", "images"),
    [(0, 0, [0, 1]), (1, 0, [2, 3]), (2, 0, [4, 5]), (0, 1, [6, 7]), (1, 1, [8, 9])],
)
def test_a_batch_is_cut_into_parts_and_these_into_processes(
    rank: int, part: int, images: list[int]
) -> None:
    plan = in_order(24, 12, "rollover", Share(rank, world=3, parts=2))
    assert plan.share.pieces == 6
    assert [place.image for place in plan.batch(0, 0, part)] == images
    assert [place.image for place in plan.batch(0, 1, part)] == [n + 12 for n in images]


def test_keep_gives_every_process_its_own_images_in_one_part() -> None:
    shares = [in_order(7, 2, "keep", Share(rank, world=3, parts=2)) for rank in range(3)]
    assert [images_of_epoch(share, 0) for share in shares] == [
        [[0, 3], [6]],
        [[1, 4]],
        [[2, 5]],
    ]
    assert {share.share.parts for share in shares} == {1}
    assert {share.share.world for share in shares} == {3}


def test_a_shuffled_pass_stays_the_same_when_it_is_asked_for_again() -> None:
    plan = plan_of(20, 4)
    first = [images_of_epoch(plan, epoch) for epoch in range(6)]
    assert [images_of_epoch(plan, epoch) for epoch in (5, 0, 3)] == [first[5], first[0], first[3]]
    assert images_of_epoch(plan_of(20, 4), 4) == first[4]


def test_shuffling_is_by_the_generator_of_seed_epoch_and_number_of_images() -> None:
    order = np.random.default_rng((7, 3, 12)).permutation(12).tolist()
    assert sum(images_of_epoch(plan_of(12, 3, seed=7), 3), []) == order


def test_neighbouring_passes_are_shuffled_once(monkeypatch: pytest.MonkeyPatch) -> None:
    seeds = []

    def default_rng(seed: tuple[int, ...]) -> np.random.Generator:
        seeds.append(seed)
        return np.random.Generator(np.random.PCG64(seed))

    monkeypatch.setattr(np.random, "default_rng", default_rng)
    plan = plan_of(7, 4)
    for _ in range(3):
        plan.batch(1, 0)  # lies across two passes
    assert seeds == [(0, 0, 7), (0, 1, 7)]


@pytest.mark.parametrize(
    ("changes", "kind", "message"),
    [
        ({"num_images": 0}, DataError, "the data set has no images"),
        ({"batch_size": 0}, OptionError, "batch size must be at least 1; got 0"),
        ({"seed": -1}, OptionError, "seed must be 0 or more; got -1"),
        ({"last_batch": "drop"}, OptionError, "'drop'; choose rollover or keep"),
        ({"batch_size": 11}, OptionError, "11 is more than the 10 training images"),
        ({"share": Share(0, 4)}, OptionError, "2 does not divide into 4 pieces"),
        ({"share": Share(0, 1, 4)}, OptionError, "2 does not divide into 4 pieces"),
    ],
    ids="images batch seed rule large world parts".split(),
)
def test_a_plan_that_cannot_be_is_refused(
    changes: dict[str, Any], kind: type[SsdError], message: str
) -> None:
    values = {"num_images": 10, "batch_size": 2, "shuffle": True, "seed": 0}
    with pytest.raises(kind, match=message):
        BatchPlan(**{**values, "last_batch": "rollover", **changes})


@pytest.mark.parametrize(
    ("count", "batch_size", "last_batch"),
    [(1, 1, "rollover"), (4, 4, "rollover"), (4, 9, "keep"), (1, 1, "keep")],
)
def test_the_smallest_plans_have_one_batch(count: int, batch_size: int, last_batch: str) -> None:
    plan = in_order(count, batch_size, last_batch)
    assert images_of_epoch(plan, 0) == [list(range(count))]


REPEATS = np.array([1.0, 2.5, 1.0, 1.25, 3.0, 1.0, 1.0, 1.25])  # 12 in all


def repeated(batch_size=4, share=Share(0, 1), seed=0):  # noqa: B008  (immutable)
    return BatchPlan(
        8, batch_size, shuffle=True, seed=seed, last_batch="rollover", share=share, repeats=REPEATS
    )


def passes(plan, count):
    """The samples of some passes over the set."""
    stream = [
        place
        for epoch in range(count)
        for number in range(plan.num_batches(epoch))
        for place in plan.batch(epoch, number)
    ]
    return [[place for place in stream if place.epoch == each] for each in range(count)]


def test_images_come_as_often_as_asked_for_on_average_and_near_it_in_every_pass():
    counts = []
    for places in passes(repeated(), 400):
        assert len(places) == 12
        counts.append(np.bincount([place.image for place in places], minlength=8))
    assert (np.floor(REPEATS) <= counts).all() and (counts <= np.ceil(REPEATS)).all()
    np.testing.assert_allclose(np.mean(counts, axis=0), REPEATS, atol=0.08)


def test_every_time_an_image_comes_in_a_pass_is_another_sample():
    for places in passes(repeated(), 3):
        assert len(set(places)) == len(places)
        assert sorted(place.again for place in places if place.image == 4) == [0, 1, 2]
        assert {place.again for place in places if place.image == 0} == {0}


def test_repeats_are_shared_and_found_again_like_any_plan():
    whole, shares = repeated(), [repeated(share=Share(rank, 2)) for rank in range(2)]
    for epoch, number in ((0, 0), (3, 2), (7, 1), (0, 1)):
        pieces = [place for share in shares for place in share.batch(epoch, number)]
        assert pieces == whole.batch(epoch, number) == repeated().batch(epoch, number)
    assert whole.batch(0, 0) != repeated(seed=1).batch(0, 0)


def test_a_batch_may_hold_a_whole_pass_of_repeated_images():
    assert repeated(12).num_batches(0) == 1
    with pytest.raises(OptionError, match="the batch size 13 is more than the 12 training images"):
        repeated(13)


def test_once_each_is_the_order_without_repeats():
    plain = plan_of(8, 4).batch(2, 1)
    ones = BatchPlan(8, 4, shuffle=True, seed=0, last_batch="rollover", repeats=np.ones(8))
    assert [len({p.image for p in each}) for each in passes(ones, 3)] == [8] * 3
    assert all(place.again == 0 for place in plain)
