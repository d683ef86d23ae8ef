# SSD-ResNet34 on 1 node of 8 GPUs, 128 images on each.
# Source it, then start run_and_time.sh, or run.sub under SLURM.

source "$(dirname -- "${BASH_SOURCE[0]}")/config_DGX1_common.sh"
export DGXSYSTEM=DGX1_singlenode
export DGXNNODES=1
export BATCHSIZE=128
export NUMEPOCHS=70
export EXTRA_PARAMS="--warmup-epochs 2.619685"
export WALLTIME=08:00:00
