#!/usr/bin/env bash
# A million entries: what listing, counting and cleaning take in memory and time, beside
# public tools that do less. Needs hyperfine, sqlite3, redis-server, and the release binary.
#
#   scripts/scale.sh                  everything (half an hour)
#   scripts/scale.sh memory|list|redis
#   SCALE_ENTRIES=10000 SCALE_STORES=file:f scripts/scale.sh memory      a small version
set -euo pipefail
cd "$(dirname "$0")/.."
ENTRIES=${SCALE_ENTRIES:-1000000}
FEW=$((ENTRIES / 100))
ROUNDS=${ROUNDS:-5}
RUNS=1
. scripts/workplace.sh
fail() { echo "FAILED: $*" >&2; exit 1; }

# peak NAME STORE COMMAND…: runs it and tells its time and peak memory; sets PEAK.
peak() {
    local name=$1 store=$2
    shift 2
    command time -f '%M %e' -o peak.txt "$BIN" "$@" --backend "$store" >out.txt || fail "$name on $store"
    read -r PEAK SECONDS_TAKEN <peak.txt
    printf '%-28s %-12s %7d KiB %8.2f s\n' "$name" "${store%%:*}" "$PEAK" "$SECONDS_TAKEN"
}

# Nothing grows with the number of entries; nothing is above 100 MiB.
memory() {
    local store few
    for kind in ${SCALE_STORES:-sqlite:s.db file:f}; do
        few="${kind/:/:few-}"
        "$FILL" "$few" $FEW >/dev/null
        "$FILL" "$kind" $ENTRIES
        for command in list stats; do
            args=($command)
            [ $command = list ] && args+=(--format plain)
            peak "$command, $FEW" "$few" "${args[@]}"
            local small=$PEAK
            peak "$command, $ENTRIES" "$kind" "${args[@]}"
            [ "$PEAK" -lt 102400 ] || fail "$command takes $PEAK KiB"
            awk "BEGIN { printf \"%-28s %-12s %10.2fx (goal 1.3)\n\", \"R2 $command\", \"${kind%%:*}\", $PEAK / $small }"
        done
        [ "$("$BIN" list --keys --backend $kind | wc -l)" = $ENTRIES ] || fail "$kind does not list everything"
        peak "list --sort age, $ENTRIES" "$kind" list --sort age
        [ "$PEAK" -lt 102400 ] || fail "sorting takes $PEAK KiB"
        peak "gc --max-size, $ENTRIES" "$kind" gc --max-size $((ENTRIES * 1000)) --yes
        [ "$PEAK" -lt 102400 ] || fail "gc takes $PEAK KiB"
        peak "purge --where, the rest" "$kind" purge --where 'age > 1h' --yes
        [ "$PEAK" -lt 102400 ] || fail "purge takes $PEAK KiB"
        [ "$("$BIN" list --keys --where 'age > 1d' --backend $kind | wc -l)" = 0 ] || fail "$kind still has some"
        "$BIN" verify --backend $kind || fail "$kind is damaged"
    done
}

list() {
    "$FILL" sqlite:l.db $ENTRIES >/dev/null
    local columns="key, status, body_bytes, created_at, method, url"
    echo "$BIN list --format plain --backend sqlite:l.db | cat >/dev/null" >list.sh
    echo "$BIN list --columns key,status,size,created,method,url --format plain --backend sqlite:l.db | cat >/dev/null" >same.sh
    echo "sqlite3 -readonly -separator '	' l.db 'select $columns from cache' | cat >/dev/null" >anchor.sh
    echo "sqlite3 -readonly -separator '	' l.db 'select $columns from cache limit 100' | cat >/dev/null" >some.sh
    ratio "N1 list $ENTRIES, SQLite, the same columns" 0.55 "sh anchor.sh" "sh same.sh"
    ratio "N1 list $ENTRIES, SQLite, with the state" 0.55 "sh anchor.sh" "sh list.sh"
    ratio "N2 list --limit 100" 1.2 "sh some.sh" "$BIN list --limit 100 --backend sqlite:l.db" 10
    ratio "N2 list --limit 100 --sort stored" 1.2 "sh some.sh" "$BIN list --limit 100 --sort stored --backend sqlite:l.db" 3
    "$FILL" file:l 10000 >/dev/null
    ratio "N3 list 10,000, files" 1.2 "find l/entries -type f -printf '%f\n'" "$BIN list --backend file:l" 10
}

redis() {
    redis-server --port 0 --unixsocket "$WORK/redis.sock" --save '' --dir "$WORK" >/dev/null &
    CHILDREN+=($!)
    until redis-cli -s redis.sock ping >/dev/null 2>&1; do sleep 0.05; done
    "$FILL" "redis+unix://$WORK/redis.sock" 10000 >/dev/null
    ratio "N4 list 10,000, Redis" 0.65 "redis-cli -s redis.sock --scan" "$BIN list --backend redis+unix://$WORK/redis.sock" 10
    peak "purge --all, 10000" "redis+unix://$WORK/redis.sock" purge --all --yes
}

for part in ${@:-memory list redis}; do $part; done
