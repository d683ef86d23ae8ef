# SSD-ResNet34 on 1 GPU, 32 images.
# Source it, then start run_and_time.sh, or run.sub under SLURM.

source "$(dirname -- "${BASH_SOURCE[0]}")/config_DGX1_common.sh"
export DGXSYSTEM=DGX1_32
export DGXNNODES=1
export DGXNGPU=1
export BATCHSIZE=32
export NUMEPOCHS=70
export EXTRA_PARAMS="--warmup-epochs 0"
export WALLTIME=24:00:00
