#!/usr/bin/env bash
# What takes too long for every change: bodies of 2 GiB, processes killed at any moment,
# many processes on one store, a full disk. Needs the release binary and the example
# origin, which it builds.
#
#   scripts/soak.sh                 everything on the embedded stores
#   scripts/soak.sh big|kill|race|full [STORE…]
#   scripts/soak.sh shared          the same on a Redis and an S3 server of its own, which
#                                   restart and are overloaded meanwhile
#   SOAK_KILLS=20 SOAK_GETS=50 SOAK_BIG=67108864 scripts/soak.sh     a small version
set -euo pipefail
cd "$(dirname "$0")/.."
KILLS=${SOAK_KILLS:-200}
GETS=${SOAK_GETS:-500}
BIG=${SOAK_BIG:-2147483648}
. scripts/workplace.sh
fail() { echo "FAILED: $*" >&2; exit 1; }
say() { printf '%-8s %-28s %s\n' "$1" "$2" "$3"; }

# Peak memory of a command in KiB; its output goes where the caller sends it.
peak() { command time -f %M -o peak.txt "$@"; }

# A body goes in and comes out the same, in constant memory.
big() {
    local store=$1 limit=${SOAK_PEAK_KIB:-24576} want got
    want=$(curl -s "$URL/bytes/$BIG" | sha256sum)
    got=$(peak "$BIN" get "$URL/bytes/$BIG" --backend "$store" | sha256sum)
    [ "$want" = "$got" ] || fail "$store: another body on the way in"
    [ "$(cat peak.txt)" -le "$limit" ] || fail "$store: peak of $(cat peak.txt) KiB storing"
    local in=$(cat peak.txt)
    got=$(peak "$BIN" get --offline "$URL/bytes/$BIG" --backend "$store" | sha256sum)
    [ "$want" = "$got" ] || fail "$store: another body on the way out"
    [ "$(cat peak.txt)" -le "$limit" ] || fail "$store: peak of $(cat peak.txt) KiB reading"
    say big "$store" "$BIG bytes, peak $in KiB in, $(cat peak.txt) KiB out"
}

# Killed at any moment, each entry is absent or whole, and the store opens as it is.
kills() {
    local store=$1 killed=0 whole=0 absent=0 size=1048576 i url
    for i in $(seq "$KILLS"); do
        url="$URL/slow/$size/1?k=$i"
        "$BIN" get -q -o /dev/null --backend "$store" "$url" &
        local pid=$!
        # Somewhere between the start and a little after the end.
        sleep "0.$(printf '%03d' $((RANDOM % 60)))"
        if kill -9 $pid 2>/dev/null; then killed=$((killed + 1)); fi
        wait $pid 2>/dev/null || true
    done
    for i in $(seq "$KILLS"); do
        url="$URL/slow/$size/1?k=$i"
        if "$BIN" get -q --offline -o out.bin --backend "$store" "$url" 2>err.txt; then
            whole=$((whole + 1))
            [ "$(stat -c %s out.bin)" = $size ] || fail "$store: entry $i has another length"
            rm out.bin
        else
            [ $? = 4 ] || fail "$store: entry $i: $(cat err.txt)"
            absent=$((absent + 1))
        fi
    done
    "$BIN" list --backend "$store" >/dev/null || fail "$store: it cannot be listed"
    say kill "$store" "$killed of $KILLS killed: $whole whole, $absent absent, none damaged"
}

# Eight processes at once on overlapping URLs.
# A server that fails now and then may cost an entry: the documented exit code (second
# argument) is then fine, if the body arrived.
race() {
    local store=$1 allowed=${2:-0} p
    local pids=()
    for p in 1 2 3 4 5 6 7 8; do
        (
            for i in $(seq "$GETS"); do
                n=$(((i * 7 + p * 13) % 60))
                size=$((n % 3 == 0 ? 300000 : n % 3 == 1 ? 20000 : 500))
                option=$((RANDOM % 4))
                case $option in 0) set -- --refresh ;; 1) set -- --revalidate ;; *) set -- ;; esac
                "$BIN" get -q "$@" --backend "$store" "$URL/bytes/$size?n=$n" >"race.$p.out" 2>"race.$p.err" \
                    || { code=$?; echo "exit $code for $n $*: $(cat "race.$p.err")"; [ $code = "$allowed" ] || exit 1; }
                [ "$(stat -c %s "race.$p.out")" = $size ] || { echo "length for $n"; exit 1; }
            done
        ) >"race.$p.log" 2>&1 &
        pids+=($!)
    done
    for p in "${pids[@]}"; do wait "$p" || fail "$store: $(cat race.*.log)"; done
    "$BIN" list --backend "$store" >listed.txt || fail "$store: it cannot be listed"
    while IFS=$'\t' read -r key _ _ _ _ _ url; do
        [ -n "$key" ] || continue
        "$BIN" get -q --offline --backend "$store" "$url" | cmp -s - <(curl -s "$url") || fail "$store: $url is damaged"
    done <listed.txt
    local failed
    failed=$(cat race.*.log | grep -c "^exit" || true)
    say race "$store" "8 x $GETS gets, $(wc -l <listed.txt) entries, none damaged, $failed not stored"
}

# A disk that is full: the body arrives, and the exit code and the message say the rest.
full() {
    local kind=$1 store code
    mkdir -p small
    mount -t tmpfs -o size=2m tmpfs small 2>/dev/null || { say full "$kind" "skipped: no right to mount"; return; }
    case $kind in file*) store="file:small/f" ;; *) store="sqlite:small/s.db" ;; esac
    "$BIN" get -q -o /dev/null --backend "$store" "$URL/bytes/1000"
    code=0
    "$BIN" get -o out.bin --backend "$store" "$URL/bytes/8000000" 2>err.txt || code=$?
    [ $code = 5 ] || { umount small; fail "$store: exit $code on a full disk: $(cat err.txt)"; }
    [ "$(stat -c %s out.bin)" = 8000000 ] || { umount small; fail "$store: the body did not arrive"; }
    grep -q "space" err.txt || { umount small; fail "$store: $(cat err.txt)"; }
    "$BIN" get --best-effort -qq -o out.bin --backend "$store" "$URL/bytes/8000000" || { umount small; fail "$store: best effort"; }
    "$BIN" get -q --offline -o /dev/null --backend "$store" "$URL/bytes/1000" || { umount small; fail "$store: the old entry is lost"; }
    umount small
    say full "$store" "exit 5, body delivered, old entries kept"
}

start_redis() {
    mkdir -p redis
    redis-server --port 0 --unixsocket "$WORK/redis.sock" --appendonly yes --save '' \
        --dir "$WORK/redis" >redis.log &
    REDIS_PID=$!
    CHILDREN+=($!)
    until redis-cli -s redis.sock ping >/dev/null 2>&1; do sleep 0.05; done
}

# start_s3 SWITCH…: sets S3_STORE and S3_PID.
start_s3() {
    : >s3.txt
    "$S3" buckets team "$@" >s3.txt &
    S3_PID=$!
    CHILDREN+=($!)
    until [ -s s3.txt ]; do sleep 0.05; done
    S3_STORE="$(cat s3.txt)"
}

shared() {
    export AWS_ACCESS_KEY_ID=testak AWS_SECRET_ACCESS_KEY=testsecret AWS_EC2_METADATA_DISABLED=true
    local redis=redis+unix://$WORK/redis.sock wait
    start_redis
    start_s3
    (BIG=$((BIG * 3 / 10)) && big "$redis")
    redis-cli -s redis.sock flushall >/dev/null
    (SOAK_PEAK_KIB=65536 && big "$S3_STORE")
    kills "$redis"
    race "$redis?namespace=race"
    race "$S3_STORE&prefix=race/"
    kill $S3_PID
    start_s3 --fail-every 10
    race "$S3_STORE&prefix=busy/" 5
    # A log of what was stored up to now would take its time to be read.
    kill $REDIS_PID
    while pgrep -f "$WORK/redis.sock" >/dev/null; do sleep 0.1; done
    rm -rf redis
    start_redis
    (
        for wait in 5 10; do
            sleep $wait
            redis-cli -s redis.sock shutdown nosave >/dev/null 2>&1 || true
            sleep 0.5
            start_redis
        done
        say restart "$redis" "twice"
        wait
    ) &
    local restarts=$!
    race "$redis?namespace=restart"
    kill $restarts 2>/dev/null || true
    pkill -f "$WORK/redis.sock" || true
}

WHAT=${1:-all}
shift || true
if [ "$WHAT" = shared ]; then
    shared
    exit
fi
STORES=("$@")
[ ${#STORES[@]} -gt 0 ] || STORES=(file:f sqlite:s.db)
for store in "${STORES[@]}"; do
    case $WHAT in
    big) big "$store" ;;
    kill) kills "$store" ;;
    race) race "$store" ;;
    full) full "$store" ;;
    all) big "$store"; kills "$store"; race "$store"; full "$store" ;;
    *) fail "nothing is called $WHAT" ;;
    esac
done
