"""GluonCV's evaluation of an exported model."""

from __future__ import annotations

from gluon_ssd.benchmarks.gluoncv.network import original_exported
from gluon_ssd.benchmarks.gluoncv.pipeline import LabelledImages
from gluon_ssd.compat import mx
from gluon_ssd.data.dataset import ListedDataset


def original_evaluation(
    dataset: ListedDataset, *, prefix: str, input_size_hw: tuple[int, int], batch_size: int = 16
) -> float:
    """Score an exported model with GluonCV's own transform, metric and loader, without workers.

    Nothing is left out to make it slower: the network runs as a static graph, as in the original
    script, and every image is scored.

    Args:
        dataset: JPEG images with their boxes.
        prefix: of the exported symbol and parameters.
        input_size_hw: height and width of the network input, px.
        batch_size: images a call.

    Returns:
        VOC07 mean average precision.
    """
    from gluoncv.data.batchify import Pad, Stack, Tuple
    from gluoncv.data.transforms.presets.ssd import SSDDefaultValTransform
    from gluoncv.utils.metrics.voc_detection import VOC07MApMetric

    height, width = input_size_hw
    loader = mx.gluon.data.DataLoader(
        LabelledImages(dataset).transform(SSDDefaultValTransform(width, height)),
        batch_size,
        batchify_fn=Tuple(Stack(), Pad(pad_val=-1)),
        last_batch="keep",
        num_workers=0,
    )
    network = original_exported(prefix)
    metric = VOC07MApMetric(iou_thresh=0.5, class_names=list(dataset.classes))
    for images, truth in loader:
        # GluonCV's batches lie in shared memory, which a static graph refuses.
        ids, scores, bboxes = network(images.as_in_context(mx.cpu()))
        columns = [truth.slice_axis(axis=-1, begin=i, end=i + 1) for i in (4, 5)]
        corners = truth.slice_axis(axis=-1, begin=0, end=4)
        metric.update(bboxes.clip(0, max(input_size_hw)), ids, scores, corners, *columns)
    return float(metric.get()[1][-1])
