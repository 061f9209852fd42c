#!/usr/bin/env bash
# Kills commands that write, at any moment, on every kind of store and every layout that can be
# written. Each time: the store can be used, nothing is lost, mixed up or half there, and the
# same command completes what it began. Needs redis-server and the release binary.
#
#   scripts/kills.sh               about 500 kills
#   KILLS=1 scripts/kills.sh       a small version: one of each, about a hundred
#   KILLS=3 scripts/kills.sh move  some commands only
set -euo pipefail
cd "$(dirname "$0")/.."
KILLS=${KILLS:-5}
ENTRIES=${KILLS_ENTRIES:-90}
. scripts/workplace.sh
export AWS_ACCESS_KEY_ID=testak AWS_SECRET_ACCESS_KEY=testsecret AWS_EC2_METADATA_DISABLED=true
say() { printf '%-10s %-18s %s\n' "$1" "$2" "$3"; }
FAILED=0
bad() {
    FAILED=$((FAILED + 1))
    echo "FAILED: $COMMAND on $LABEL, killed after $AFTER ms: $*" >&2
}

redis-server --port 0 --unixsocket "$WORK/redis.sock" --save '' --dir "$WORK" >redis.log &
CHILDREN+=($!)
until redis-cli -s redis.sock ping >/dev/null 2>&1; do sleep 0.05; done
"$S3" buckets team >s3.txt &
CHILDREN+=($!)
until [ -s s3.txt ]; do sleep 0.05; done
BUCKET=$(cat s3.txt)

# What every store is filled with.
for i in $(seq "$ENTRIES"); do
    case $((i % 10)) in 0) size=300000 ;; 1 | 2) size=20000 ;; 3) size=0 ;; *) size=$((i * 37)) ;; esac
    echo "$URL/bytes/$size?n=$i"
done >urls.txt
"$BIN" warm -q --from urls.txt --backend file:seed >/dev/null
"$BIN" export -q --as archive -o seed.ndjson --backend file:seed

N=0
# place KIND LAYOUT: an empty place of its own, its address in STORE.
place() {
    N=$((N + 1))
    case $1 in
    file) STORE="file:s$N?layout=$2" ;;
    sqlite) STORE="sqlite:s$N.db?layout=$2" ;;
    s3) STORE="$BUCKET&prefix=s$N/&layout=$2" ;;
    redis)
        # Generation 0 has a database for itself.
        local db=1
        [ "$2" = native ] || db=$((2 + ${2#hishel-}))
        redis-cli -s redis.sock -n $db flushdb >/dev/null
        STORE="redis+unix://$WORK/redis.sock?db=$db&layout=$2"
        ;;
    esac
}

clean() { rm -rf "s$N" "s$N".db* copy quarantine; }

# killed SPAN_MS COMMAND…: kills it somewhere between its start and a little after its end. With
# 0 it runs to its end, and SPAN is how long that took.
killed() {
    if [ "$1" = 0 ]; then
        shift
        local started
        started=$(date +%s%N)
        "$BIN" "$@" >/dev/null 2>&1 || true
        SPAN=$((($(date +%s%N) - started) / 1000000 + 1))
        return
    fi
    AFTER=$((RANDOM * 32768 + RANDOM))
    AFTER=$((AFTER % ($1 + $1 / 5 + 1)))
    shift
    "$BIN" "$@" >/dev/null 2>&1 &
    local pid=$!
    sleep "$(printf '%d.%03d' $((AFTER / 1000)) $((AFTER % 1000)))"
    kill -9 $pid 2>/dev/null || true
    wait $pid 2>/dev/null || true
}

# usable STORE: it can be listed and nothing in it is damaged; one that was never made is none.
usable() {
    local code=0
    "$BIN" list --backend "$1" >listed.txt 2>err.txt || code=$?
    [ $code = 0 ] || { [ $code = 3 ] && grep -qE 'there is no|has no table|has no tables' err.txt; } \
        || { bad "list ends with $code: $(head -8 err.txt | tr "\n" " ")"; return 1; }
    [ $code = 0 ] || { : >listed.txt; return 0; }
    "$BIN" verify --backend "$1" >verify.txt 2>err.txt \
        || { bad "verify: $(head -3 verify.txt) $(head -3 err.txt)"; return 1; }
}

# part_of STORE [OF]: what is in it is whole and of the seed, or of another store.
part_of() {
    usable "$1" || return 1
    [ -s listed.txt ] || return 0
    "$BIN" diff --content "${2:-file:seed}" "$1" >diff.txt 2>err.txt || true
    ! grep -q '^[*+!]' diff.txt || { bad "mixed up or half: $(grep '^[*+!]' diff.txt | head -3)"; return 1; }
}

# whole STORE [OF]: it has all of the seed, or of another store.
whole() {
    usable "$1" || return 1
    "$BIN" diff --content "${2:-file:seed}" "$1" >diff.txt 2>err.txt \
        || { bad "not the same in the end: $(head -3 diff.txt) $(tail -1 err.txt)"; return 1; }
}

entries() { { "$BIN" list --columns url --backend "$1" 2>/dev/null || true; } | sort; }

# again COMMAND…: the same command once more ends well.
again() {
    "$BIN" "$@" >out.txt 2>err.txt || { bad "the same command again: exit $?: $(head -4 err.txt)"; return 1; }
}

full_place() { place $1 $2; "$BIN" migrate -q file:seed "$STORE" >/dev/null; }

# Each command: a place is made, the command is killed, and what there is then is looked at.
try_import() { place $1 $2; killed $3 import seed.ndjson --backend "$STORE" && part_of "$STORE" && again import seed.ndjson --backend "$STORE" && whole "$STORE"; }
try_migrate() { place $1 $2; killed $3 migrate file:seed "$STORE" && part_of "$STORE" && again migrate file:seed "$STORE" && whole "$STORE"; }
try_move() {
    full_place $1 $2
    # A layout that has no place for a property gives its entries back without.
    local kept=file:kept-$1-$2
    [ -d "${kept#file:}" ] || "$BIN" migrate -q "$STORE" "$kept" >/dev/null
    killed $3 migrate --move --yes "$STORE" file:copy
    part_of "$STORE" || return 1
    entries "$STORE" >here.txt
    part_of file:copy "$kept" || return 1
    entries file:copy | sort -u - here.txt | cmp -s - <(entries file:seed) || { bad "something is lost: $(entries file:copy | wc -l) there, $(wc -l <here.txt) here"; return 1; }
    again migrate --move --yes "$STORE" file:copy && whole file:copy "$kept" || return 1
    [ -z "$(entries "$STORE")" ] || bad "something is left in the source"
}
try_receive() {
    place $1 $2
    cp -r seed copy
    killed $3 migrate --move --yes file:copy "$STORE"
    part_of "$STORE" || return 1
    entries "$STORE" >here.txt
    entries file:copy | sort -u - here.txt | cmp -s - <(entries file:seed) || { bad "something is lost"; return 1; }
    again migrate --move --yes file:copy "$STORE" && whole "$STORE" || return 1
    [ -z "$(entries file:copy)" ] || bad "something is left in the source"
}
try_purge() {
    full_place $1 $2
    killed $3 purge --all --yes --backend "$STORE" && part_of "$STORE" && again purge --all --yes --backend "$STORE" || return 1
    [ -z "$(entries "$STORE")" ] || bad "something is left"
}
try_gc() {
    full_place $1 $2
    killed $3 gc --max-entries 20 --yes --backend "$STORE" && part_of "$STORE" && again gc --max-entries 20 --yes --backend "$STORE" || return 1
    [ "$(entries "$STORE" | wc -l)" = 20 ] || bad "$(entries "$STORE" | wc -l) entries are left"
}
try_touch() {
    full_place $1 $2
    killed $3 touch --stale --host '*' --yes --backend "$STORE" && usable "$STORE" || return 1
    [ "$(wc -l <listed.txt)" = "$ENTRIES" ] || bad "something is lost"
    again touch --stale --host '*' --yes --backend "$STORE" && usable "$STORE"
}
try_convert() {
    full_place $1 $2
    killed $3 convert --to bincode --backend "$STORE" && whole "$STORE" && again convert --to bincode --backend "$STORE" && whole "$STORE"
}
try_get() {
    place $1 $2
    local url="$URL/slow/600000/1?n=$N"
    killed $3 get -q -o /dev/null --backend "$STORE" "$url" && usable "$STORE" || return 1
    again get -o got.bin --backend "$STORE" "$url" || return 1
    cmp -s got.bin <(curl -s "$url") || bad "another body"
    again get --offline -o got.bin --backend "$STORE" "$url" && cmp -s got.bin <(curl -s "$url") || bad "it is not stored"
}
try_warm() { place $1 $2; killed $3 warm --from urls.txt --backend "$STORE" && usable "$STORE" && again warm --from urls.txt --backend "$STORE" && whole_by_url "$STORE"; }
try_repair() {
    full_place $1 $2
    damage "$1" || return 0
    killed $3 verify --repair --yes --quarantine quarantine --backend "$STORE"
    "$BIN" list --backend "$STORE" >/dev/null 2>&1 || true
    "$BIN" verify --repair --yes --quarantine quarantine --backend "$STORE" >out.txt 2>err.txt || [ $? = 1 ] || bad "repair: $(head -3 err.txt)"
    usable "$STORE" || return 1
    [ "$(wc -l <listed.txt)" -ge $((ENTRIES - 5)) ] || bad "more is gone than was damaged"
}

whole_by_url() {
    usable "$1" || return 1
    entries "$1" | cmp -s - <(entries file:seed) || { bad "not all is there"; return 1; }
    "$BIN" diff --content file:seed "$1" 2>/dev/null | grep -q 'body' && bad "another body" || true
}

# damage KIND: five bodies are no longer what they were.
damage() {
    local name=${STORE#*:}
    name=${name%%\?*}
    case $1 in
    file) for f in $(find "$name" -path '*bodies*' -type f | head -5); do printf X | dd of="$f" bs=1 seek=5 conv=notrunc status=none; done ;;
    sqlite) sqlite3 "$name" "UPDATE cache_chunk SET data = substr(data, 1, 100) WHERE id IN (SELECT id FROM cache_chunk LIMIT 5)" ;;
    *) return 1 ;;
    esac
}

PLACES=("file native" "sqlite native" "redis native" "s3 native" "file hishel-0" "sqlite hishel-0"
    "redis hishel-0" "s3 hishel-0" "sqlite hishel-1" "redis hishel-1" "sqlite hishel-2" "redis hishel-2")
COMMANDS=("$@")
[ $# -gt 0 ] || COMMANDS=(get warm import migrate move receive purge gc touch convert repair)
DONE=0
for COMMAND in "${COMMANDS[@]}"; do
    for LABEL in "${PLACES[@]}"; do
        read -r kind layout <<<"$LABEL"
        case "$COMMAND $layout" in
        convert\ hishel* | repair\ hishel* | touch\ hishel*) continue ;;
        esac
        case "$COMMAND $kind" in repair\ redis | repair\ s3) continue ;; esac
        # Once to its end, to know how long it takes.
        AFTER=0
        try_$COMMAND $kind $layout 0 || true
        clean
        span=$SPAN
        for _ in $(seq "$KILLS"); do
            try_$COMMAND $kind $layout "$span" || true
            DONE=$((DONE + 1))
            clean
        done
        say "$COMMAND" "$LABEL" "$KILLS kills within $span ms"
    done
done
[ $FAILED = 0 ] || { echo "$FAILED of $DONE went wrong" >&2; exit 1; }
say all "$DONE kills" "usable, whole, and completed each time"
