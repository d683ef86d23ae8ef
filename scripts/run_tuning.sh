#!/usr/bin/env bash
# Searches for the int8 form of an .onnx file that keeps its accuracy, as the ONNX model zoo's script
# of this name does.
#   bash scripts/run_tuning.sh --input_model=M.onnx --config=config_ssd.ini --output_model=OUT.onnx
#   bash scripts/run_tuning.sh --input_model=M.onnx --config=ssd.yaml --output_model=OUT.onnx \
#       --data_path=FOLDER --dataset coco
# FILE is the ini of eval_ssd.py --auto_tuning, where [model] framework may be onnxrt_qlinear or
# onnxrt_qdq (auto is the second), or an ssd.yaml of that zoo. --data_path is --dataset-root; every other option is one of
# eval_ssd.py.
set -euo pipefail

fail() {
    echo "error: $1" >&2
    exit 2
}

input_model='' config='' output_model='' others=()
while (($#)); do
    case $1 in
        -h | --help)
            sed -n '2,/^set /s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"
            exit 0
            ;;
        --input_model=*) input_model=${1#*=} ;;
        --config=*) config=${1#*=} ;;
        --output_model=*) output_model=${1#*=} ;;
        --data_path=*) others+=(--dataset-root "${1#*=}") ;;
        --input_model | --config | --output_model | --data_path)
            fail "$1 needs a value behind an equals sign: $1=VALUE" ;;
        *) others+=("$1") ;;
    esac
    shift
done
[[ $input_model ]] || fail "--input_model=M.onnx is needed: the float32 model"
[[ $config ]] || fail "--config=FILE is needed: an ini file such as config_ssd.ini, or an ssd.yaml"
[[ $output_model ]] || fail "--output_model=OUT.onnx is needed: where the int8 model goes"

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
python=$root/.venv/bin/python
[[ -x $python ]] || python=python
exec "$python" "$root/eval_ssd.py" --deploy --model-prefix "$input_model" \
    --auto_tuning --auto_tuning_config "$config" --tuned-output "$output_model" "${others[@]}"
