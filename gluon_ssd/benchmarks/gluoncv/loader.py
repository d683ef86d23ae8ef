"""GluonCV's training loader."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from gluon_ssd.benchmarks.gluoncv.pipeline import training_samples
from gluon_ssd.compat import mx
from gluon_ssd.data.dataset import ListedDataset
from gluon_ssd.data.loading.loader import Batch


def original_loader(
    dataset: ListedDataset,
    anchors: np.ndarray,
    input_size_hw: tuple[int, int],
    *,
    batch_size: int,
    num_workers: int,
) -> Callable[[int], Iterator[Batch]]:
    """GluonCV's training transform in MXNet's loader, as its training script puts them together.

    Args:
        dataset, anchors, input_size_hw: as for `training_samples`.
        batch_size: B.
        num_workers: processes, which stay between passes.

    Returns:
        round -> batches of one pass, with an MXNet array as image and as many indices.
    """
    from gluoncv.data.batchify import Stack, Tuple

    loader = mx.gluon.data.DataLoader(
        training_samples(dataset, anchors, input_size_hw),
        batch_size,
        shuffle=True,
        batchify_fn=Tuple(Stack(), Stack(), Stack()),
        last_batch="rollover",
        num_workers=num_workers,
    )

    def one_pass(_: int) -> Iterator[Batch]:
        for image, class_targets, box_targets in loader:
            # Their shared memory is no place to compute in: training copies to its device.
            arrays = {
                "image": image.as_in_context(mx.cpu()),
                "class_targets": class_targets.asnumpy(),
                "box_targets": box_targets.asnumpy(),
            }
            yield Batch(arrays, np.empty(len(image)))

    return one_pass
