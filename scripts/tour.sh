#!/usr/bin/env bash
# Runs every command of docs/tour.md, in its order, and stops at the first that fails.
#   bash scripts/tour.sh BCCD WEIGHTS            # the real one: 15 minutes of training
#   bash scripts/tour.sh BCCD WEIGHTS --quick    # 8 pictures and one epoch: do the commands work?
# BCCD is the folder of the blood-cell data set (VOC layout), WEIGHTS a file of ImageNet weights of
# mobilenet1.0. What it makes goes into tour/, which is made anew each time.
set -euo pipefail

if [[ $# -lt 2 || $# -gt 3 || ${3:---quick} != --quick ]]; then
    sed -n 's/^#   /usage: /p' "${BASH_SOURCE[0]}" >&2
    exit 2
fi
for path in "$1" "$2"; do
    if [[ ! -e $path ]]; then
        echo "tour.sh: error: $path is not there; give the folder of bccd and the file of weights" >&2
        exit 2
    fi
done
BCCD=$(realpath -- "$1")
WEIGHTS=$(realpath -- "$2")
export BCCD WEIGHTS
quick=${3:-}

cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."
if [[ ! -x .venv/bin/python ]]; then
    echo "tour.sh: error: there is no .venv; bash scripts/setup.sh --extras onnx,openvino,serve makes it" >&2
    exit 2
fi
export PATH="$PWD/.venv/bin:$PATH"

# The blocks of docs/tour.md that begin with ```sh.
commands() { awk '/^```/ { inside = ($0 == "```sh"); next } inside' docs/tour.md; }

# fewer: the same commands on less data.
fewer() {
    if [[ -n $quick ]]; then
        sed -e 's/--limit-images 80/--limit-images 8 --epochs 1/' -e 's/--splits test/--splits test --limit-images 8/'
    else
        cat
    fi
}

rm -rf tour
mkdir tour
commands | fewer >tour/commands.sh
SECONDS=0
# One shell for all, so that a service started in one block is stopped in the next.
bash -xeuo pipefail tour/commands.sh
printf 'tour.sh: every command of docs/tour.md worked (%d:%02d)\n' $((SECONDS / 60)) $((SECONDS % 60))
