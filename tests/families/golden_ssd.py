"""Published SSD networks with weights by the golden rule, and comparisons with golden numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from gluon_ssd.compat import mx
from gluon_ssd.families.build import build_network, family_of
from gluon_ssd.models.first_weights import initialize, parameters_of
from gluon_ssd.models.residual_ssd.network import ResidualSsd
from gluon_ssd.system.cpu import cpu_flags
from tests import golden_rule as rule
from tests.golden_rule import distance, summary, summary_distance

TOLERANCE = 2e-5
"""Of features and outputs in evaluation; see README.md of the golden numbers."""

HAS_AVX512 = "avx512f" in cpu_flags()
"""Whether oneDNN sums as it did where the bounds were set. With AVX2 it rounds in another order:
the last level then differs by 3e-3, and a running statistic by 9e-5."""

_KEPT = np.float32(0.9)  # the share of running statistics that a step keeps
_BUFFERS = ("running_mean", "running_var", "num_batches_tracked")

EXTRAS = tuple(f"extra{number}" for number in range(5))


def values_of(network: ResidualSsd) -> dict[str, np.ndarray]:
    """The values of all parameters by structural name."""
    return {name: p.data().asnumpy() for name, p in parameters_of(network).items()}


def published_entries(network: ResidualSsd) -> list[tuple[str, tuple[int, ...]]]:
    """Name and shape of every published array, in the published order."""
    return [(name, array.shape) for name, array in network.published(values_of(network)).items()]


def rule_network(name: str) -> ResidualSsd:
    """A network with the published weights that the rule makes, through the converter."""
    network = build_network(name)
    initialize(network)
    weights = network.converted(rule.state_dict(published_entries(network)))
    own = parameters_of(network)
    assert weights.keys() == own.keys() - {"default_boxes"}
    for key, values in weights.items():
        own[key].set_data(mx.nd.array(values))
    return network


def published_form(output: Any) -> np.ndarray:
    """(B, A, n) of ours as (B, n, A) of the published code."""
    return output.asnumpy().transpose(0, 2, 1)


def features_of(network: ResidualSsd, images: Any) -> dict[str, np.ndarray]:
    """Published name of a feature -> it."""
    trunk = network.backbone
    found = {"maxpool": trunk.maxpool(mx.nd.relu(trunk.bn1(trunk.conv1(images))))}
    found |= {f"layer{number}": each for number, each in enumerate(trunk(images), start=1)}
    last = found["layer3"]
    for name, block in zip(EXTRAS, network.extras, strict=True):
        found[name] = last = block(last)
    return {name: each.asnumpy() for name, each in found.items()}


def assert_features(network: ResidualSsd, images: Any, numbers: Mapping[str, Any]) -> None:
    """Compare all nine features with the keys `feature.*`."""
    expected = {key.split(".")[1] for key in numbers if key.startswith("feature.")}
    found = features_of(network, images)
    assert found.keys() == expected
    distances = {name: distance(x, numbers, f"feature.{name}") for name, x in found.items()}
    assert max(distances.values()) < TOLERANCE, distances


def assert_outputs(
    outputs: Mapping[str, np.ndarray],
    numbers: Mapping[str, Any],
    level_sizes: Sequence[int],
    tolerance: float = TOLERANCE,
    level_tolerance: float = TOLERANCE,
    last_tolerance: float = TOLERANCE,
) -> None:
    """Compare "loc" (B, 4, A) and "conf" (B, C, A) with all that is known of them.

    Sums over a level by itself may have a tolerance of their own, and those of the last level.
    """
    for key, found in outputs.items():
        assert distance(found, numbers, key) < tolerance, key
        if f"{key}.rows" not in numbers:  # of the few numbers that stay in the repository
            continue
        peak = np.abs(found).max()
        rows = found[:, :, numbers["box_index"]]
        np.testing.assert_allclose(rows, numbers[f"{key}.rows"], atol=tolerance * peak, rtol=0)
        levels = np.split(found, np.cumsum(level_sizes)[:-1], axis=2)
        allowed = [level_tolerance] * (len(levels) - 1) + [last_tolerance]
        for level, expected, most in zip(levels, numbers[f"{key}.levels"], allowed, strict=True):
            assert summary_distance(summary(level), expected) < most, key
        sums = found.sum(axis=2, dtype=np.float64)
        absolute = np.abs(found).sum(axis=2, dtype=np.float64)
        which = "coordinate_sums" if key == "loc" else "class_sums"
        assert np.max(np.abs(sums - numbers[f"{key}.{which}"]) / absolute) < tolerance, key


def anchors_of_level(network: ResidualSsd) -> list[int]:
    """How many anchors each level has."""
    spec = network.spec
    levels = zip(spec.shapes_of_level, spec.cells, strict=True)
    return [shapes * cells**2 for shapes, cells in levels]


def assert_evaluation(network: ResidualSsd, images: np.ndarray, numbers: Mapping[str, Any]) -> None:
    """Compare raw outputs of images (B, 3, H, W) with the keys `loc.*` and `conf.*`."""
    network.hybridize()
    logits, offsets, _ = network(mx.nd.array(images))
    outputs = {"loc": published_form(offsets), "conf": published_form(logits)}
    assert_outputs(outputs, numbers, anchors_of_level(network))


def targets_of(network: ResidualSsd, numbers: Mapping[str, Any], sets: Any) -> dict[str, Any]:
    """Class and box targets of golden sets of boxes, by the family's target maker."""
    spec = network.spec
    maker = family_of(network).target_maker(spec, network.anchors())
    made = []
    for which in sets:
        boxes, labels = np.zeros((0, 4), np.float32), np.zeros(0, np.int32)
        if which != "background":
            boxes, labels = (numbers[f"encode.{which}.{key}_in"] for key in ("boxes", "labels"))
        made.append(maker(boxes * np.float32(spec.input_size_hw[0]), labels.astype(np.int32) - 1))
    classes, boxes = (np.stack(each) for each in zip(*made, strict=True))
    return {"class_targets": classes, "box_targets": boxes}


def elements_per_channel(network: ResidualSsd, run: Callable[[], Any]) -> dict[str, int]:
    """Structural name of each batch norm -> the numbers that a channel has while `run` runs."""
    counts: dict[str, int] = {}
    hooks = []
    for name, block in norms_of(network).items():

        def note(_: Any, inputs: Any, __: Any, name: str = name) -> None:
            batch, _, height, width = inputs[0].shape
            counts[name] = batch * height * width

        hooks.append(block.register_forward_hook(note))
    run()
    for hook in hooks:
        hook.detach()
    return counts


def norms_of(block: Any, prefix: str = "") -> dict[str, Any]:
    """Structural name -> batch norm, for all of them below a block."""
    if isinstance(block, mx.gluon.nn.BatchNorm):
        return {prefix.rstrip("."): block}
    found: dict[str, Any] = {}
    for name, child in block._children.items():
        found |= norms_of(child, f"{prefix}{name}.")
    return found


def assert_training_step(network: ResidualSsd, numbers: Mapping[str, Any], names: Any) -> None:
    """Compare one step with batch statistics: outputs, loss, gradients, running statistics.

    PyTorch keeps the variance of N numbers times N / (N - 1), MXNet does not: what ours would be
    so is compared. Its counters of batches have no counterpart.

    Args:
        network: with the weights of the rule.
        numbers: of a golden file.
        names: what its `*_names.json` holds.
    """
    images = mx.nd.array(rule.image("ssd300-train", (4, 3, 300, 300)))
    targets = targets_of(network, numbers, ("plain", "many", "background", "overlap"))
    arrays = [mx.nd.array(targets[key]) for key in ("class_targets", "box_targets")]
    before = values_of(network)
    found: dict[str, Any] = {}

    def step() -> None:
        with mx.autograd.record():
            logits, offsets, _ = network(images)
            parts = family_of(network).loss.parts(logits, offsets, *arrays, 4.0)
            found["loss"] = sum(parts.values())
        found["loss"].backward()
        found["loc"], found["conf"] = published_form(offsets), published_form(logits)

    counts = elements_per_channel(network, step)
    behind = {k.removeprefix("train."): v for k, v in numbers.items() if k.startswith("train.")}
    outputs = {key: found[key] for key in ("loc", "conf")}
    # The last level normalises four numbers by their own mean and variance, which enlarges the
    # rounding.
    last = 2e-3 if HAS_AVX512 else 5e-3
    assert_outputs(outputs, behind, anchors_of_level(network), 5e-4, 2e-3, last)
    total = found["loss"].asnumpy().sum()
    assert abs(total / behind["loss"] - 1) < 1e-5
    own = parameters_of(network)
    gradients = network.published(
        {n: p.grad().asnumpy() for n, p in own.items() if p.grad_req != "null"}
    )
    norms = [np.linalg.norm(gradients[n].astype(np.float64)) for n in names["parameter_names"]]
    np.testing.assert_allclose(norms, behind["grad_norms"], rtol=2e-2)
    assert np.median(norms) > 0
    assert_running_statistics(network, before, counts, behind, names["state_dict"])


def assert_running_statistics(
    network: ResidualSsd,
    before: Mapping[str, np.ndarray],
    counts: Mapping[str, int],
    numbers: Mapping[str, Any],
    entries: Any,
) -> None:
    """Compare running means and variances after one step from the values `before`."""
    after = values_of(network)
    for norm, count in counts.items():
        name = f"{norm}.running_var"
        kept = _KEPT * before[name]
        after[name] = kept + (after[name] - kept) * count / (count - 1)
    published = network.published(after)
    buffers = [name for name, _ in entries if name.rpartition(".")[2] in _BUFFERS]
    for name, expected in zip(buffers, numbers["buffer_sums"], strict=True):
        if name.endswith("num_batches_tracked"):
            assert expected == 1
        else:
            found = published[name].sum(dtype=np.float64)
            absolute = np.abs(published[name]).sum(dtype=np.float64)
            assert abs(found - expected) / absolute < 5e-4, name
    for name in set(numbers) & set(published):
        few = published[name][: len(numbers[name])]
        atol = 5e-5 if HAS_AVX512 else 1e-4
        np.testing.assert_allclose(few, numbers[name], rtol=5e-4, atol=atol)
