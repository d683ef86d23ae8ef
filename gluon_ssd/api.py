"""The Python API: load a detector, and detect.

    from gluon_ssd import load

    detector = load("model/ssd")
    for found in detector.predict(["a.jpg", "folder/", frame], color="bgr"):
        print(found.names, found.scores, found.boxes_px)

No framework is imported until `load`, and then the one alone that the files are for.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gluon_ssd.deploy.runtime import RUNTIMES, find_runtime, load_detector
from gluon_ssd.deploy.runtime_model import RuntimeModel
from gluon_ssd.deploy.told import NOTHING, Told
from gluon_ssd.detection.preprocessing import Preprocessing
from gluon_ssd.errors import OptionError
from gluon_ssd.inference.batches import Detecting, SharedModel
from gluon_ssd.inference.found import Found, FoundObject, class_names
from gluon_ssd.inference.pictures import Given, Limits, OnBad, Reader
from gluon_ssd.inference.speed import Speed, measure_speed
from gluon_ssd.inference.thresholds import own_threshold
from gluon_ssd.system.threads import use_compute_threads, use_whole_cpu

if TYPE_CHECKING:
    from gluon_ssd.data.dataset import ListedDataset
    from gluon_ssd.deploy.proof import Proof
    from gluon_ssd.evaluation.result import Evaluation

__all__ = ["Detector", "Found", "FoundObject", "Limits", "Preprocessing", "Speed", "load"]

_BATCH_SIZE = 4
_LIMITS = Limits()


class Detector:
    """A detector that is ready to run; made by `load`.

    Any number of threads may call it at once, and get what one of them alone would get.

    Args:
        model: what computes.
        classes: names of its classes, where its files lack them or have others.
        told: what its files were read with.

    Raises:
        OptionError: the names are of another number of classes.
    """

    def __init__(
        self,
        model: RuntimeModel,
        *,
        classes: Sequence[str] | None = None,
        told: Told = NOTHING,
    ) -> None:
        self.classes: tuple[str, ...] = class_names(model.classes, classes, model.num_classes)
        self._shared = SharedModel(model)
        self._told = told

    def __repr__(self) -> str:
        height, width = self.input_size_hw
        count = len(self.classes) or self._shared.model.num_classes or "unknown"
        return (
            f"<Detector {self.name}: {count} classes, input {height} x {width}, "
            f"{self.precision}, {self.threads} threads>"
        )

    @property
    def name(self) -> str:
        """What it was loaded from."""
        return self._shared.model.name

    @property
    def input_size_hw(self) -> tuple[int, int]:
        """Height and width of the network's input, px; pictures are resized to it."""
        return self._shared.model.input_size_hw

    @property
    def precision(self) -> str:
        """What the network computes in: "float32", "bfloat16", "float16" or "int8"."""
        return self._shared.model.precision

    @property
    def threads(self) -> int:
        """Threads that compute on the CPU."""
        return self._shared.model.threads

    @property
    def thresholds(self) -> float | tuple[float, ...]:
        """Smallest score of a result where `predict` is given none.

        One for each class in label order where the files say so (eval_ssd.py --save-thresholds),
        or 0.5.
        """
        return own_threshold(self._shared.model.record)

    def predict(
        self,
        pictures: Given,
        *,
        color: str = "",
        threshold: float | None = None,
        batch_size: int = _BATCH_SIZE,
        every: int = 1,
        limits: Limits = _LIMITS,
        on_bad: OnBad | None = None,
    ) -> list[Found]:
        """Detect objects in pictures; a result for each, in their order.

        Args:
            pictures: a path, a folder, a glob, an http(s) address, the bytes of an image file, a
                uint8 array (H, W, 3), the number of a camera, or a list of these, nested as one
                likes and of any mix of sizes. A folder or glob gives its images and videos by
                name; a video gives its frames. Photos are turned as their EXIF tag says, and boxes
                are in pixels of the turned photo; arrays are taken as they are.
            color: "rgb" or "bgr", the order of the channels of arrays; needed for these alone.
            threshold: smallest score of a result, in [0, 1]; None takes `thresholds`.
            batch_size: pictures that are computed at a time.
            every: of videos and cameras, take one frame in so many.
            limits: what a picture may cost.
            on_bad: called with name and error for what cannot be used, which is then left out.

        Raises:
            DataError: a picture cannot be used, and there is no `on_bad`.
            OptionError: an argument is wrong, or an array lacks what is needed to read it.
        """
        reader = Reader(color, every, limits, on_bad)
        detecting = self._detecting(threshold, batch_size, keeps_pixels=False)
        return list(detecting.results(reader.pictures(pictures)))

    def stream(
        self,
        pictures: Given,
        *,
        color: str = "",
        threshold: float | None = None,
        batch_size: int = _BATCH_SIZE,
        every: int = 1,
        limits: Limits = _LIMITS,
        on_bad: OnBad | None = None,
    ) -> Iterator[Found]:
        """As `predict`, but results come as they are ready, in constant memory.

        For videos, cameras and any number of files; `pictures` may be a generator. A result holds
        the pixels of its picture. Frames of a camera are computed one by one, without waiting for
        a batch.
        """
        reader = Reader(color, every, limits, on_bad)
        detecting = self._detecting(threshold, batch_size, keeps_pixels=True)
        return detecting.results(reader.pictures(pictures))

    def evaluate(
        self,
        dataset: str | ListedDataset,
        *,
        root: str | os.PathLike[str] = "",
        splits: str = "",
        metric: str = "auto",
        batch_size: int = _BATCH_SIZE,
        num_workers: int = 0,
        max_pixels: int = Limits.max_pixels,
        on_bad_image: str | None = None,
    ) -> Evaluation:
        """Score the detector on a data set, every image exactly once; as eval_ssd.py does.

        Args:
            dataset: "voc", "coco", "custom", "shapes" or "openimages", or one that is opened.
            root: folder of a data set that is named.
            splits: of a data set that is named, joined by +; empty takes its usual ones.
            metric: "auto" for the data set's own, "voc07", "voc12" or "coco".
            batch_size: pictures that are computed at a time.
            num_workers: processes that read pictures; 0 for none.
            max_pixels: of a picture; a larger one cannot be used.
            on_bad_image: "error", or "skip" to leave what cannot be read or is damaged out of the
                score, with a warning; None makes what cannot be read an error, and uses what is
                damaged.

        Returns:
            `score`, the mean as a fraction; `class_scores` by name; `lines` as they are printed.

        Raises:
            DataError: the data cannot be used, or is of other classes than the detector.
            OptionError: an argument is wrong.
        """
        # Only now: the metric of COCO alone takes longer to import than a detector to load.
        from gluon_ssd.data.loading.samples import EvalSamples
        from gluon_ssd.data.loading.stand_in import rule_of
        from gluon_ssd.inference.evaluate import evaluate

        if on_bad_image not in (None, "error", "skip"):
            raise OptionError(f"on_bad_image must be 'error' or 'skip'; got {on_bad_image!r}")
        opened = self._opened(dataset, root, splits, leaves_out=on_bad_image == "skip")
        model = self._shared.model.with_streams()
        return evaluate(
            SharedModel(model).push,
            EvalSamples(model.input_format, max_pixels),
            opened,
            metric=metric,
            batch_size=batch_size,
            num_workers=num_workers,
            streams=model.streams,
            bad=rule_of(on_bad_image, leave_out=True),
        )

    def _opened(
        self,
        dataset: str | ListedDataset,
        root: str | os.PathLike[str],
        splits: str,
        *,
        leaves_out: bool,
    ) -> ListedDataset:
        """A data set to score this detector on; see `evaluate`."""
        from gluon_ssd.data.dataset import Selection
        from gluon_ssd.data.orientations import settle_orientations
        from gluon_ssd.inference.dataset import check_classes, open_for_scoring

        model, names = self._shared.model, self.classes or None
        if isinstance(dataset, str):
            selection = Selection(
                Path(root).expanduser(),
                train=False,
                splits=splits,
                edge_px=model.edge_px,
                leaves_out=leaves_out,
            )
            dataset = open_for_scoring(dataset, selection, classes=names)
        dataset = settle_orientations(dataset, "ignore")
        check_classes(dataset, names, model.num_classes)
        return dataset

    def export(
        self,
        path: str | os.PathLike[str],
        *,
        pictures: Given = (),
        color: str = "",
        form: str = "raw",
        batch_size: int = 0,
        folds_preprocessing: bool = False,
    ) -> Proof:
        """Write a float32 detector of MXNet for another program; an earlier file stays till then.

        Before the file takes its name it is run on pictures: its raw outputs are within 1e-4 of
        MXNet's and its detections the same, or nothing is written. print the result to see it.

        Args:
            path: the new file, which ends in .onnx or .xml (OpenVINO, with a .bin beside it); or
                what the names of an exported MXNet pair start with.
            pictures: as of `predict`, to prove it on; without any some are made up.
            color: as of `predict`.
            form: what comes out of an .onnx file: "raw" outputs of the network; "zoo", as the SSD
                of the ONNX model zoo; or "detections", the ids, scores and boxes of this project.
            batch_size: images a call; 0 lets it vary.
            folds_preprocessing: an .onnx file that takes uint8 pictures of any size.

        Raises:
            ModelError: the detector was not loaded from files of MXNet, or cannot be written so.
            DataError, OptionError: as of `predict`, or an option that the format does not know.
            EnvironmentProblem: the file cannot be written, or a package is not installed.
        """
        # Only now, since it needs MXNet.
        from gluon_ssd.inference.export import Source, export_files

        source = Source(self.name, self._shared.model.input_format, self.classes, self._told)
        return export_files(
            source,
            os.path.expanduser(os.fspath(path)),
            (picture.pixels for picture in Reader(color).pictures(pictures)),
            form=form,
            batch_size=batch_size,
            folds_preprocessing=folds_preprocessing,
        )

    def benchmark(
        self,
        pictures: Given = (),
        *,
        color: str = "",
        batch_size: int = 1,
        iterations: int = 100,
    ) -> Speed:
        """Time the detector on this machine; print the result for its lines.

        Args:
            pictures: as of `predict`, all of them kept in memory; without any, noise is taken, in
                which there is next to nothing to decode.
            color: as of `predict`.
            batch_size: pictures that are computed at a time.
            iterations: timed calls, after a few that are not.

        Raises:
            DataError, OptionError: as of `predict`.
        """
        pixels = [picture.pixels for picture in Reader(color).pictures(pictures)]
        return measure_speed(self._shared, pixels, batch_size=batch_size, iterations=iterations)

    def _detecting(
        self, threshold: float | None, batch_size: int, *, keeps_pixels: bool
    ) -> Detecting:
        if threshold is not None and not 0 <= threshold <= 1:
            raise OptionError(f"threshold must be between 0 and 1; got {threshold}")
        if batch_size < 1:
            raise OptionError(f"batch_size must be at least 1; got {batch_size}")
        least = own_threshold(self._shared.model.record) if threshold is None else threshold
        return Detecting(self._shared, self.classes, batch_size, least, keeps_pixels)


def load(
    path: str | os.PathLike[str],
    *,
    backend: str = "",
    device: str = "cpu",
    threads: int = 0,
    streams: int = 0,
    input_size_hw: tuple[int, int] | None = None,
    classes: Sequence[str] | None = None,
    preprocessing: str | Preprocessing | None = None,
) -> Detector:
    """Load a detector from its files.

    Args:
        path: an .onnx file; an OpenVINO .xml with its .bin; an exported MXNet pair, by what both
            names start with, or a folder or archive (model.tar.gz) with one; or a .params file of
            training with its .json. "~" is the home folder.
        backend: "mxnet", "onnxruntime" or "openvino"; without it the files decide.
        device: "cpu", or "gpu:" and a number.
        threads: that compute; 0 for one on each core.
        streams: batches that are computed beside one another when as many threads ask; they share
            the threads. 0 for one.
        input_size_hw: height and width of the input, px, for files that do not say them.
        classes: names of the classes, for files that do not say them.
        preprocessing: what pixels become, for files that do not say it, as those of SageMaker and
            of example/ssd: "imagenet", "rgb_0_255" or "rgb_minus_mean", or a `Preprocessing` with
            another mean than (123, 117, 104). Without it, it is read from a batch norm of the
            images, or guessed, and a warning says so.

    Raises:
        ModelError, WeightsError: the files cannot be used; one line says which, and why.
        DataError: an archive is damaged or refused.
        OptionError: an argument is wrong.
        EnvironmentProblem: the package of the runtime is not installed.
    """
    _check_arguments(path, threads, streams)
    path = os.path.expanduser(os.fspath(path))
    if find_runtime(path, backend) is RUNTIMES["mxnet"]:
        use_compute_threads(threads)
        use_whole_cpu()
    told = Told(Preprocessing(preprocessing) if isinstance(preprocessing, str) else preprocessing)
    model = load_detector(
        path,
        backend=backend,
        device=device,
        threads=threads,
        streams=streams,
        input_size_hw=input_size_hw,
        told=told,
    )
    if input_size_hw is not None and tuple(input_size_hw) != model.input_size_hw:
        height, width = model.input_size_hw
        raise OptionError(
            f"{path} was made for images of {height} x {width} px; input_size_hw cannot make them "
            f"{' x '.join(map(str, input_size_hw))}: leave it out"
        )
    return Detector(model, classes=classes, told=told)


def _check_arguments(path: object, threads: int, streams: int) -> None:
    """Raise OptionError for arguments of `load` that cannot be meant."""
    if not isinstance(path, str | os.PathLike):
        raise OptionError(f"path must be the path of a detector's files; got {path!r}")
    for name, number in (("threads", threads), ("streams", streams)):
        if number < 0:
            raise OptionError(f"{name} must be 0 or more; got {number}")
