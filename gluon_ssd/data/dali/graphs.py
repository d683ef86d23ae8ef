"""The two DALI graphs of training, and their MXNet iterator; the only module that imports DALI.

One graph draws: canvas, crop, colours and flip, from the boxes of a batch alone, which takes half a
millisecond. It holds all random state, so a run can continue at any batch after drawing for the
batches before it. The other one makes pixels from what was drawn and keeps no state.
"""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from gluon_ssd.data.augment.settings import DaliAugmentation
from gluon_ssd.data.dali.draws import Draws
from gluon_ssd.data.image_source import ImageSource, open_image
from gluon_ssd.detection.input_format import InputFormat
from gluon_ssd.errors import EnvironmentProblem


class Dali(NamedTuple):
    """The parts of DALI that are used."""

    Pipeline: Any
    fn: Any
    types: Any
    Iterator: Any


def load_dali() -> Dali:
    """Import DALI, and MXNet for its plugin.

    Raises:
        EnvironmentProblem: it is not installed.
    """
    # MXNet first, through the module that makes its import work; the plugin imports it plainly.
    importlib.import_module("gluon_ssd.compat")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            from nvidia.dali import Pipeline, fn, types
            from nvidia.dali.plugin.mxnet import DALIGenericIterator
    except ImportError as error:
        raise EnvironmentProblem(
            "training through DALI needs NVIDIA DALI with its MXNet plugin, which is not installed "
            f"here ({error}); install it with: bash scripts/setup.sh --extras dali"
        ) from error
    return Dali(Pipeline, fn, types, DALIGenericIterator)


class DrawGraph:
    """Draws the random numbers of one batch after the other.

    They depend on (settings, seed, boxes of all batches so far) alone. A batch has `batch_size`
    images at most, and the seed is below 2**31.
    """

    def __init__(self, settings: DaliAugmentation, *, batch_size: int, seed: int) -> None:
        dali = load_dali()
        # One thread and no prefetching: the work is tiny, and each answer is asked for at once.
        self._pipeline = dali.Pipeline(
            batch_size, 1, None, seed=seed, exec_async=False, exec_pipelined=False
        )
        with self._pipeline:
            self._pipeline.set_outputs(*_draws(dali, settings))
        self._pipeline.build()

    def draw(self, boxes_unit: Sequence[np.ndarray]) -> Draws:
        """Draw for the images of a batch from their boxes, float32 (M, 4), corners as shares."""
        self._pipeline.feed_input("boxes", list(boxes_unit))
        *drawn, _ = self._pipeline.run()
        return Draws(*(np.array(output.as_array()) for output in drawn))


def _draws(dali: Dali, settings: DaliAugmentation) -> tuple[Any, ...]:
    fn, types = dali.fn, dali.types
    given = fn.external_source(name="boxes", dtype=types.FLOAT, ndim=2)

    def drawn(low_high: tuple[float, float]) -> Any:
        low, high = low_high
        # DALI refuses an empty range.
        return fn.random.uniform(range=[low, high]) if low < high else types.Constant(float(low))

    def coin(probability: float) -> Any:
        return fn.cast(fn.random.coin_flip(probability=probability), dtype=types.FLOAT)

    def changed(low_high: tuple[float, float], neutral: float) -> Any:
        if settings.color_probability == 1:
            return drawn(low_high)
        return neutral + coin(settings.color_probability) * (drawn(low_high) - neutral)

    low, high = settings.zoom_ratio
    zoom = 1.0 + coin(settings.zoom_probability) * drawn((low - 1, high - 1))
    paste_x, paste_y = drawn((0.0, 1.0)), drawn((0.0, 1.0))
    boxes = fn.bbox_paste(given, ratio=zoom, paste_x=paste_x, paste_y=paste_y, ltrb=True)
    anchor, shape = _crop(dali, settings, boxes)
    ranges = settings.brightness, settings.contrast, settings.saturation, settings.hue
    neutral = 1.0, 1.0, 1.0, 0.0
    twist = fn.stack(*map(changed, ranges, neutral))
    flip = fn.random.coin_flip(probability=settings.flip_probability)
    # The boxes only so that DALI keeps an input that nothing else may need.
    return zoom, fn.stack(paste_x, paste_y), anchor, shape, twist, flip, given


def _crop(dali: Dali, settings: DaliAugmentation, boxes: Any) -> tuple[Any, Any]:
    if not settings.crop_overlaps:
        nothing, everything = np.zeros(2, np.float32), np.ones(2, np.float32)
        return dali.types.Constant(nothing), dali.types.Constant(everything)
    anchor, shape, _ = dali.fn.random_bbox_crop(
        boxes,
        bbox_layout="xyXY",
        thresholds=list(settings.crop_overlaps),
        threshold_type="iou",
        allow_no_crop=True,
        all_boxes_above_threshold=settings.crop_all_boxes,
        num_attempts=settings.crop_attempts,
        scaling=list(settings.crop_scale),
        aspect_ratio=list(settings.crop_aspect),
    )
    return anchor, shape


class PixelInputs(NamedTuple):
    """What the pixels of B images are made from, in the order of the graph's inputs.

    The fields but the first and the last two are those of Geometry, stacked.
    """

    encoded: list[np.ndarray]
    start: np.ndarray
    shape: np.ndarray
    size: np.ndarray
    roi: np.ndarray
    place: np.ndarray
    twist: np.ndarray
    flip: np.ndarray


class PixelGraph:
    """Decodes, crops, resizes, recolours, flips and normalises, ahead of the batch in use.

    Args:
        next_inputs: gives the inputs of the next batch; StopIteration ends it, any other error
            comes out of `next_images`.
        batch_size: largest number of images a batch.
        input_format: of the result.
        num_threads: of DALI.
        device_id: GPU to work on; None works on the CPU.
    """

    def __init__(
        self,
        next_inputs: Callable[[], PixelInputs],
        *,
        batch_size: int,
        input_format: InputFormat,
        num_threads: int,
        device_id: int | None = None,
    ) -> None:
        dali = load_dali()
        pipeline = dali.Pipeline(batch_size, num_threads, device_id, prefetch_queue_depth=2)
        with pipeline:
            given = dali.fn.external_source(
                source=next_inputs, num_outputs=len(PixelInputs._fields), batch=True
            )
            inputs = PixelInputs(*given)
            image = _pixels(
                dali, inputs, input_format.resize, "cpu" if device_id is None else "mixed"
            )
            # Outside of the image lies the canvas, whose mean colour is 0 after the normalisation.
            image = dali.fn.crop_mirror_normalize(
                image,
                crop=input_format.size_hw,
                crop_pos_y=inputs.place[0],
                crop_pos_x=inputs.place[1],
                out_of_bounds_policy="pad",
                fill_values=0.0,
                mirror=inputs.flip,
                mean=[255 * value for value in input_format.mean],
                std=[255 * value for value in input_format.std],
                dtype=dali.types.FLOAT,
                output_layout="CHW",
            )
            pipeline.set_outputs(image)
        pipeline.build()
        # Otherwise the first batch would be made here, where its errors have no file to name.
        self._iterator = dali.Iterator([pipeline], [("image", "data")], prepare_first_batch=False)

    def next_images(self) -> Any:
        """MXNet array float32 (B, 3, H, W), on the CPU or the GPU of this graph.

        Raises:
            StopIteration: there are no more inputs.
            RuntimeError: DALI cannot process an image; it does not say which, and this graph is of
                no use any more.
        """
        return self._iterator.next()[0].data[0]


def _pixels(dali: Dali, inputs: PixelInputs, resize: str, decoder: str) -> Any:
    fn, types = dali.fn, dali.types
    image = fn.decoders.image_slice(
        inputs.encoded,
        start=inputs.start,
        shape=inputs.shape,
        axes=[0, 1],
        output_type=types.RGB,
        device=decoder,
    )
    image = fn.resize(
        image,
        size=inputs.size,
        roi_start=inputs.roi[:2],
        roi_end=inputs.roi[2:],
        interp_type=types.INTERP_LINEAR if resize == "linear" else types.INTERP_TRIANGULAR,
        antialias=resize != "linear",
    )
    return fn.color_twist(
        image,
        brightness=inputs.twist[0],
        contrast=inputs.twist[1],
        saturation=inputs.twist[2],
        hue=inputs.twist[3],
    )


def find_undecodable(sources: Sequence[ImageSource]) -> ImageSource | None:
    """The first of some images that DALI cannot decode alone, or None."""
    dali = load_dali()
    for source in sources:
        pipeline = dali.Pipeline(1, 1, None, exec_async=False, exec_pipelined=False)
        with pipeline:
            encoded = dali.fn.external_source(name="encoded", dtype=dali.types.UINT8, ndim=1)
            pipeline.set_outputs(dali.fn.decoders.image(encoded, output_type=dali.types.RGB))
        pipeline.build()
        pipeline.feed_input("encoded", [_content(source)])
        try:
            pipeline.run()
        except RuntimeError:
            return source
    return None


def _content(source: ImageSource) -> np.ndarray:
    with open_image(source) as file:
        return np.frombuffer(file.read(), dtype=np.uint8)
