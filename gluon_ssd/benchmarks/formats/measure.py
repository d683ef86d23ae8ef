"""Measure the forms of a detector, each in a process of its own, in turns."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager

from gluon_ssd.benchmarks.formats import child, int8_peak
from gluon_ssd.benchmarks.formats.forms import ORIGINAL
from gluon_ssd.benchmarks.formats.results import FormResult, ModelResult
from gluon_ssd.benchmarks.formats.subjects import Subject
from gluon_ssd.benchmarks.peer import Peer
from gluon_ssd.errors import EnvironmentProblem, ModelError, OptionError, WeightsError
from gluon_ssd.options.shared import DataOptions
from gluon_ssd.system.load import LoadMeter
from gluon_ssd.system.threads import physical_cores

_LEAST_TURNS = 3
_PEAK_CALLS = 3
_MEMORY_CALLS = 5
_SCORE_BATCH = 8
_LOOK_S = 1.0
Step = Callable[[str], None]


@dataclasses.dataclass(frozen=True)
class Plan:
    """How much is measured.

    Attributes:
        starts: processes of each form whose start-up counts.
        seconds: of turns, half for single images and half for batches; three turns each at least.
        calls: of a form in a turn.
        batch_size: images a batch.
        streams: batches beside one another, of runtimes that can; 0 for one a core.
        data: the data set to score on; None scores nothing.
        metric: that scores.
    """

    starts: int
    seconds: float
    calls: int
    batch_size: int
    streams: int = 0
    data: DataOptions | None = None
    metric: str = "auto"


class Measurement:
    """The measurement of one detector.

    Args:
        subject: the detector.
        model: its result, which grows; forms with a problem are left out.
        images: file of NumPy, float32 (N, 3, H, W): what is timed.
        plan: how much.
        step: told what is done next.
    """

    def __init__(
        self, subject: Subject, model: ModelResult, images: str, plan: Plan, step: Step
    ) -> None:
        self._subject, self._model, self._images = subject, model, images
        self._plan, self._step = plan, step

    def run(self) -> None:
        """Start-up and memory, then latency, then throughput and scores."""
        before = _load_of_others()
        self._measure_starts()
        self._measure_latency()
        self._measure_batches()
        self._model.notice = before or _load_of_others()

    def _usable(self) -> dict[str, FormResult]:
        return {word: r for word, r in self._model.forms.items() if not r.problem}

    def _load(self, peer: Peer, result: FormResult, streams: int = 0) -> None:
        original = self._subject.original if result.form.word == ORIGINAL else None
        peer.ask(
            "load",
            path=result.path,
            dtype=result.form.dtype,
            size_hw=self._subject.record.input_size_hw,
            images=self._images,
            streams=streams,
            original=original,
        )

    def _measure_starts(self) -> None:
        for number in range(self._plan.starts):
            for result in self._usable().values():
                self._step(f"start {number + 1}, {result.form.title}")
                with _noting(result):
                    self._measure_start(result)

    def _measure_start(self, result: FormResult) -> None:
        began = time.perf_counter()
        with Peer(child.answer, result.form.title) as peer:
            self._load(peer, result)
            result.start_s.append(time.perf_counter() - began)
            peer.ask("time", calls=_MEMORY_CALLS)
            result.peak_mib.append(peer.ask("memory"))

    def _measure_latency(self) -> None:
        with ExitStack() as stack:
            peers = self._loaded(stack, lambda result: 0)
            peak = _peak_peer(stack)
            times: list[float] = []
            for _ in self._turns("one image"):
                for word, peer in peers.items():
                    result = self._model.forms[word]
                    found = peer.ask("time", calls=self._plan.calls)
                    result.whole.append(found["whole"])
                    if found["network"]:
                        result.network.append(found["network"])
                if peak is not None:
                    times.append(min(peak[0].ask("time", calls=_PEAK_CALLS)))
            if peak is not None:
                self._model.peak = times, peak[1]

    def _measure_batches(self) -> None:
        plan = self._plan
        with ExitStack() as stack:
            peers = self._loaded(stack, self._streams)
            for _ in self._turns(f"batches of {plan.batch_size}"):
                for word, peer in peers.items():
                    result = self._model.forms[word]
                    streams = max(1, self._streams(result))
                    batch = {"batch_size": plan.batch_size, "batches": 2, "streams": streams}
                    result.rates.append(peer.ask("rate", **batch))
            if plan.data is None or not self._subject.has_weights:
                return
            for word, peer in peers.items():
                result = self._model.forms[word]
                self._step(f"score, {result.form.title}")
                result.score = peer.ask(
                    "score",
                    data=dataclasses.asdict(plan.data),
                    metric=plan.metric,
                    batch_size=_SCORE_BATCH,
                    record=self._subject.record.to_object(),
                )

    def _streams(self, result: FormResult) -> int:
        """MXNet computes one batch after the other, with all threads."""
        return 0 if result.form.is_mxnet else self._plan.streams or physical_cores()

    def _loaded(self, stack: ExitStack, streams: Callable[[FormResult], int]) -> dict[str, Peer]:
        """Processes of all forms that can be used, each with its model."""
        peers = {}
        for word, result in self._usable().items():
            self._step(f"load {result.form.title}")
            with _noting(result):
                peer = stack.enter_context(Peer(child.answer, result.form.title))
                self._load(peer, result, streams(result))
                peers[word] = peer
        return peers

    def _turns(self, what: str) -> Iterator[int]:
        """Numbers of turns, until half of the time is up."""
        self._step(what)
        end = time.perf_counter() + self._plan.seconds / 2
        number = 0
        while number < _LEAST_TURNS or time.perf_counter() < end:
            yield number
            number += 1


@contextmanager
def _noting(result: FormResult) -> Iterator[None]:
    """Keep why a form cannot be measured in its result, and go on with the others."""
    try:
        yield
    except (EnvironmentProblem, ModelError, OptionError, WeightsError) as error:
        result.problem = str(error)


def _load_of_others() -> str:
    """A line about a machine that is busy while nothing is measured; empty for a quiet one."""
    meter = LoadMeter()
    time.sleep(_LOOK_S)
    return meter.notice()


def _peak_peer(stack: ExitStack) -> tuple[Peer, int] | None:
    """The process with the int8 convolutions, and how many operations they are."""
    peer = stack.enter_context(Peer(int8_peak.answer, "the int8 convolutions"))
    try:
        facts: Mapping[str, int] = peer.ask("load", threads=physical_cores())
    except EnvironmentProblem:
        return None
    return peer, facts["operations"]
