# RetinaNet on 8 nodes of 8 GPUs, 4 images on each.
# The training of the inference benchmark's weights: the target is never reached.
# Source it, then start run_and_time.sh, or run.sub under SLURM.

source "$(dirname -- "${BASH_SOURCE[0]}")/config_DGXA100_common.sh"
export DGXSYSTEM=DGXA100_008x08x004_inference_benchmark
export DGXNNODES=8
export BATCHSIZE=4
export NUMEPOCHS=15
export EXTRA_PARAMS="--lr 0.0001 --amp --save-prefix /results/ --target-map 0.99"
export WALLTIME=04:00:00
