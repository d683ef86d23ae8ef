"""GluonCV's own network objects in fp32 and int8: the other side of the table of speeds."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from gluon_ssd.compat import mx
from gluon_ssd.deploy.mxnet.files import INPUT, read_exported
from gluon_ssd.deploy.mxnet.graph import to_symbol
from gluon_ssd.detection.decoding import Decoding
from gluon_ssd.detection.normalization import IMAGENET_MEAN, IMAGENET_STD
from gluon_ssd.errors import ModelError
from gluon_ssd.models.first_weights import assign, quiet_symbol_blocks


def is_in_zoo(name: str) -> bool:
    """Whether GluonCV has a network of that name."""
    from gluoncv.model_zoo import get_model_list

    return name in get_model_list()


def original_network(name: str, weights: str, decoding: Decoding) -> Any:
    """The zoo's network as the legacy evaluation script runs it.

    Args:
        name: full name in the zoo, not one of custom classes.
        weights: its parameter file.
        decoding: whose suppression is taken.

    Returns:
        A block: images float32 (B, 3, H, W) -> ids, scores, bboxes.
    """
    from gluoncv.model_zoo import get_model

    with quiet_symbol_blocks():
        network = get_model(name, pretrained=False, pretrained_base=False)
        network.load_parameters(weights)
    network.set_nms(decoding.nms_thresh, decoding.nms_topk, decoding.post_nms)
    network.hybridize(static_alloc=True, static_shape=True)
    return network


def original_exported(prefix: str) -> Any:
    """An exported fp32 model, named by prefix or file, as the legacy evaluation script deploys it.

    Returns:
        As of `original_network`; suppression is part of the graph.

    Raises:
        ModelError: GluonCV's scripts do not run it, or prepare its images in another way.
    """
    exported = read_exported(prefix)
    if exported.multibox is not None:
        raise ModelError(
            f"{exported.name} is of SageMaker or example/ssd, which GluonCV's scripts do not run; "
            "this compares with them"
        )
    record = exported.record
    if record is not None and (record.mean, record.std) != (IMAGENET_MEAN, IMAGENET_STD):
        raise ModelError(
            f"{exported.name} takes other images than GluonCV's scripts prepare, which normalise "
            "as ImageNet's; this compares with them"
        )
    with quiet_symbol_blocks():
        network = mx.gluon.SymbolBlock(to_symbol(exported.graph), mx.sym.var(INPUT))
    # As SymbolBlock.imports does, but of what was read and checked here.
    for name, parameter in network.collect_params().items():
        parameter.shape = exported.params[name].shape
        assign(parameter, exported.params[name])
    network.hybridize(static_alloc=True, static_shape=True)
    return network


def original_int8(network: Any, images: np.ndarray) -> Any:
    """The network quantised as the legacy script does it, with least and largest values.

    Args:
        network: from `original_network` or `original_exported`.
        images: float32 (N, 3, H, W), normalised, to calibrate with.
    """
    loader = mx.gluon.data.DataLoader(
        mx.gluon.data.ArrayDataset(mx.nd.array(images)),
        batch_size=len(images),
        # A batch that is no list is taken apart image by image.
        batchify_fn=lambda samples: [mx.nd.stack(*samples)],
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        quantised = mx.contrib.quantization.quantize_net(
            network,
            quantized_dtype="auto",
            exclude_layers_match=["flatten", "concat"],
            calib_data=loader,
            calib_mode="naive",
            num_calib_examples=len(images),
            ctx=mx.cpu(),
        )
    quantised.hybridize(static_alloc=True, static_shape=True)
    return quantised
