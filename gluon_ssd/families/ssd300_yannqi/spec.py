"""The SSD300 of yannqi's SSD-for-pytorch: NVIDIA's network, trained with another recipe.

Source: github.com/yannqi/SSD-for-pytorch. Network, default boxes, loss and decoding are NVIDIA's;
augmentation is what Pillow does on the host, not DALI's.
"""

from __future__ import annotations

from gluon_ssd.models.residual_ssd.spec import ResidualSsdSpec, for_each_dataset

SPECS: tuple[ResidualSsdSpec, ...] = for_each_dataset(
    ResidualSsdSpec(
        name="",
        family="ssd300_yannqi",
        network="ssd300_yannqi",
        dataset="",
        input_size_hw=(300, 300),
        augmentation="ssd300_pil",
    ),
    "ssd300_yannqi",
)
