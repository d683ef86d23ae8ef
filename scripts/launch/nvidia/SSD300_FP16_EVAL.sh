#!/usr/bin/env bash
# Score weights of NVIDIA's SSD300 v1.1 on COCO val2017 with 1 GPU, network in float16.
# WEIGHTS is a .params file, of training or of scripts/convert_weights.py.
#   bash scripts/launch/nvidia/SSD300_FP16_EVAL.sh [--dry-run] DATA WEIGHTS [OPTIONS OF eval_ssd.py]
# DATA is the folder of COCO 2017. With --dry-run, or DRY_RUN=1, the command is printed and not run.
set -euo pipefail

source "$(dirname -- "${BASH_SOURCE[0]}")/../common.sh"
published "$@"
[ ${#options[@]} -gt 0 ] || stop "name the file of weights after the folder of the data set; see --help"
start python "$root/eval_ssd.py" --network ssd300_resnet50 --dataset coco --metric coco \
    --dataset-root "$data" --pretrained "${options[0]}" --num-gpus 1 --batch-size 32 \
    --dtype float16 "${options[@]:1}"
