#!/usr/bin/env bash
# Filling stores: how fast, how politely, in how much memory; interrupted at any moment; and
# forty processes that run offline from what was filled. Needs redis-server, util-linux and
# iproute2, and the release binary, which it builds.
#
#   scripts/warming.sh                     everything
#   scripts/warming.sh fast|polite|memory|interrupted|offline
#   WARMING_URLS=500 scripts/warming.sh    a small version
set -euo pipefail
cd "$(dirname "$0")/.."
URLS=${WARMING_URLS:-10000}
. scripts/workplace.sh
export AWS_ACCESS_KEY_ID=testak AWS_SECRET_ACCESS_KEY=testsecret AWS_EC2_METADATA_DISABLED=true
fail() { echo "FAILED: $*" >&2; exit 1; }
say() { printf '%-12s %s\n' "$1" "$2"; }

# An origin that waits before each answer and logs when requests came and went.
start_slow() {
    : >slow.txt
    rm -f slow.log
    "$ORIGIN" 0 --delay "$1" --log slow.log >slow.txt &
    CHILDREN+=($!)
    until [ -s slow.txt ]; do sleep 0.05; done
    SLOW=$(cat slow.txt)
}

# list NUMBER [BYTES]: URLs of the slow origin.
list() { seq "$1" | sed "s|.*|$SLOW/bytes/${2:-4096}?n=&|"; }

# The most requests that were under way at once, by the origin's log.
most_at_once() {
    awk '{ print $2, 1; print $3, -1 }' slow.log | sort -n -k1,1 -k2,2n |
        awk '{ now += $2; if (now > most) most = now } END { print most }'
}

fast() {
    start_slow 20
    list "$URLS" >urls.txt
    local seconds kib goal
    command time -f '%e %M' -o time.txt "$BIN" warm -q --from urls.txt -j 32 --per-host 32 \
        --backend file:fast >/dev/null
    read -r seconds kib <time.txt
    goal=$(python3 -c "print(1.3 * $URLS * 0.02 / 32)")
    say fast "$URLS URLs at 20 ms, 32 at once: $seconds s (goal $goal s), peak $kib KiB"
    [ "$(most_at_once)" -le 32 ] || fail "$(most_at_once) requests at once"
    [ "$(wc -l <slow.log)" = "$URLS" ] || fail "$(wc -l <slow.log) requests for $URLS URLs"
    python3 -c "exit($seconds > $goal)" || fail "too slow"
    command time -f '%e %M' -o time.txt "$BIN" warm -q --from urls.txt --backend file:fast >/dev/null
    read -r seconds kib <time.txt
    say fast "$URLS URLs that are fresh already: $seconds s, peak $kib KiB"
}

polite() {
    start_slow 20
    list 300 >urls.txt
    "$BIN" warm -q --from urls.txt -j 32 --per-host 3 --backend file:polite >/dev/null
    [ "$(most_at_once)" = 3 ] || fail "$(most_at_once) requests at once instead of 3"
    start_slow 0
    list 300 >urls.txt
    "$BIN" warm -q --from urls.txt -j 32 --per-host 32 --rate 100/s --backend file:polite2 >/dev/null
    # No second may hold more than its hundred, but for what the scheduler shifts.
    local most
    most=$(awk '{ print $2 }' slow.log | sort -n | awk '
        { at[NR] = $1; while (at[NR] - at[first + 1] > 1e6) first++; n = NR - first; if (n > most) most = n }
        END { print most }')
    [ "$most" -le 105 ] || fail "$most requests in a second instead of 100"
    say polite "3 at once and $most in a second, by the origin's log"
}

memory() {
    local kib seconds
    python3 - <<'PYTHON'
body = "".join(f"<url><loc>http://127.0.0.1:9/{n}/{'x' * 980}</loc></url>\n" for n in range(50_000))
open("map.xml", "w").write(f'<?xml version="1.0"?><urlset>{body}</urlset>')
PYTHON
    command time -f '%e %M' -o time.txt "$BIN" warm -n --from map.xml --format json >out.json
    read -r seconds kib <time.txt
    grep -q '"entries": 50000' out.json || fail "not all URLs of the sitemap were seen"
    [ "$kib" -lt 65536 ] || fail "a sitemap of $(stat -c %s map.xml) bytes takes $kib KiB"
    say memory "a sitemap of $(stat -c %s map.xml) bytes, 50,000 URLs: peak $kib KiB, $seconds s"
    seq 1000000 | sed 's|.*|http://127.0.0.1:9/&|' >many.txt
    command time -f '%e %M' -o time.txt "$BIN" warm -n --from many.txt --format json >out.json
    read -r seconds kib <time.txt
    say memory "a list of a million URLs: peak $kib KiB, $seconds s"
    printf '%s\n' "$URL/bytes/1073741824?a" "$URL/bytes/1073741824?b" >big.txt
    command time -f '%e %M' -o time.txt "$BIN" warm -q --from big.txt --backend file:big >/dev/null
    read -r seconds kib <time.txt
    [ "$kib" -lt 65536 ] || fail "two bodies of 1 GiB take $kib KiB"
    say memory "two bodies of 1 GiB at once: peak $kib KiB, $seconds s"
    rm -rf big map.xml many.txt
}

interrupted() {
    local signal store runs=10 twice most
    for store in file:int-f sqlite:int.db; do
        for signal in INT KILL; do
            start_slow 5
            list "$((URLS / 2))" >urls.txt
            for _ in $(seq $runs); do
                "$BIN" warm -q --from urls.txt -j 8 --per-host 8 --backend "$store" >/dev/null 2>&1 &
                sleep "0.$(printf '%02d' $((RANDOM % 40)))"
                kill -$signal $! 2>/dev/null || true
                wait $! 2>/dev/null || true
            done
            "$BIN" warm -q --from urls.txt -j 8 --per-host 8 --backend "$store" >/dev/null
            [ "$(sort -u urls.txt | wc -l)" = "$(awk '{ print $1 }' slow.log | sort -u | wc -l)" ] ||
                fail "$store: not every URL was fetched"
            twice=$(awk '{ print $1 }' slow.log | sort | uniq -d | wc -l)
            # What was under way when it was killed had not been stored.
            [ $signal = INT ] && most=0 || most=$((runs * 8))
            [ "$twice" -le $most ] || fail "$store: $twice URLs were fetched twice"
            "$BIN" verify -q --backend "$store" >/dev/null || fail "$store is damaged"
            "$BIN" warm -q -n --from urls.txt --backend "$store" --format json >out.json
            grep -q '"fetch"' out.json && fail "$store: something is missing"
            say interrupted "$store, SIG$signal ten times: complete, $twice of $((URLS / 2)) fetched twice"
        done
        rm -rf int-f int.db*
    done
}

# Forty processes, each of which asks for some URLs; run where no network is but the stores'.
crowd() {
    local store=$1 i pids=()
    for i in $(seq 40); do
        (
            for n in 1 2 3 $((i + 3)); do
                "$BIN" get --offline --backend "$store" "$SLOW/bytes/4096?n=$n" | cmp -s - "want.$n" ||
                    exit 1
            done
        ) &
        pids+=($!)
    done
    for i in "${pids[@]}"; do wait "$i" || return 1; done
}

offline() {
    start_slow 0
    list 50 >urls.txt
    local n before
    for n in $(seq 50); do curl -s "$SLOW/bytes/4096?n=$n" >"want.$n"; done
    redis-server --port 0 --unixsocket "$WORK/redis.sock" --save '' --dir "$WORK" >/dev/null &
    CHILDREN+=($!)
    "$S3" buckets team --port 9123 >s3.txt &
    local s3=$!
    until [ -s s3.txt ] && [ -S redis.sock ]; do sleep 0.05; done
    local stores=("file:off?readonly=true" "redis+unix://$WORK/redis.sock" "s3://team?endpoint=http://127.0.0.1:9123")
    for store in file:off "${stores[@]:1}"; do
        "$BIN" warm -q --from urls.txt --backend "$store" >/dev/null || fail "$store cannot be filled"
    done
    kill $s3
    chmod -R a-w off
    before=$(wc -l <slow.log)
    export -f crowd
    export BIN SLOW S3
    for store in "${stores[@]}"; do
        # The origin still runs, on a network that this cannot see; the store's server is there.
        STORE=$store unshare -rn bash -euc '
            ip link set lo up
            case $STORE in s3:*) "$S3" buckets team --port 9123 >s3b.txt & sleep 1 ;; esac
            ! curl -s --max-time 2 "$SLOW/x" >/dev/null || { echo "the origin can be reached"; exit 1; }
            code=0; crowd "$STORE" || code=$?
            kill $(jobs -p) 2>/dev/null || true
            exit $code' || fail "$store: not everybody got the right bytes"
        say offline "${store%%\?*}: forty processes at once, all right"
    done
    [ "$(wc -l <slow.log)" = "$before" ] || fail "the origin was asked"
    chmod -R u+w off
}

for part in ${@:-fast polite memory interrupted offline}; do $part; done
