"""Residual networks in the form of torchvision, the stem and as many stages as are wanted.

The stage's stride stands in the 3x3 convolution of its first block, not in the 1x1 before it. The
attributes are called as torchvision calls them, so that structural names ("layer2.0.conv1.weight")
are those of its weights, but for the words of batch norm (gamma, beta).

Sources: K. He et al., "Deep Residual Learning for Image Recognition", arXiv:1512.03385, table 1;
S. Xie et al., "Aggregated Residual Transformations", arXiv:1611.05431, table 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gluon_ssd.compat import mx

nn = mx.gluon.nn

Norm = Any  # a Gluon layer made as norm(channels): called without arguments here


@dataclass(frozen=True)
class ResNetSpec:
    """What tells one residual network from another.

    Attributes:
        blocks: residual blocks of each stage; shorter tuples leave the last stages out.
        strides: stride of each stage.
        bottleneck: whether blocks have three convolutions and four times the channels come out.
        groups: of the 3x3 convolutions.
        group_width: channels of a group in the first stage; it doubles with every stage.
    """

    blocks: tuple[int, ...]
    strides: tuple[int, ...] = (1, 2, 2, 2)
    bottleneck: bool = True
    groups: int = 1
    group_width: int = 64

    def channels(self, stage: int) -> int:
        """Channels that come out of a stage, counted from 0."""
        return 64 * 2**stage * (4 if self.bottleneck else 1)


BLOCKS = {
    "resnet18": (2, 2, 2, 2),
    "resnet34": (3, 4, 6, 3),
    "resnet50": (3, 4, 6, 3),
    "resnet101": (3, 4, 23, 3),
    "resnet152": (3, 8, 36, 3),
    "resnext50_32x4d": (3, 4, 6, 3),
}
"""Name -> residual blocks of the four stages."""

_BASIC = ("resnet18", "resnet34")


def resnet_spec(name: str, strides: tuple[int, ...] = (1, 2, 2, 2)) -> ResNetSpec:
    """The network of a name, with as many stages as strides are given."""
    grouped = {"groups": 32, "group_width": 4} if name.startswith("resnext") else {}
    blocks = BLOCKS[name][: len(strides)]
    return ResNetSpec(blocks, strides, bottleneck=name not in _BASIC, **grouped)


class ResNet(mx.gluon.HybridBlock):
    """Images (B, 3, H, W) -> the outputs of all stages, finest first.

    Args:
        spec: which network.
        norm_layer, norm_kwargs: the batch norm of Gluon, or one that takes its place.
    """

    def __init__(
        self,
        spec: ResNetSpec,
        *,
        norm_layer: Norm = nn.BatchNorm,
        norm_kwargs: dict[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self.spec = spec
        norm = _Norm(norm_layer, norm_kwargs or {})
        with self.name_scope():
            self.conv1 = nn.Conv2D(64, 7, 2, 3, use_bias=False, in_channels=3)
            self.bn1 = norm(64)
            self.maxpool = nn.MaxPool2D(3, 2, 1)
            before = 64
            for stage, count in enumerate(spec.blocks):
                layer = nn.HybridSequential()
                for number in range(count):
                    stride = spec.strides[stage] if number == 0 else 1
                    layer.add(_Block(spec, stage, before, stride, norm))
                    before = spec.channels(stage)
                setattr(self, f"layer{stage + 1}", layer)

    def hybrid_forward(self, F: Any, x: Any) -> Sequence[Any]:
        """See the class."""
        x = self.maxpool(_relu(F, self.bn1(self.conv1(x))))
        outputs = []
        for stage in range(len(self.spec.blocks)):
            x = getattr(self, f"layer{stage + 1}")(x)
            outputs.append(x)
        return outputs


@dataclass(frozen=True)
class _Norm:
    """Makes one batch norm after another."""

    layer: Norm
    kwargs: dict[str, Any]

    def __call__(self, channels: int) -> Any:
        return self.layer(in_channels=channels, **self.kwargs)


class _Block(mx.gluon.HybridBlock):
    """A residual block of two or three convolutions."""

    def __init__(self, spec: ResNetSpec, stage: int, before: int, stride: int, norm: _Norm) -> None:
        super().__init__()
        width = spec.group_width * spec.groups * 2**stage
        after = spec.channels(stage)
        with self.name_scope():
            if spec.bottleneck:
                self.conv1, self.bn1 = _conv(before, width, 1), norm(width)
                self.conv2 = _conv(width, width, 3, stride, spec.groups)
                self.bn2 = norm(width)
                self.conv3, self.bn3 = _conv(width, after, 1), norm(after)
            else:
                self.conv1, self.bn1 = _conv(before, after, 3, stride), norm(after)
                self.conv2, self.bn2 = _conv(after, after, 3), norm(after)
                self.conv3 = None
            self.downsample = None
            if stride != 1 or before != after:
                self.downsample = nn.HybridSequential()
                self.downsample.add(_conv(before, after, 1, stride), norm(after))

    def hybrid_forward(self, F: Any, x: Any) -> Any:
        """The sum of the block's input, projected where needed, and of its convolutions."""
        y = self.bn2(self.conv2(_relu(F, self.bn1(self.conv1(x)))))
        if self.conv3 is not None:
            y = self.bn3(self.conv3(_relu(F, y)))
        return _relu(F, y + (x if self.downsample is None else self.downsample(x)))


def _conv(before: int, after: int, kernel: int, stride: int = 1, groups: int = 1) -> Any:
    padding = kernel // 2
    return nn.Conv2D(
        after, kernel, stride, padding, groups=groups, use_bias=False, in_channels=before
    )


def _relu(F: Any, x: Any) -> Any:
    # oneDNN joins this operator with the convolution in front, but not `relu`.
    return F.Activation(x, act_type="relu")
