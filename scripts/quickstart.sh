#!/usr/bin/env bash
# From nothing to a trained detector: sets up .venv, draws the shapes data set, trains, evaluates,
# exports, evaluates the exported model and draws its detections. About 10 minutes on 2 cores.
#   bash scripts/quickstart.sh
# Everything it makes goes into quickstart/, which is made anew each time.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."

NEEDED_MAP=0.80
network=(--network tiny --data-shape 160)
schedule=(--batch-size 16 --epochs 32 --lr 0.05 --schedule cosine --warmup-epochs 1 --augmentation light)

out=quickstart
data=(--dataset shapes --dataset-root $out/shapes)
prefix=$out/ssd_160_tiny_custom

bash scripts/setup.sh
python=.venv/bin/python
SECONDS=0

# heading NUMBER TEXT
heading() { printf '\n== %s. %s (%d:%02d)\n' "$1" "$2" $((SECONDS / 60)) $((SECONDS % 60)); }

# map_of FILE: the score in the last line that starts with mAP.
map_of() { sed -n 's/^mAP[ =]*\([0-9.][0-9.]*\).*/\1/p' "$1" | tail -n 1; }

# require_map FILE WHAT: leaves with exit code 1 if that score is missing or too low.
require_map() {
    local score
    score=$(map_of "$1")
    if ! awk -v score="$score" -v needed="$NEEDED_MAP" 'BEGIN { exit !(score != "" && score + 0 >= needed) }'; then
        echo "quickstart.sh: error: $2 has mAP ${score:-none}, at least $NEEDED_MAP is expected; its output is in $1" >&2
        exit 1
    fi
}

# The data set stays, if it is there: drawing it again gives the same images.
rm -rf "$out"/ssd_* "$out"/deploy* "$out"/detections "$out"/*.txt
mkdir -p "$out"

heading 1 "Drawing the data set"
"$python" scripts/prepare_shapes.py --output "$out/shapes" --num-train 2000 --image-size 160

heading 2 "Training"
# One compute thread: layers this small gain nothing from a second one, and the data worker has
# that core to itself.
OMP_NUM_THREADS=1 "$python" train_ssd.py "${network[@]}" "${data[@]}" "${schedule[@]}" --num-workers 1 \
    --val-interval 4 --save-interval 0 --save-prefix "$out/"

heading 3 "Evaluating the best weights"
"$python" eval_ssd.py "${network[@]}" "${data[@]}" --num-workers 2 --pretrained "${prefix}_best.params" |
    tee "$out/evaluation.txt"
require_map "$out/evaluation.txt" "the trained detector"

heading 4 "Exporting"
"$python" scripts/export_ssd.py "${network[@]}" --dataset shapes --pretrained "${prefix}_best.params" \
    --output "$out/deploy"

heading 5 "Evaluating the exported model"
"$python" eval_ssd.py --deploy --model-prefix "$out/deploy" --data-shape 160 "${data[@]}" --num-workers 2 |
    tee "$out/deployment.txt"
require_map "$out/deployment.txt" "the exported model"

heading 6 "Drawing detections"
images=$(sed -n '1,6p' "$out/shapes/ImageSets/Main/val.txt" | sed "s|.*|$out/shapes/JPEGImages/&.jpg|" | paste -sd,)
"$python" scripts/demo_ssd.py --model-prefix "$out/deploy" --images "$images" --output "$out/detections"

heading 7 "Done"
cat <<SUMMARY
mAP of the trained detector   $(map_of "$out/evaluation.txt")
mAP of the exported model     $(map_of "$out/deployment.txt")

data set        $out/shapes
weights         ${prefix}_best.params
journal         ${prefix}_journal.jsonl
curves          ${prefix}_curves.png
exported model  $out/deploy-symbol.json, $out/deploy-0000.params
detections      $out/detections
SUMMARY
