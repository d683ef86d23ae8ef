"""Options -> annotated pictures and films, and what was found in them in the forms asked for."""

from __future__ import annotations

import logging
import re
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, fields, replace
from pathlib import Path

from gluon_ssd.commands.wiring.exported import deployed_model, inference_device
from gluon_ssd.commands.wiring.pictures import list_sources
from gluon_ssd.data.classes import read_classes_file
from gluon_ssd.data.videos import count_frames
from gluon_ssd.deploy.runtime_model import RuntimeModel
from gluon_ssd.detection.decoding import Decoding
from gluon_ssd.errors import DataError, OptionError
from gluon_ssd.evaluation.saved_detections import class_name
from gluon_ssd.inference.batches import Detecting, SharedModel
from gluon_ssd.inference.found import Found, class_names
from gluon_ssd.inference.outputs.coco_results import CocoResults, read_coco_ids
from gluon_ssd.inference.outputs.crops import Crops
from gluon_ssd.inference.outputs.csv_file import CsvFile
from gluon_ssd.inference.outputs.drawn import Drawn
from gluon_ssd.inference.outputs.json_files import EndpointAnswers, JsonFile
from gluon_ssd.inference.outputs.seen import Film, Output, Seen
from gluon_ssd.inference.outputs.yolo_files import YoloFiles
from gluon_ssd.inference.pictures import Limits, Picture, Reader, Source
from gluon_ssd.inference.thresholds import Threshold, in_words, own_threshold, reached
from gluon_ssd.options.demo import DemoCommand
from gluon_ssd.options.shared import ModelOptions
from gluon_ssd.report.fonts import tell_missing
from gluon_ssd.system.files import ensure_directory
from gluon_ssd.system.progress import progress_bar
from gluon_ssd.system.signals import StopRequest, listening

_log = logging.getLogger(__name__)

_OF_FRAME = re.compile(r"(.*)_\d{6,}", re.DOTALL)  # names of pictures that are frames
_CANDIDATES = 200  # that enter suppression where a network says no number: as in legacy
_ENDINGS = (".jpg", ".mp4", ".json")  # of files that lie in the folder under the labels of pictures
_NAMES = {
    "pictures": "annotated pictures",
    "json": "detections.json",
    "csv": "detections.csv",
    "coco": "coco_results.json",
    "yolo": "label files",
    "crops": "crops",
}
_ONE_FILE = ("json", "csv", "coco")


def detect_pictures(command: DemoCommand) -> Iterator[str]:
    """Run the demo; yields the summary to print.

    A picture that cannot be decoded is logged and left out; the rest is detected all the same.

    Raises:
        DataError: a source is not there; the only one cannot be used; or, at the very end, some
            could not.
        Interrupted: a signal came. Films and tables are written if a camera was the last source,
            which nothing else ends; else those that were not finished are not there.
        OptionError: an option has no effect on these sources, or they lie in the output folder.
    """
    folder, stop = Path(command.output).expanduser(), StopRequest()
    reader = Reader(
        every=command.every,
        limits=Limits(max_seconds=command.timeout, max_pixels=command.max_pixels),
        goes_down=True,
        left_out=folder,
        has_web_films=True,
        is_stopped=stop.is_asked,
    )
    sources = list_sources(command.images, reader)
    reading = _Reading(sources)
    _check_idle(command, sources)
    _check_output(folder, reading.labels, sources)
    model = _model(command)
    names = _class_names(command, model)
    if "pictures" in command.saves:
        tell_missing(names)
    threshold = _threshold(command, model)
    least = 0.0 if command.schema == "endpoint" else threshold
    detecting = Detecting(SharedModel(model), names, 1, least, keeps_pixels=True)
    outputs = _outputs(command, folder, names, model.num_classes or 0, sources)
    ensure_directory(folder)
    count = objects = 0
    with ExitStack() as opened, listening(stop):
        for output in outputs:
            opened.enter_context(output)
        expected = _expected(sources, command.every)
        pictures = reading.pictures(stop)
        with progress_bar(
            detecting.results(pictures), total=expected, unit="img", description="detect"
        ) as bar:
            for found in bar:
                count += 1
                objects += int(reached(found.labels, found.scores, threshold).sum())
                _write(outputs, reading.seen(found, command.every), threshold)
        if not reading.is_whole:
            stop.leave(
                f"with {reading.finished} of {len(sources)} sources done; what is drawn of these "
                f"is in {folder}, tables and the film that was begun are not written"
            )
    yield f"{objects} objects in {count} pictures; {_listed(command)} in {folder}"
    if reading.bad:
        raise DataError(
            f"{len(reading.bad)} of {len(sources)} sources could not be used and are left out; "
            "the lines above say why"
        )
    stop.leave("with all that was seen written")


@dataclass(frozen=True)
class _Handed:
    """A picture that has no result yet."""

    source: int
    frame: int | None
    rate: float


class _Reading:
    """Reads sources one after the other, and knows which picture a result is of.

    Attributes:
        labels: of the sources; no two are the same.
        bad: why sources could not be used.
        finished: sources that were read to their end.
        is_whole: whether all were, or the last one is a camera.
    """

    def __init__(self, sources: Sequence[Source]) -> None:
        self._sources = sources
        self._waiting: deque[_Handed] = deque()
        self.labels = _unique(sources)
        self.bad: list[DataError] = []
        self.finished = 0
        self.is_whole = False

    def pictures(self, stop: StopRequest) -> Iterator[Picture]:
        """The pictures of all sources, up to a signal."""
        for number, source in enumerate(self._sources):
            is_live, is_cut = source.is_live, False
            try:
                for picture in source.read():
                    is_live = picture.is_live
                    self._waiting.append(_Handed(number, picture.frame, picture.rate))
                    yield picture
                    if stop.is_asked():
                        is_cut = True
                        break
            except DataError as error:
                if len(self._sources) == 1:
                    raise
                _log.error("%s", error)
                self.bad.append(error)
            # What has no file may have been left while nothing came.
            is_ended = not is_cut and (source.path is not None or not stop.is_asked())
            self.finished += is_ended
            if stop.is_asked():
                # Nothing but a signal ends a camera.
                self.is_whole = (is_ended or is_live) and source is self._sources[-1]
                return
        self.is_whole = True

    def seen(self, found: Found, every: int) -> Seen:
        """What a result is of; results come in the order of the pictures."""
        handed = self._waiting.popleft()
        label = self.labels[handed.source]
        if handed.frame is None:
            return Seen(found, label)
        return Seen(found, f"{label}_{handed.frame:06d}", Film(label, handed.rate / every))


def _unique(sources: Sequence[Source]) -> list[str]:
    """Labels of sources, numbered where several share one, or a picture is named as a frame."""
    taken: set[str] = set()
    of_frames = {found[1] for each in sources if (found := _OF_FRAME.fullmatch(each.label))}
    result = []
    for source in sources:
        name, number = source.label, 1
        while name in taken or (source.is_film is not False and name in of_frames):
            number += 1
            name = f"{source.label}-{number}"
        taken.add(name)
        result.append(name)
    return result


def _threshold(command: DemoCommand, model: RuntimeModel) -> Threshold:
    """--thresh, or what the model's files say, which is told."""
    if command.thresh is not None:
        return command.thresh
    threshold = own_threshold(model.record)
    if isinstance(threshold, tuple):
        _log.info(
            "smallest scores are those of the model's record: %s; --thresh gives one for all",
            in_words(threshold),
        )
    return threshold


def _write(outputs: Sequence[Output], seen: Seen, threshold: Threshold) -> None:
    """Hand a picture to every output; a SageMaker endpoint leaves out no score."""
    found = seen.found
    shown = reached(found.labels, found.scores, threshold)
    strong = replace(
        found,
        labels=found.labels[shown],
        scores=found.scores[shown],
        boxes_px=found.boxes_px[shown],
    )
    # One copy of the pixels, whatever is made of them.
    pixels = found.pixels()
    seen, strong_seen = (
        replace(seen, found=replace(each, read=lambda: pixels)) for each in (found, strong)
    )
    for output in outputs:
        output.add(seen if isinstance(output, EndpointAnswers) else strong_seen)


def _outputs(
    command: DemoCommand,
    folder: Path,
    names: tuple[str, ...],
    num_classes: int,
    sources: Sequence[Source],
) -> list[Output]:
    saves = command.saves
    # Lists of all classes have a line for each, whether it has a name or not.
    listed = names or tuple(class_name(label, ()) for label in range(num_classes))
    outputs: list[Output] = []
    drawn = Drawn(folder, makes_films=command.films == "film")
    if "json" in saves and command.schema == "endpoint":
        outputs.append(EndpointAnswers(folder))
    elif "json" in saves:
        path_of = drawn.path_of if "pictures" in saves else None
        outputs.append(JsonFile(folder / "detections.json", names, drawn=path_of))
    if "csv" in saves:
        outputs.append(CsvFile(folder / "detections.csv"))
    if "coco" in saves:
        ids = read_coco_ids(command.coco_ids, listed) if command.coco_ids else None
        if ids is not None:
            for source in sources:  # better now than after the pictures before it
                ids.of_image(source.name)
        outputs.append(CocoResults(folder, listed, ids))
    if "yolo" in saves:
        outputs.append(YoloFiles(folder, listed))
    if "crops" in saves:
        outputs.append(Crops(folder / "crops"))
    if "pictures" in saves:
        outputs.append(drawn)  # the last to begin ends first: a film that fails leaves no table
    return outputs


def _check_idle(command: DemoCommand, sources: Sequence[Source]) -> None:
    """Refuse options of films and of addresses where there is none."""
    defaults = {field.name: field.default for field in fields(command)}
    for what, names, is_named in (
        ("film", ("every", "films"), any(source.is_film is not False for source in sources)),
        ("address and no camera", ("timeout",), any(source.path is None for source in sources)),
    ):
        for name in () if is_named else names:
            if getattr(command, name) != defaults[name]:
                raise OptionError(f"--{name} has no effect: --images names no {what}; leave it out")


def _check_output(folder: Path, labels: Sequence[str], sources: Sequence[Source]) -> None:
    """Raise OptionError where a file that is looked at would be written over."""
    own = {Path(source.path).resolve() for source in sources if source.path}
    for label in labels:
        for ending in _ENDINGS:
            target = folder / f"{label}{ending}"
            if target.exists() and target.resolve() in own:
                raise OptionError(
                    f"--output {folder} holds {target.name}, which --images names: it would be "
                    "written over; choose another folder"
                )


def _expected(sources: Sequence[Source], every: int) -> int | None:
    """How many pictures to expect, by the headers of films, for the time left; None for no idea."""
    total = 0
    for source in sources:
        if source.path is None:
            return None
        frames = count_frames(source.path) if source.is_film else 1
        if frames <= 0:
            return None
        total += -(-frames // every) if source.is_film else 1
    return total


def _listed(command: DemoCommand) -> str:
    names = [
        "their answers as .json" if (word, command.schema) == ("json", "endpoint") else _NAMES[word]
        for word in command.saves
    ]
    is_one = len(names) == 1 and names[0] in [_NAMES[word] for word in _ONE_FILE]
    listed = " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
    return f"{listed} {'is' if is_one else 'are'}"


def _model(command: DemoCommand) -> RuntimeModel:
    asked_hw = (command.data_shape, command.data_shape) if command.data_shape else None
    gpus, prefix = f"--gpus {command.gpus}", command.model_prefix
    backend = command.named_backend
    device = inference_device(command.device_ids[:1], gpus, prefix=prefix, backend=backend)
    if prefix:
        return deployed_model(
            prefix, asked_hw, device=device, runtime=command, network=command.network
        )
    # Networks need MXNet, which exported models of other runtimes do without.
    from gluon_ssd.commands.wiring.models import network_model, trained_network

    options = ModelOptions(model_root=command.model_root, mirror=command.mirror)
    network = trained_network(
        command.spec, command.pretrained, classes_file=command.classes, options=options
    )
    input_size_hw, decoding = asked_hw or network.input_size_hw, network.spec.decoding
    if decoding.nms_topk == Decoding.nms_topk:
        decoding = replace(decoding, nms_topk=_CANDIDATES)
    return network_model(network, decoding=decoding, input_size_hw=input_size_hw, device=device)


def _class_names(command: DemoCommand, model: RuntimeModel) -> tuple[str, ...]:
    given = read_classes_file(command.classes) if command.classes else None
    names = class_names(model.classes, given, model.num_classes)
    if not names:
        _log.warning("the model does not carry class names; give them with --classes FILE")
    return names
