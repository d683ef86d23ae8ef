#!/usr/bin/env bash
# Train NVIDIA's SSD300 v1.1 in mixed precision on 8 A100, 128 images on each.
#   bash scripts/launch/nvidia/SSD300_A100_FP16_8GPU.sh [--dry-run] DATA [OPTIONS OF train_ssd.py]
# DATA is the folder of COCO 2017. With --dry-run, or DRY_RUN=1, the command is printed and not run.
set -euo pipefail

source "$(dirname -- "${BASH_SOURCE[0]}")/../common.sh"
published "$@"
train_on 8 --recipe nvidia_ssd300 --batch-size-per-device 128 --lr 2.7e-3 --warmup-iters 1200 --amp \
    --dataset-root "$data" "${options[@]}"
