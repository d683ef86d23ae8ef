# Sourced by the configurations beside it: what they share.

export RECIPE=mlperf_retinanet
export DATASET_DIR=${DATASET_DIR:-/datasets/open-images-v6-mlperf}
export DGXNGPU=8
export DGXSOCKETCORES=64
export DGXNSOCKET=2
export DGXHT=2
