#!/usr/bin/env bash
# Makes requirements/*.lock anew from pyproject.toml. Needs uv and access to a package index.
#   bash scripts/lock.sh             keep the versions that still fit
#   bash scripts/lock.sh --upgrade   take the newest that fit
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."

if ! command -v uv >/dev/null; then
    echo "lock.sh: uv is missing; install it with: pip install uv" >&2
    exit 2
fi
mkdir -p requirements

# One file for every supported Python; no index address and no path of this machine goes in.
compile() {
    local name=$1
    shift
    uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
        --no-emit-index-url --no-emit-find-links --custom-compile-command "bash scripts/lock.sh" \
        --output-file "requirements/$name.lock" "$@" pyproject.toml
}

# GluonCV declares pandas for its PyTorch parts, and mlperf-logging for its summaries; only what is
# named here really imports it.
excludes=$(mktemp)
trap 'rm -f "$excludes"' EXIT
leave_out() {
    case $1 in
        tune | openvino | ray) : ;;
        *) echo pandas ;;
    esac >"$excludes"
}

leave_out base
compile base --excludes "$excludes" "$@"

# The other files hold only what they add to the base, at versions that agree with it.
base_packages=()
while read -r package; do
    base_packages+=(--no-emit-package "$package")
done < <(sed -n 's/^\([a-z0-9._-]*\)==.*/\1/p' requirements/base.lock | sort -u)
# Two extras that need the same package get the same version of it: they share one environment.
agreed=(--constraints requirements/base.lock)
for extra in dev dali horovod tune mllog onnx openvino loadgen ray supervision serve tensorboard; do
    leave_out "$extra"
    compile "$extra" --excludes "$excludes" --extra "$extra" "${agreed[@]}" \
        "${base_packages[@]}" "$@"
    agreed+=(--constraints "requirements/$extra.lock")
done

# What is no extra, since an environment has other things in its place: the tools that compile
# Horovod, for one of their own, and MXNet's CUDA build with CUDA's libraries.
compile_group() {
    local group=$1
    shift
    uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
        --no-emit-index-url --no-emit-find-links --custom-compile-command "bash scripts/lock.sh" \
        --output-file "requirements/$group.lock" "$@" --group "$group"
}
compile_group horovod-build "$@"
compile_group gpu --constraints requirements/base.lock "${base_packages[@]}" "$@"
