# SSD-ResNet34 on 2 nodes of 8 GPUs, 64 images on each.
# Source it, then start run_and_time.sh, or run.sub under SLURM.

source "$(dirname -- "${BASH_SOURCE[0]}")/config_DGX1_common.sh"
export DGXSYSTEM=DGX1_multinode
export DGXNNODES=2
export BATCHSIZE=64
export NUMEPOCHS=70
export EXTRA_PARAMS="--warmup-epochs 2.619685"
export WALLTIME=08:00:00
