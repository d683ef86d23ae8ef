"""The loss over a whole data set, computed beside its detections."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from gluon_ssd.compat import mx
from gluon_ssd.models.interface import Loss
from gluon_ssd.training.loop import Batch
from gluon_ssd.training.team.team import Team


class LossSum:
    """Adds up the loss batch by batch; nothing is waited for before `means`.

    Args:
        loss: what training minimises.
        context: the device of the outputs.
    """

    def __init__(self, loss: Loss, context: Any) -> None:
        self._loss, self._context = loss, context
        self._batch: Batch | None = None
        self._sums: list[tuple[float, dict[str, Any]]] = []

    def watch(self, batches: Iterable[Batch]) -> Iterator[Batch]:
        """Hand batches on, and remember the last one, which `add` is about.

        Beside images they hold "class_targets" (B, A) and "box_targets" (B, A, 4). Images that
        were left out, whose index is below 0, do not count.
        """
        for batch in batches:
            self._batch = batch
            yield batch
        self._batch = None

    def add(self, class_logits: Any, box_offsets: Any) -> None:
        """Count the outputs (B, A, ...) of the batch that was handed on last."""
        assert self._batch is not None, "outputs belong to a batch that was watched"
        arrays, kept = self._batch.arrays, np.asarray(self._batch.indices) >= 0
        class_targets = np.array(arrays["class_targets"], np.float32)
        class_targets[~kept] = 0
        divisor = self._loss.divisor(class_targets[kept])
        parts = self._loss.parts(
            class_logits,
            box_offsets,
            self._placed(class_targets),
            self._placed(arrays["box_targets"]),
            divisor,
            **self._loss.facts(class_targets),
        )
        used = self._placed(kept.astype(np.float32))
        self._sums.append((divisor, {name: (part * used).sum() for name, part in parts.items()}))

    def _placed(self, array: np.ndarray) -> Any:
        # A copy, so that the loader may reuse its memory.
        return mx.nd.array(array, ctx=self._context, dtype="float32")

    def means(self, team: Team) -> dict[str, float]:
        """Each part of the loss by name, divided over all images of all processes as `Loss` says.

        Every process of the team must call it. Empty in a process that has had no batch.
        """
        names = list(self._sums[0][1]) if self._sums else []
        rows = [[d, *(d * float(parts[n].asscalar()) for n in names)] for d, parts in self._sums]
        own = np.array(rows, np.float64).sum(axis=0) if rows else np.zeros(0)
        self._sums = []
        # Not the total, since a process without a batch does not know how many parts there are.
        every = team.gather(own)
        if not names:
            return {}
        divisor, *totals = every.reshape(-1, len(names) + 1).sum(axis=0).tolist()
        return {name: total / max(1.0, divisor) for name, total in zip(names, totals, strict=True)}
