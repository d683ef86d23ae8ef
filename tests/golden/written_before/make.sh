#!/usr/bin/env bash
# Makes everything beside this file anew, in the working directory: REPO=CHECKOUT bash make.sh
# REPO is a checkout of the version that writes, with its environment in .venv.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
run() { PYTHONPATH=$REPO "$REPO/.venv/bin/python" "$@"; }

# Instructions that every CPU of the last ten years has, and one order of every sum.
export DNNL_MAX_CPU_ISA=AVX2 OMP_NUM_THREADS=1
net="--network tiny --data-shape 160 --dataset custom"
data="--dataset-root data -j 0"
name=ssd_160_tiny_custom

# The pictures, and first weights of which most channels are dead.
run "$here/draw.py"
run "$REPO/train_ssd.py" $net $data --gpus "" --pretrained-base false --batch-size 4 \
    --epochs 1 --limit-steps 1 --save-prefix first/
run "$here/thin.py"

# A run of 48 steps that stands after 45 of them, and how it ends when it is taken up again.
train() {
    run "$REPO/train_ssd.py" $net $data --gpus "" --pretrained-base false --batch-size 4 \
        --augmentation light --lr 0.02 --lr-decay-epoch 16,23 --epochs 24 --val-interval 5 \
        --save-interval 0 --log-interval 1 --save-prefix run/ "$@"
}
train --resume start.params --limit-steps 45
cp -r run stopped
train --resume run/${name}_checkpoint.npz
mv run ended
mv stopped run
rm */*_curves.png */*_train.log ended/*_best.*  # drawn anew, or not read

# Its best weights exported, as they are and folded, and in int8.
weights=run/${name}_best.params
run "$REPO/scripts/export_ssd.py" $net --pretrained $weights --output exported/folded
run "$REPO/scripts/export_ssd.py" $net --pretrained $weights --output exported/plain --no-fuse
for mode in naive entropy; do
    run "$REPO/eval_ssd.py" $net $data --pretrained $weights --batch-size 4 \
        --calibration --calib-split train --calib-mode $mode --calib-output int8
done

# What every form of the model prints and finds in all twelve pictures.
printf 'box\nball\n' > other_order.txt
printf 'ball\nbox\n' > names.txt
mkdir bare found
cp $weights bare/
evaluate() {
    run "$REPO/eval_ssd.py" $net $data --batch-size 2 --splits train+val \
        --save-detections "found/$1.json" "${@:2}" > "found/$1.txt"
}
evaluate weights --pretrained $weights
evaluate other_order --pretrained $weights --classes other_order.txt
evaluate bare --pretrained bare/${name}_best.params --classes names.txt
evaluate export_as_weights --pretrained exported/plain-0000.params --classes names.txt
evaluate folded --deploy --model-prefix exported/folded
evaluate plain --deploy --model-prefix exported/plain
evaluate as_written --deploy --model-prefix exported/plain --no-fuse
for mode in naive entropy; do
    evaluate $mode --deploy --model-prefix int8/$name-quantized-$mode
done

run "$here/collect.py"
tar --sort=name --owner=0 --group=0 --numeric-owner --mtime=2000-01-01 \
    -cf files.tar run ended exported int8
xz -9 files.tar
