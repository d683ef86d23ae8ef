#!/usr/bin/env bash
# Start a training again from its last checkpoint when it fails, as often as it got further.
#   bash scripts/launch/resume_loop.sh CHECKPOINT COMMAND [ARGUMENTS...]
#   bash scripts/launch/resume_loop.sh runs/ssd_512_resnet50_v1_voc_checkpoint.npz \
#       bash scripts/launch/one_node.sh 4 --network resnet50_v1 --data-shape 512 --save-prefix runs/
# Horovod has no elastic mode for MXNet: when one process dies, all end, and this starts them all
# anew. TRIES (3) failures in a row without a newer checkpoint end the loop, and so does a signal.
# PAUSE (10) seconds lie between two starts. The last exit code of the command is the loop's.
set -uo pipefail

say() { echo "resume_loop.sh: $*" >&2; }
if [ $# -lt 2 ] || [ "$1" = --help ]; then
    sed -n '2,/^set /s/^# \{0,1\}//p' "$0"
    [ "${1:-}" = --help ]
    exit $((2 * $?))
fi
checkpoint=$1
shift

stopped=""
child=""
# The command is told as well, writes its checkpoint and ends. Not by SIGINT, which bash makes
# programs in the background ignore.
forward() {
    stopped=$1
    [ -z "$child" ] || kill -s TERM "$child" 2>/dev/null
}
trap 'forward TERM' TERM
trap 'forward INT' INT

stamp() { stat -c '%Y %s %i' -- "$checkpoint" 2>/dev/null; }

failures=0
while :; do
    before=$(stamp)
    resume=()
    [ -z "$before" ] || resume=(--resume "$checkpoint")
    "$@" "${resume[@]}" &
    child=$!
    code=0
    # A signal ends `wait` before the command has ended.
    while :; do
        wait "$child"
        code=$?
        kill -0 "$child" 2>/dev/null || break
    done
    child=""
    [ "$code" -ne 0 ] || exit 0
    [ -z "$stopped" ] || { say "stopped by $stopped"; exit "$code"; }
    failures=$((failures + 1))
    [ "$(stamp)" = "$before" ] || failures=1
    if [ "$failures" -ge "${TRIES:-3}" ]; then
        say "error: ended with code $code, $failures times without a newer $checkpoint; gave up"
        exit "$code"
    fi
    say "ended with code $code; starting again in ${PAUSE:-10} s"
    sleep "${PAUSE:-10}" &
    wait $!
    [ -z "$stopped" ] || exit "$code"
done
