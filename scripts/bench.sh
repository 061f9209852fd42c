#!/usr/bin/env bash
# Whole processes against public tools, side by side: rounds of all commands in turn, the
# ratio of each round, the median of the ratios. Needs hyperfine, sqlite3, and the release
# binary, which it builds.
#
#   scripts/bench.sh              everything
#   scripts/bench.sh start|hit|large|size
#   scripts/bench.sh migrate      moving and converting: scripts/moving.sh speed many
set -euo pipefail
cd "$(dirname "$0")/.."
command -v hyperfine >/dev/null || { echo "needs hyperfine: apt-get install hyperfine" >&2; exit 1; }
[ "${1:-}" != migrate ] || exec scripts/moving.sh speed many
ROUNDS=${ROUNDS:-9}
RUNS=${RUNS:-20}
. scripts/workplace.sh

# A pipe at the end of both commands.
piped() { printf 'sh -c "%s | cat >/dev/null"' "$1"; }

start() {
    ratio "H7 --version" 1.5 /bin/true "$BIN --version"
    ratio "H7 a usage error" 1.5 /bin/true "$BIN get --xyz"
}

hit() {
    local url="$URL/bytes/4096"
    for store in file:f sqlite:s.db; do "$BIN" get -q -o body4k --backend $store "$url"; done
    ratio "H1 get, 4 KiB, file" 1.3 "cat body4k" "$BIN get --backend file:f $url"
    ratio "H2 get, 4 KiB, SQLite" 0.8 "sqlite3 -readonly s.db 'select hex(record) from cache_record'" \
        "$BIN get --backend sqlite:s.db $url"
    url="$URL/bytes/1048576"
    for store in file:f sqlite:s.db; do "$BIN" get -q -o body1m --backend $store "$url"; done
    ratio "H5 get, 1 MiB, file" 1.1 "cat body1m" "$BIN get --backend file:f $url"
    ratio "H5 get, 1 MiB, SQLite" 1.4 "cat body1m" "$BIN get --backend sqlite:s.db $url"
}

large() {
    local url="$URL/bytes/2147483648" rounds=$ROUNDS runs=$RUNS
    "$BIN" get -q -o body2g --backend file:f "$url"
    ROUNDS=3 RUNS=1
    ratio "H6 get, 2 GiB into a pipe, file" 1.05 "$(piped "cat body2g")" "$(piped "$BIN get --backend file:f $url")"
    ROUNDS=$rounds RUNS=$runs
    for store in file:f sqlite:s.db; do
        command time -f %M -o peak.txt "$BIN" get -q --refresh --backend $store "$url" >/dev/null
        local in=$(cat peak.txt)
        command time -f %M -o peak.txt "$BIN" get -q --backend $store "$url" >/dev/null
        echo "R1 peak memory, 2 GiB, ${store%%:*}: $((in / 1024)) MiB storing, $(($(cat peak.txt) / 1024)) MiB reading (goal 24)"
    done
}

size() {
    echo "B1 stripped binary: $(($(stat -c %s "$BIN") / 1000000)) MB (goal 16)"
}

for what in "${@:-start hit large size}"; do
    for part in $what; do $part; done
done
