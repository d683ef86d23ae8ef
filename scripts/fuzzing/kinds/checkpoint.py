"""Checkpoints of training, and what a run resumes from."""

from __future__ import annotations

import functools
import io
import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from scripts.fuzzing.case import REFUSED, SAME, Case, Kind
from scripts.fuzzing.mutations import json_tree, zip_members

_FILE = "net_checkpoint.npz"
_DECAY = 0.9  # of the averages of the weights
_ODD = ({"name": "tiny"}, ["tiny", ["a"]], [3, [1] * 625, None], ["MT19937", 1, 0, 0.0])
_HEADERS = (
    b"{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000, 1000), }",
    b"{'descr': '|O', 'fortran_order': False, 'shape': (4,), }",
    b"{'descr': '<f4', 'fortran_order': True, 'shape': (4,), }",
    b"{'descr': '<f8', 'fortran_order': False, 'shape': (2,), }",
    b"{'descr': '<U4', 'fortran_order': False, 'shape': (4,), }",
    b"{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (4,), }",
    b"{'descr': '<f4', 'fortran_order': False, 'shape': (-4,), }",
    b"(" * 300 + b")" * 300,
    b"__import__('os')",
)


def _array(content: bytes, header: bytes) -> bytes:
    padded = header.ljust(118) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(padded).to_bytes(2, "little") + padded + content[128:]


def _numpy(values: Any) -> bytes:
    import numpy as np

    stream = io.BytesIO()
    np.lib.format.write_array(stream, np.asanyarray(values), allow_pickle=False)
    return stream.getvalue()


class CheckpointKind(Kind):
    """The checkpoint of a tiny network after two epochs."""

    name = "checkpoint"
    in_suite = 1000

    def prepare(self, folder: Path) -> None:
        """Train for two epochs, and keep the checkpoint alone."""
        from gluon_ssd.compat import mx
        from gluon_ssd.detection.multibox_loss import multibox_loss
        from gluon_ssd.models.interface import Loss
        from gluon_ssd.training.fit import fit
        from tests.training import builders

        place = folder / "run"
        network = builders.make_network()
        fit(
            network,
            builders.SyntheticBatches(),
            contexts=[mx.cpu()],
            plan=builders.make_plan(place / "net", epochs=2, average_decay=_DECAY),
            hooks=builders.make_hooks(network),
            loss=Loss(multibox_loss),
        )
        for path in place.iterdir():
            if path.name != _FILE:
                path.unlink()

    def named(self) -> Sequence[Case]:
        """Those that once resumed with other weights, in silence."""
        without = [m for m in self._members if not m[0].startswith("momentum/")]
        one_less = [m for m in self._members if m[0] != self._of("momentum")[0][0]]
        no_average = [m for m in self._members if not m[0].startswith("average/")]
        average_less = [m for m in self._members if m[0] != self._of("average")[0][0]]
        cases = [
            Case("run", {_FILE: zip_members.written(without)}, REFUSED, "no momentum"),
            Case("run", {_FILE: zip_members.written(one_less)}, REFUSED, "one momentum less"),
            Case("run", {_FILE: zip_members.written(no_average)}, REFUSED, "no averages"),
            Case("run", {_FILE: zip_members.written(average_less)}, REFUSED, "one average less"),
        ]
        for key, value in (
            ("batch", 10**9),
            ("batch", -1),
            ("epoch", -1),
            ("epoch", 10**9),
            ("epoch", "1"),
            ("num_updates", -5),
            ("num_updates", 10**12),
            ("step", 10**12),
            ("random_python", None),
            ("meter", []),
            ("network", {}),
            ("format", "1"),
            ("average", {"decay": 1.0, "steps": 7}),
            ("average", {"decay": _DECAY, "steps": -1}),
            ("average", {"decay": _DECAY, "steps": 10**12}),
            ("average", {"decay": _DECAY}),
        ):
            cases.append(self._with_facts({**self._facts, key: value}, REFUSED, f"{key} = {value}"))
        for key in self._facts:
            facts = {name: value for name, value in self._facts.items() if name != key}
            expects = "any" if key in ("amp", "best_shown", "best_waited", "step") else REFUSED
            cases.append(self._with_facts(facts, expects, f"without {key}"))
        bomb = zip_members.with_bomb(self._members, random.Random(0), 256)
        return [*cases, Case("run", {_FILE: bomb}, REFUSED, "a member that grows to 256 MiB")]

    def mutate(self, draw: random.Random) -> Case:
        """Facts, members, headers of arrays or bytes changed."""
        chance = draw.random()
        if chance < 0.06:
            text, story = json_tree.rewritten(draw, self._facts)
            text = text.removeprefix(b"\xef\xbb\xbf")
            return self._with_text(text, SAME, story)
        if chance < 0.1:
            data = self.seeds["run"][_FILE]
            return Case("run", {_FILE: data[: draw.randrange(len(data))]}, REFUSED, "cut")
        if chance < 0.2:
            return self._under_its_sum(draw)
        if chance < 0.55:
            text, story = json_tree.mutated(draw, self._facts, _ODD)
            return self._with_text(text, "any", f"facts: {story}")
        if chance < 0.7:
            members = list(self._members)
            number = draw.randrange(len(members))
            name, content = members[number]
            members[number] = name, _array(content, draw.choice(_HEADERS))
            return Case("run", {_FILE: zip_members.written(members)}, story=f"header of {name}")
        if chance < 0.73:
            bomb = zip_members.with_bomb(self._members, draw, draw.choice((16, 64)))
            return Case("run", {_FILE: bomb}, REFUSED, "a member that grows")
        text, story = zip_members.mutated(draw, self.seeds["run"][_FILE])
        return Case("run", {_FILE: text}, story=story)

    def _under_its_sum(self, draw: random.Random) -> Case:
        """One bit of an array, whose checksum is as before."""
        data = self.seeds["run"][_FILE]
        name, content = draw.choice(self._members)
        begin = data.index(content)
        changed = bytearray(data)
        changed[begin + draw.randrange(len(content))] ^= 1 << draw.randrange(8)
        return Case("run", {_FILE: bytes(changed)}, REFUSED, f"a bit of {name}")

    def read(self, folder: Path, seed: str) -> Any:
        """Resume from it: the weights, the state of the optimiser, and where the run stands."""
        from gluon_ssd.models.params_file import read_params
        from gluon_ssd.training.checkpoint import run_arrays
        from gluon_ssd.training.resume import begin
        from gluon_ssd.training.saved_network import saved_network
        from tests.training.builders import make_job

        network, path = self._network, str(folder / _FILE)
        saved_network(path)
        # What is no archive any more is taken for weights.
        hooks = {"load_weights": read_params}
        plan: dict[str, Any] = {"epochs": 4, "resume": path, "average_decay": _DECAY}
        job = make_job(folder / "net", network=network, hooks=hooks, **plan)
        for parameter in job.learner.network.collect_params().values():
            parameter.data()[:] = 0.5  # no weight of the last case
        state = begin(job)
        learner = job.learner
        assert learner.average is not None, "the plan has a decay"
        arrays = run_arrays(learner.network, learner.optimizer, learner.average)
        facts = {key: value for key, value in state.facts().items() if key != "meter"}
        facts["average_steps"] = learner.average.steps
        return arrays, facts, learner.optimizer.num_updates

    def complain(self, answer: Any) -> str:
        """Where a run can stand, and finite weights."""
        import numpy as np

        arrays, facts, updates = answer
        if not all(np.isfinite(array).all() for array in arrays.values()):
            return "weights are not finite"
        if not (isinstance(facts["epoch"], int) and 0 <= facts["epoch"] <= 4):
            return f"epoch {facts['epoch']!r}"
        if not (isinstance(facts["batch"], int) and 0 <= facts["batch"] <= 4):
            return f"batch {facts['batch']!r}"
        if not (isinstance(facts["average_steps"], int) and 0 <= facts["average_steps"] < 10**6):
            return f"averages of {facts['average_steps']!r} steps"
        return "" if isinstance(updates, int) and 0 <= updates < 10**6 else f"updates {updates!r}"

    @functools.cached_property
    def _network(self) -> Any:
        from tests.training.builders import make_network

        return make_network()

    @functools.cached_property
    def _members(self) -> zip_members.Members:
        return zip_members.members_of(self.seeds["run"][_FILE])

    def _of(self, group: str) -> zip_members.Members:
        return [member for member in self._members if member[0].startswith(f"{group}/")]

    @functools.cached_property
    def _facts(self) -> dict[str, Any]:
        content = dict(self._members)["facts.npy"]
        return dict(json.loads(content[content.index(b"\n") + 1 :]))

    def _with_facts(self, facts: dict[str, Any], expects: str, story: str) -> Case:
        return self._with_text(json.dumps(facts).encode(), expects, story)

    def _with_text(self, text: bytes, expects: str, story: str) -> Case:
        import numpy as np

        content = _numpy(np.frombuffer(text, np.uint8))
        members = [(n, content if n == "facts.npy" else old) for n, old in self._members]
        return Case("run", {_FILE: zip_members.written(members)}, expects, story)
