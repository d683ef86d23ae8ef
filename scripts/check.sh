#!/usr/bin/env bash
# Lint, format, types, and who may import whom. Run scripts/setup.sh --dev once before.
set -euo pipefail
cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."

python=.venv/bin/python
if ! "$python" -c 'import mypy, pytest' 2>/dev/null; then
    echo "check.sh: error: the test tools are missing; run: bash scripts/setup.sh --dev" >&2
    exit 2
fi

failed=()
step() {
    echo "== $*"
    "$python" -m "$@" || failed+=("$1 $2")
}
step ruff check .
step ruff format --check .
step mypy --pretty
step pytest -q tests/test_layout.py

if [ ${#failed[@]} -gt 0 ]; then
    printf 'check.sh: failed: %s\n' "$(IFS=,; echo "${failed[*]}")" >&2
    exit 1
fi
echo "check.sh: all good"
