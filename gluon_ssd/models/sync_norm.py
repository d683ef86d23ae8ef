"""Batch norm over several devices that keeps the parameter names of the ordinary one."""

from __future__ import annotations

from gluon_ssd.compat import mx


class _SyncBatchNorm(mx.gluon.contrib.nn.SyncBatchNorm):
    """Averages over devices; called `batchnorm` in parameter names, so that weights fit."""

    def _alias(self) -> str:
        return "batchnorm"


def synchronised_batch_norm() -> type:
    """The layer class to pass as `norm_layer`, with `norm_kwargs={"num_devices": n}`."""
    return _SyncBatchNorm
