"""Batch norm over several devices that keeps the parameter names of the ordinary one."""

from __future__ import annotations

from gluon_ssd.compat import mx


class SyncBatchNorm(mx.gluon.contrib.nn.SyncBatchNorm):
    """Averages over devices; called `batchnorm` in parameter names, so that weights fit.

    Gluon's networks take it as `norm_layer`, with `norm_kwargs={"num_devices": n}`.
    """

    def _alias(self) -> str:
        return "batchnorm"
