#!/usr/bin/env bash
# Sharing caches with Python: what real hishel has written is read here, and what is written
# here is a hit there, so that the origin is not asked. Needs python3 with venv, and the
# package index.
#
#   scripts/hishel.sh                 every generation
#   scripts/hishel.sh 0|1|2
#   HISHEL_HAMMER=60 scripts/hishel.sh     for so many seconds both at once, default 3
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/workplace.sh
PEER=$OLDPWD/scripts/peer.py
fail() { echo "FAILED: $*" >&2; exit 1; }
say() { printf '%-46s %s\n' "$1" "$2"; }
ENVIRONMENTS=${HISHEL_ENVIRONMENTS:-$WORK/environments}

# What httpx sends by itself, and so has to be sent for it: the answers vary by it.
ACCEPT=(-H 'Accept-Encoding: gzip, deflate')

urls() { # NAME: a dozen addresses of this name, of all sizes
    for size in 0 1 100 5000 16384 70000 131072 300000; do echo "$URL/bytes/$size?s=$1"; done
    echo "$URL/text/$1"
    echo "$URL/a%20b/$1?x=[1]&y=z%2F"
    echo "$URL/%C3%A4/$1?q='%20'&r=a|b"
}

requests() { curl -s "$URL/count"; }

environment() { # VERSION EXTRAS
    PYTHON=$ENVIRONMENTS/$1/bin/python
    [ -x "$PYTHON" ] && return
    python3 -m venv "$ENVIRONMENTS/$1"
    "$PYTHON" -m pip install -q "hishel[$2]==$1" httpx anysqlite redis pyyaml
}

python() { "$PYTHON" "$PEER" "$@" || fail "Python: $*"; }

# sums PYTHON_STORE | OURS: digests of bodies as one or the other has them.
python_sums() { urls "$2" | xargs -d '\n' "$PYTHON" "$PEER" "$1" fetch | sort; }
our_sums() {
    urls "$2" | while read -r url; do
        echo "$("$BIN" get -s --offline "${ACCEPT[@]}" "$url" --backend "$1" | sha256sum | cut -c-64) $url"
    done | sort
}

# exchange LABEL PYTHON_STORE ADDRESS: Python fills, we read; we fill, Python reads.
exchange() {
    local label=$1 python=$2 ours=$3 before
    python_sums "$python" "p$label" >python.txt
    before=$(requests)
    our_sums "$ours" "p$label" >ours.txt
    cmp -s python.txt ours.txt || fail "$label: what Python has stored comes out differently"
    urls "o$label" >list.txt
    "$BIN" warm -q "${ACCEPT[@]}" --from list.txt --backend "$ours" >/dev/null || fail "$label: warm"
    our_sums "$ours" "o$label" >ours.txt
    before=$(requests)
    python_sums "$python" "o$label" >python.txt
    cmp -s python.txt ours.txt || fail "$label: what was stored for Python comes out differently"
    [ "$(requests)" = "$before" ] || fail "$label: Python asked the origin $(($(requests) - before)) times"
    "$BIN" verify -q --backend "$ours" >/dev/null || fail "$label: verify"
    say "$label" "$("$BIN" list --keys --backend "$ours" | wc -l) entries, all hits on both sides"
}

# hammer LABEL PYTHON_STORE ADDRESS: both at the same store at the same time.
hammer() {
    local label=$1 python=$2 ours=$3 until job code
    urls "h$label" >list.txt
    xargs -d '\n' "$PYTHON" "$PEER" "$python" hammer "${HISHEL_HAMMER:-3}" <list.txt >hammer.txt 2>&1 &
    job=$!
    until=$((SECONDS + ${HISHEL_HAMMER:-3}))
    while [ $SECONDS -lt $until ]; do
        "$BIN" list -q --backend "$ours" >/dev/null || fail "$label: list beside Python"
        while read -r url; do
            "$BIN" get -s "${ACCEPT[@]}" "$url" --backend "$ours" >/dev/null || fail "$label: get beside Python"
        done <list.txt
        code=0
        "$BIN" purge -q --yes "$(head -3 list.txt | tail -1)" --backend "$ours" >/dev/null || code=$?
        # It may be gone already.
        [ $code = 0 ] || [ $code = 1 ] || fail "$label: purge beside Python"
    done
    wait $job || fail "$label: Python: $(tail -2 hammer.txt)"
    "$BIN" verify -q --backend "$ours" >/dev/null || fail "$label: damaged"
    say "$label" "used by both for ${HISHEL_HAMMER:-3} s, nothing damaged"
}

# redis_for LABEL: a server of its own, on a socket.
redis_for() {
    mkdir "r$1"
    redis-server --port 0 --unixsocket "$WORK/r$1/redis.sock" --save '' --dir "$WORK/r$1" >/dev/null &
    CHILDREN+=($!)
    until redis-cli -s "$WORK/r$1/redis.sock" ping >/dev/null 2>&1; do sleep 0.05; done
}

zero() {
    environment 0.1.5 yaml,redis
    local form
    for form in json yaml pickle; do
        exchange "0.1.5-file-$form" "file:$WORK/f$form:$form" "file:f$form?layout=hishel-0&serializer=$form"
        exchange "0.1.5-sqlite-$form" "sqlite:$WORK/s$form.db:$form" "sqlite:s$form.db?layout=hishel-0&serializer=$form"
        redis_for "$form"
        exchange "0.1.5-redis-$form" "redis:$WORK/r$form/redis.sock:$form" "redis+unix://$WORK/r$form/redis.sock?layout=hishel-0&serializer=$form"
    done
    hammer 0.1.5-sqlite "sqlite:$WORK/sjson.db:json" "sqlite:sjson.db"
    hammer 0.1.5-redis "redis:$WORK/rjson/redis.sock:json" "redis+unix://$WORK/rjson/redis.sock?layout=hishel-0"
}

one() {
    environment 1.4.0 httpx,redis
    exchange 1.4.0-sqlite "sqlite:$WORK/one.db" "sqlite:one.db"
    redis_for one
    exchange 1.4.0-redis "redis:$WORK/rone/redis.sock" "redis+unix://$WORK/rone/redis.sock?layout=hishel-1"
    hammer 1.4.0-redis "redis:$WORK/rone/redis.sock" "redis+unix://$WORK/rone/redis.sock?layout=hishel-1"
    hammer 1.4.0-sqlite "sqlite:$WORK/one.db" "sqlite:one.db"
}

two() {
    environment 2.0.0 httpx,redis
    exchange 2.0.0-sqlite-rfc "sqlite:$WORK/two.db:rfc" "sqlite:two.db"
    exchange 2.0.0-sqlite-plain "sqlite:$WORK/twop.db:plain" "sqlite:twop.db"
    redis_for two
    exchange 2.0.0-redis "redis:$WORK/rtwo/redis.sock:rfc" "redis+unix://$WORK/rtwo/redis.sock?layout=hishel-2&rfc=true"
    hammer 2.0.0-redis "redis:$WORK/rtwo/redis.sock:rfc" "redis+unix://$WORK/rtwo/redis.sock?layout=hishel-2&rfc=true"
    hammer 2.0.0-sqlite "sqlite:$WORK/two.db:rfc" "sqlite:two.db"
}

for part in ${@:-0 1 2}; do
    case $part in 0) zero ;; 1) one ;; 2) two ;; *) fail "no generation $part" ;; esac
done
