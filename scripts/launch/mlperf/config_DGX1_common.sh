# Sourced by the configurations beside it: what they share.

export RECIPE=mlperf_ssd_r34
export DATASET_DIR=${DATASET_DIR:-/datasets/coco2017}
export DGXNGPU=8
export DGXSOCKETCORES=20
export DGXNSOCKET=2
export DGXHT=2
export LOG_INTERVAL=100
