#!/usr/bin/env bash
# Time loading and inference of NVIDIA's SSD300 v1.1 on 1 GPU, network in float32.
# The batch is 32: the published script sets that of training to 64, which its benchmark does not read.
#   bash scripts/launch/nvidia/SSD300_FP32_INFERENCE_BENCHMARK.sh [--dry-run] DATA [OPTIONS OF eval_ssd.py]
# DATA is the folder of COCO 2017. With --dry-run, or DRY_RUN=1, the command is printed and not run.
set -euo pipefail

source "$(dirname -- "${BASH_SOURCE[0]}")/../common.sh"
published "$@"
start python "$root/eval_ssd.py" --network ssd300_resnet50 --dataset coco \
    --mode benchmark-inference --benchmark-warmup 100 --benchmark-iterations 200 \
    --dataset-root "$data" --pretrained false --num-gpus 1 --batch-size 32 --dtype float32 \
    "${options[@]}"
