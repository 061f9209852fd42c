#!/usr/bin/env bash
# Moving that is disturbed: killed, interrupted, on servers that fail and restart, and with
# bodies and numbers that would not fit into memory. Needs redis-server and the release binary.
#
#   scripts/moving.sh                     everything
#   scripts/moving.sh kill|interrupt|trouble|memory|many|bodies|shards|speed
#   scripts/moving.sh speed many          what scripts/bench.sh migrate measures
#   MOVING_ENTRIES=5000 MOVING_BIG=4 scripts/moving.sh kill       a small version
set -euo pipefail
cd "$(dirname "$0")/.."
ENTRIES=${MOVING_ENTRIES:-100000}
MANY=${MOVING_MANY:-1000000}
BIG=${MOVING_BIG:-40}
ROUNDS=${ROUNDS:-3}
. scripts/workplace.sh
UPDATE=$OLDPWD/scripts/update.py
export AWS_ACCESS_KEY_ID=testak AWS_SECRET_ACCESS_KEY=testsecret AWS_EC2_METADATA_DISABLED=true
fail() { echo "FAILED: $*" >&2; exit 1; }
say() { printf '%-10s %s\n' "$1" "$2"; }

start_s3() {
    : >s3.txt
    "$S3" buckets team "$@" >s3.txt &
    S3_PID=$!
    CHILDREN+=($!)
    until [ -s s3.txt ]; do sleep 0.05; done
    STORE="$(cat s3.txt)"
}

start_redis() {
    redis-server --port 0 --unixsocket "$WORK/redis.sock" --save '' --dir "$WORK" "$@" >/dev/null &
    REDIS_PID=$!
    CHILDREN+=($!)
    until redis-cli -s redis.sock ping >/dev/null 2>&1; do sleep 0.05; done
    REDIS="redis+unix://$WORK/redis.sock"
}

same() { "$BIN" diff "$@" >diff.txt 2>diff.err || fail "$* differ: $(head -3 diff.txt) $(tail -1 diff.err)"; }

kill_loop() {
    "$FILL" sqlite:kill.db $ENTRIES >/dev/null
    start_s3 --log s3.log
    for i in 1 2 3 4 5 6 7 8 9 10; do
        "$BIN" migrate -q sqlite:kill.db "$STORE" --include-expired >/dev/null 2>&1 &
        sleep "$((RANDOM % 8)).$((RANDOM % 10))"
        kill -9 $! 2>/dev/null || true
        wait $! 2>/dev/null || true
    done
    "$BIN" migrate -q sqlite:kill.db "$STORE" --include-expired >/dev/null || fail "the last run"
    sleep 1
    same sqlite:kill.db "$STORE"
    local puts twice
    puts=$(grep -c '^PUT .*entries/' s3.log)
    twice=$(grep '^PUT .*entries/' s3.log | sed 's/?.*//' | sort | uniq -d | wc -l)
    [ $((twice * 20)) -lt $ENTRIES ] || fail "$twice of $ENTRIES were put twice"
    say kill "$ENTRIES entries from SQLite to S3, killed ten times: equal; $puts puts, $twice objects twice"
    kill $S3_PID
}

interrupt() {
    "$FILL" sqlite:int.db $ENTRIES >/dev/null
    start_s3 --delay 5
    local code=0 started
    "$BIN" migrate sqlite:int.db "$STORE&prefix=int/" >out.txt 2>err.txt &
    sleep 3
    started=$(date +%s%N)
    kill -INT $!
    wait $! || code=$?
    local took=$((($(date +%s%N) - started) / 1000000))
    [ $code = 130 ] || fail "exit $code after SIGINT: $(cat err.txt)"
    grep -q 'run the same command again' out.txt err.txt || fail "the error does not say how to go on: $(cat err.txt)"
    [ $took -lt 5000 ] || fail "it took $took ms to stop"
    "$BIN" migrate -q sqlite:int.db "$STORE&prefix=int/" >/dev/null || fail "going on"
    same sqlite:int.db "$STORE&prefix=int/"
    say interrupt "exit 130 after $took ms; the same command ended it"
    kill $S3_PID
}

trouble() {
    local few=$((ENTRIES / 10)) wait
    "$FILL" sqlite:tr.db $few >/dev/null
    start_s3 --fail-every 20 --break-after 3000000
    "$BIN" migrate -q sqlite:tr.db "$STORE&prefix=tr/" --include-expired >/dev/null || fail "a failing S3"
    same --content sqlite:tr.db "$STORE&prefix=tr/"
    say trouble "$few entries to an S3 server that fails every 20th request and breaks connections: equal"
    kill $S3_PID
    start_redis --appendonly yes
    # What has expired cannot be held by a server that forgets by itself.
    "$BIN" gc -q --backend sqlite:tr.db >/dev/null
    "$BIN" migrate -q sqlite:tr.db "$REDIS" >out.txt 2>err.txt &
    local job=$!
    sleep 1
    redis-cli -s redis.sock shutdown nosave >/dev/null 2>&1 || true
    sleep 0.5
    start_redis --appendonly yes
    wait $job || fail "Redis was restarted: $(cat err.txt)"
    same --content sqlite:tr.db "$REDIS"
    say trouble "$few entries to a Redis server that was restarted: equal"
    redis-cli -s redis.sock shutdown nosave >/dev/null 2>&1 || true
}

# peak NAME LIMIT_KIB ARGUMENTS…
peak() {
    local name=$1 limit=$2
    shift 2
    command time -f '%M %e' -o peak.txt "$BIN" migrate -q "$@" >/dev/null || fail "$name"
    read -r kib seconds <peak.txt
    [ "$kib" -lt "$limit" ] || fail "$name takes $kib KiB"
    say memory "$name: $kib KiB, $seconds s"
}

# constant NAME FEW MANY: the peak of MANY entries, in KiB, is that of FEW.
constant() {
    python3 -c "
few, many = $2, $3
verdict = 'met' if many <= 1.3 * few else 'MISSED'
print(f'R2 {\"$1\":37} {many / few:6.2f}x  goal 1.3x  {verdict:7} {many} KiB of $MANY entries against {few} KiB of 10000')"
}

# Peaks that may not grow with the number of entries.
many() {
    local kind moved few
    "$FILL" file:few 10000 >/dev/null
    "$FILL" file:many $MANY >/dev/null
    peak "10000 small entries, file to SQLite" 131072 file:few sqlite:few.db --include-expired
    few=$kib
    peak "$MANY small entries, file to SQLite" 131072 file:many sqlite:many.db --include-expired
    constant "migrate file -> SQLite" $few $kib
    [ "$("$BIN" list --keys --backend sqlite:many.db | wc -l)" = $MANY ] || fail "not all arrived"
    for kind in file: sqlite:; do
        [ $kind = file: ] || moved=.db
        for number in few many; do
            command time -f %M -o peak.txt "$BIN" list --backend $kind$number${moved:-} >/dev/null
            cp peak.txt $number.txt
        done
        constant "list, ${kind%:}" $(cat few.txt) $(cat many.txt)
    done
    rm -rf many few many.db* few.db*
}

bodies() {
    "$FILL" file:big $BIG 104857600 >/dev/null
    "$BIN" gc -q --backend file:big >/dev/null
    start_redis
    start_s3
    for to in sqlite:big.db file:big2 "$REDIS" "$STORE&prefix=big/"; do
        peak "$BIG of 100 MiB, file to ${to%%[:?]*}" 131072 -j 8 --include-expired file:big "$to"
        peak "$BIG of 100 MiB, ${to%%[:?]*} to file" 131072 -j 8 --include-expired "$to" file:back
        same --content file:big file:back
        rm -rf back big.db* big2
    done
    kill $S3_PID
    redis-cli -s redis.sock shutdown nosave >/dev/null 2>&1 || true
}

memory() { many; bodies; }

# Four processes at once equal one run, and so does a mirror that had more than its source.
shards() {
    local few=$((ENTRIES * 2 / 5)) to part jobs code=0
    "$FILL" file:sh $few >/dev/null
    "$BIN" migrate -q --include-expired file:sh sqlite:one.db >/dev/null
    same --content file:sh sqlite:one.db
    start_s3
    for to in sqlite:four.db file:four "$STORE&prefix=four/"; do
        jobs=
        for part in 1 2 3 4; do
            "$BIN" migrate -q --include-expired --shard $part/4 file:sh "$to" >/dev/null &
            jobs="$jobs $!"
        done
        for part in $jobs; do wait "$part" || fail "a shard into ${to%%[:?]*}"; done
        same --content sqlite:one.db "$to"
    done
    kill $S3_PID
    say shards "$few entries by four processes at once into SQLite, files and S3: equal to one run"

    "$FILL" file:more $((few + 10)) >/dev/null
    "$BIN" migrate -q --include-expired file:sh file:mirror >/dev/null
    "$BIN" list --keys --backend file:sh | sort >own.txt
    "$BIN" list --keys --backend file:more | sort | comm -13 own.txt - >surplus.txt
    "$BIN" migrate -q --include-expired --keys-from surplus.txt file:more file:mirror >/dev/null
    local mirror="migrate --include-expired --mirror --yes file:sh file:mirror"
    "$BIN" $mirror --max-delete 9 >/dev/null 2>refused.txt || code=$?
    [ $code = 7 ] || fail "exit $code where ten are above --max-delete 9: $(cat refused.txt)"
    "$BIN" list --keys --backend file:mirror | sort | comm -13 own.txt - | cmp -s - surplus.txt ||
        fail "what was refused deleted something"
    "$BIN" -q $mirror --max-delete 10 >/dev/null || fail "a mirror with ten to delete"
    same --content file:sh file:mirror
    say shards "a mirror refuses ten above --max-delete 9 (exit 7) and deletes exactly them at 10"
}

# once NAME GOAL ANCHOR COMMAND [CPU_GOAL]: rounds of both in turn; ROUND stands for a fresh name.
once() {
    local name=$1 goal=$2 anchor=$3 command=$4 cpu=${5:-} round
    : >ratios.txt
    for round in $(seq "$ROUNDS"); do
        local a b
        a=$(TIMEFORMAT='%R %U %S'; { time sh -c "${anchor//ROUND/a$round}" >/dev/null 2>&1; } 2>&1)
        b=$(TIMEFORMAT='%R %U %S'; { time sh -c "${command//ROUND/b$round}" >/dev/null 2>&1; } 2>&1)
        echo "$a $b" >>ratios.txt
    done
    python3 -c "
import statistics
def row(name, goal, a, b):
    ratio = statistics.median(y / x for x, y in zip(a, b))
    a, b = statistics.median(a), statistics.median(b)
    verdict = 'met' if ratio <= goal else 'MISSED'
    print(f'{name:40} {ratio:6.2f}x  goal {goal}x  {verdict:7} {b:7.2f} s against {a:7.2f} s')
runs = [list(map(float, line.split())) for line in open('ratios.txt')]
row('$name', $goal, [r[0] for r in runs], [r[3] for r in runs])
if '$cpu':
    row('   its processor time', float('$cpu'), [r[1] + r[2] for r in runs], [r[4] + r[5] for r in runs])"
}

# peer NAME GOAL PACKAGES PEER ENTRIES COMMAND: entries a second, as often as a Python client's own
# way. COMMAND moves as many.
peer() {
    local name=$1 goal=$2 packages=$3 peer=$4 entries=$5 command=$6 round
    local python=${MOVING_ENVIRONMENTS:-$WORK/environments}/$peer
    if [ ! -x "$python/bin/python" ]; then
        python3 -m venv "$python"
        "$python/bin/python" -m pip install -q $packages || { echo "$name needs the package index"; return; }
    fi
    : >ratios.txt
    for round in $(seq "$ROUNDS"); do
        local a b
        a=$(rm -rf peer; mkdir peer; cd peer; "$python/bin/python" "$UPDATE" "$peer" "$entries")
        b=$(TIMEFORMAT=%R; { time sh -c "${command//ROUND/b$round}" >/dev/null 2>&1; } 2>&1)
        echo "$a $b" >>ratios.txt
    done
    python3 -c "
import statistics, sys
runs = [list(map(float, line.split())) for line in open('ratios.txt')]
often = statistics.median(a / b for a, b in runs)
a, b = ($entries / statistics.median(times) for times in zip(*runs))
verdict = 'met' if often >= $goal else 'MISSED'
print(f'{sys.argv[1]:40} {often:6.1f} times as many, goal {$goal}  {verdict:7} {b:.0f} a second against {a:.0f}')" "$name"
}

speed() {
    "$FILL" file:d1 10000 >/dev/null
    "$FILL" sqlite:d1.db 10000 >/dev/null
    "$FILL" file:d2 1000 1048576 >/dev/null
    local m="$BIN migrate -q --no-verify --include-expired --restart"
    once "M1 file -> file" 0.9 "cp -r d1 m1ROUND" "$m file:d1 file:m1ROUND"
    once "M2 file -> new SQLite" 1.0 "cp -r d1 m2ROUND" "$m file:d1 sqlite:m2ROUND.db"
    once "M3 SQLite -> file" 0.9 "cp -r d1 m3ROUND" "$m sqlite:d1.db file:m3ROUND"
    start_redis
    once "M4 file -> Redis" 0.6 "cp -r d1 m4ROUND" "$m file:d1 '$REDIS?namespace=ROUND'"
    once "M4 Redis -> file" 1.0 "cp -r d1 m5ROUND" "$m '$REDIS?namespace=b1' file:m5ROUND"
    redis-cli -s redis.sock shutdown nosave >/dev/null 2>&1 || true
    once "M5 SQLite -> SQLite" 1.3 "sqlite3 d1.db '.backup m6ROUND.db'" "$m sqlite:d1.db sqlite:m6ROUND.db"
    once "M6 1,000 of 1 MiB, file -> new SQLite" 1.2 "cp -r d2 m7ROUND" "$m file:d2 sqlite:m7ROUND.db"
    if command -v rclone >/dev/null; then
        start_s3
        export RCLONE_CONFIG_LOOP_TYPE=s3 RCLONE_CONFIG_LOOP_PROVIDER=Other RCLONE_CONFIG=/dev/null
        export RCLONE_CONFIG_LOOP_ENDPOINT=${STORE#*endpoint=}
        export RCLONE_CONFIG_LOOP_ACCESS_KEY_ID=testak RCLONE_CONFIG_LOOP_SECRET_ACCESS_KEY=testsecret
        local copy="env -u AWS_CA_BUNDLE rclone -q copy --transfers 16 --no-update-modtime"
        once "M7 10,000 small, file -> S3" 0.8 "$copy d1 loop:team/ROUND" \
            "$m -j 16 file:d1 '$STORE&prefix=ROUND/'" 0.4
        once "M7 1,000 of 1 MiB, file -> S3" 0.8 "$copy d2 loop:team/bROUND" \
            "$m -j 16 file:d2 '$STORE&prefix=bROUND/'" 0.4
        kill $S3_PID
    else
        echo "M7 needs rclone"
    fi
    peer "M8 SQLite -> SQLite, update()" 25 requests-cache requests-cache 10000 \
        "$m sqlite:d1.db sqlite:m8ROUND.db"
    peer "M8 hishel's files -> SQLite, its loop" 50 "hishel[sqlite]==0.1.5" hishel 2000 \
        "$m file:peer/from sqlite:m9ROUND.db"
    for round in $(seq "$ROUNDS"); do cp -r d1 "cb$round"; done
    local c="$BIN convert -q"
    once "C1 convert JSON -> bincode, files" 1.1 "$m file:d1 file:c0ROUND" "$c --to bincode --backend file:cROUND"
    once "C2 convert bincode -> YAML, files" 2.5 "$m file:d1 file:c1ROUND" "$c --to yaml --backend file:cROUND"
}

for part in ${@:-kill interrupt trouble memory shards speed}; do
    case $part in kill) kill_loop ;; *) $part ;; esac
done
