"""Score a detector on a data set."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gluon_ssd.data.dataset import ListedDataset
from gluon_ssd.data.loading.loader import Loader
from gluon_ssd.data.loading.samples import EvalSamples
from gluon_ssd.data.loading.stand_in import BadImages
from gluon_ssd.errors import OptionError
from gluon_ssd.evaluation.predict import predict
from gluon_ssd.evaluation.result import Evaluation
from gluon_ssd.inference.metrics import METRICS, make_score


def evaluate(
    run: Callable[[Any], tuple[Any, Any, Any]],
    samples: EvalSamples,
    dataset: ListedDataset,
    *,
    metric: str,
    batch_size: int,
    num_workers: int,
    streams: int = 1,
    bad: BadImages = BadImages(),  # noqa: B008  (immutable)
) -> Evaluation:
    """The score of a detector on every image of a data set, each exactly once.

    Args:
        run: as of `RuntimeModel.run`.
        samples: how images become its input.
        dataset: of its classes, in its label order.
        metric: "auto" for the data set's own, or a key of `METRICS`.
        batch_size: images that are computed at a time.
        num_workers: processes that read images; 0 for none.
        streams: threads that call `run`.
        bad: what is done about images that cannot be used; those left out are not scored.

    Raises:
        DataError: an image cannot be used.
        OptionError: there is no metric of that name.
    """
    if metric not in ("auto", *METRICS):
        raise OptionError(f"the metric must be auto or one of {', '.join(METRICS)}; got {metric!r}")
    score = make_score(dataset, metric)
    with Loader(
        dataset,
        samples,
        batch_size=min(batch_size, len(dataset)),
        shuffle=False,
        seed=0,
        num_workers=num_workers,
        last_batch="keep",
        bad=bad,
        in_use=streams + 1 if streams > 1 else 1,
    ) as loader:
        found = predict(run, loader.epoch(0), num_images=len(dataset), streams=streams)
        loader.skips.tell("evaluation set")
        return score(found)
