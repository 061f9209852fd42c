#!/usr/bin/env bash
# HTTP answers for a pipeline: filled by one job, used by all others without a network, and
# changed only on purpose.
#
#   http-cache.sh fill       fetch what is missing; an answer other than the locked one fails
#   http-cache.sh update     fetch everything anew and write the lock file, to be reviewed
#   http-cache.sh run CMD…   run a command whose `cachectl get` answers from the store alone
#
# From the environment:
#   CACHECTL_BACKEND   the store               [default: file:.http-cache, from here]
#   HTTP_URLS          the list of URLs        [default: ci/urls.txt]
#   HTTP_LOCK          the lock file           [default: ci/urls.lock]
set -eu
# Absolute, as the command may change its folder.
backend=${CACHECTL_BACKEND:-file:.http-cache}
case $backend in
    file:[!/~]* | sqlite:[!/~:]*) backend=${backend%%:*}:$PWD/${backend#*:} ;;
esac
export CACHECTL_BACKEND=$backend
urls=${HTTP_URLS:-ci/urls.txt}
lock=${HTTP_LOCK:-ci/urls.lock}

fill() {
    local locked=()
    [ ! -e "$lock" ] || locked=(--lock "$lock" --locked)
    # Four requests to a host at once, and again after what may pass.
    cachectl warm --from "$urls" --per-host 4 --retry 3 ${locked[@]+"${locked[@]}"}
}

update() {
    cachectl warm --from "$urls" --per-host 4 --retry 3 --refresh --lock "$lock"
    echo "review $lock, and commit it" >&2
}

run() {
    # Said once for every `cachectl get` below: no connection, no change, nothing unlisted.
    export CACHECTL_OFFLINE=1 CACHECTL_READONLY=1
    if [ -e "$lock" ]; then
        CACHECTL_LOCKED=$(realpath "$lock")
        export CACHECTL_LOCKED
    fi
    exec "$@"
}

command=${1:-}
case $command in
    fill | update) "$command" ;;
    run)
        shift
        [ $# -gt 0 ] || { echo "http-cache.sh run: which command?" >&2 && exit 2; }
        run "$@"
        ;;
    *) sed -n '2,12s/^# \{0,1\}//p' "$0" >&2 && exit 2 ;;
esac
