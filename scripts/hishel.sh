#!/usr/bin/env bash
# Sharing caches with Python: what real hishel has written is read here, and what is written
# here is a hit there, so that the origin is not asked. Needs python3 with venv, and the
# package index.
#
#   scripts/hishel.sh                 every generation
#   scripts/hishel.sh 0|1|2|together|moves|hostile
#   HISHEL_MOVES=all scripts/hishel.sh moves   from each store to each other, not only the next
#   HISHEL_HAMMER=60 scripts/hishel.sh     for so many seconds both at once, default 3
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/workplace.sh
PEER=$OLDPWD/scripts/peer.py
HOSTILE=$OLDPWD/scripts/hostile.py
fail() { echo "FAILED: $*" >&2; exit 1; }
say() { printf '%-46s %s\n' "$1" "$2"; }
ENVIRONMENTS=${HISHEL_ENVIRONMENTS:-$WORK/environments}

# What httpx sends by itself, and so has to be sent for it: the answers vary by it.
ACCEPT=(-H 'Accept-Encoding: gzip, deflate')

urls() { # NAME: a dozen addresses of this name, of all sizes
    for size in 0 1 100 5000 16384 70000 131072 300000; do echo "$URL/bytes/$size?s=$1"; done
    echo "$URL/text/$1"
    echo "$URL/a%20b/$1?x=[1]&y=z%2F"
    # A native store knows this one by its WHATWG text, from which hishel's cannot be told.
    [ "$1" = moves ] || echo "$URL/%C3%A4/$1?q='%20'&r=a|b"
}

requests() { curl -s "$URL/count"; }

environment() { # VERSION EXTRAS
    PYTHON=$ENVIRONMENTS/$1/bin/python
    [ -x "$PYTHON" ] && return
    python3 -m venv "$ENVIRONMENTS/$1"
    "$PYTHON" -m pip install -q "hishel[$2]==$1" httpx requests anysqlite redis pyyaml boto3
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

# wide LABEL PYTHON_STORE ADDRESS: two hundred of ours, and Python asks nobody.
wide() {
    local label=$1 python=$2 ours=$3 before
    for i in $(seq 200); do echo "$URL/bytes/$((i * 331))?w=$label-$i"; done >list.txt
    "$BIN" warm -q "${ACCEPT[@]}" --from list.txt --backend "$ours" >/dev/null || fail "$label: warm"
    before=$(requests)
    xargs -d '\n' "$PYTHON" "$PEER" "$python" fetch <list.txt >python.txt || fail "$label: Python"
    [ "$(sort -u python.txt | wc -l)" = 200 ] || fail "$label: $(wc -l <python.txt) answers"
    [ "$(requests)" = "$before" ] || fail "$label: Python asked the origin $(($(requests) - before)) times"
    say "$label" "200 warmed here, all hits in Python"
}

# A bucket in a server of our own.
export AWS_ACCESS_KEY_ID=testak AWS_SECRET_ACCESS_KEY=testsecret AWS_EC2_METADATA_DISABLED=true
start_s3() {
    [ -z "${S3_PORT:-}" ] || return 0
    "$S3" buckets team >s3.txt &
    CHILDREN+=($!)
    until [ -s s3.txt ]; do sleep 0.05; done
    S3_STORE=$(cat s3.txt)
    S3_PORT=${S3_STORE##*:}
    S3_PORT=${S3_PORT%%[!0-9]*}
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
    start_s3
    for form in json yaml pickle; do
        exchange "0.1.5-s3-$form" "s3:$S3_PORT/of-$form-:$form" "$S3_STORE&prefix=of-$form-&layout=hishel-0&serializer=$form"
    done
    wide 0.1.5-file "file:$WORK/wide:json" "file:wide?layout=hishel-0"
    hammer 0.1.5-sqlite "sqlite:$WORK/sjson.db:json" "sqlite:sjson.db"
    hammer 0.1.5-redis "redis:$WORK/rjson/redis.sock:json" "redis+unix://$WORK/rjson/redis.sock?layout=hishel-0"
}

one() {
    environment 1.4.0 httpx,redis
    exchange 1.4.0-sqlite "sqlite:$WORK/one.db" "sqlite:one.db"
    redis_for one
    exchange 1.4.0-redis "redis:$WORK/rone/redis.sock" "redis+unix://$WORK/rone/redis.sock?layout=hishel-1"
    exchange 1.4.0-requests "sqlite:$WORK/oner.db:requests" "sqlite:oner.db?layout=hishel-1&client=requests"
    wide 1.4.0-sqlite "sqlite:$WORK/wide1.db" "sqlite:wide1.db?layout=hishel-1"
    hammer 1.4.0-redis "redis:$WORK/rone/redis.sock" "redis+unix://$WORK/rone/redis.sock?layout=hishel-1"
    hammer 1.4.0-sqlite "sqlite:$WORK/one.db" "sqlite:one.db"
}

two() {
    environment 2.0.0 httpx,redis
    exchange 2.0.0-sqlite-rfc "sqlite:$WORK/two.db:rfc" "sqlite:two.db"
    exchange 2.0.0-sqlite-plain "sqlite:$WORK/twop.db:plain" "sqlite:twop.db"
    redis_for two
    exchange 2.0.0-redis "redis:$WORK/rtwo/redis.sock:rfc" "redis+unix://$WORK/rtwo/redis.sock?layout=hishel-2&rfc=true"
    exchange 2.0.0-requests "sqlite:$WORK/twor.db:requests" "sqlite:twor.db?layout=hishel-2&client=requests"
    wide 2.0.0-sqlite "sqlite:$WORK/wide2.db:rfc" "sqlite:wide2.db?layout=hishel-2&rfc=true"
    wide 2.0.0-redis "redis:$WORK/rtwo/redis.sock:rfc" "redis+unix://$WORK/rtwo/redis.sock?layout=hishel-2&rfc=true"
    hammer 2.0.0-redis "redis:$WORK/rtwo/redis.sock:rfc" "redis+unix://$WORK/rtwo/redis.sock?layout=hishel-2&rfc=true"
    hammer 2.0.0-sqlite "sqlite:$WORK/two.db:rfc" "sqlite:two.db"
}

# Stores of all generations on all backends: label, version, what Python calls it, our address.
# PLACE stands for a fresh place.
STORES='
native        -      -                         file:PLACE
0.x-file      0.1.5  file:WORK/PLACE:json      file:PLACE?layout=hishel-0&serializer=json
0.x-sqlite    0.1.5  sqlite:WORK/PLACE:pickle  sqlite:PLACE?layout=hishel-0&serializer=pickle
0.x-redis     0.1.5  redis:WORK/rPLACE/redis.sock:yaml  redis+unix://WORK/rPLACE/redis.sock?layout=hishel-0&serializer=yaml
0.x-s3        0.1.5  s3:PORT/PLACE-:json       S3&prefix=PLACE-&layout=hishel-0&serializer=json
1.x-sqlite    1.4.0  sqlite:WORK/PLACE         sqlite:PLACE?layout=hishel-1
1.x-redis     1.4.0  redis:WORK/rPLACE/redis.sock  redis+unix://WORK/rPLACE/redis.sock?layout=hishel-1
2.x-sqlite    2.0.0  sqlite:WORK/PLACE:rfc     sqlite:PLACE?layout=hishel-2&rfc=true
2.x-plain     2.0.0  sqlite:WORK/PLACE:plain   sqlite:PLACE?layout=hishel-2
2.x-redis     2.0.0  redis:WORK/rPLACE/redis.sock:rfc  redis+unix://WORK/rPLACE/redis.sock?layout=hishel-2&rfc=true
'

# store LABEL PLACE: sets VERSION, THEIRS and OURS.
store() {
    read -r _ VERSION THEIRS OURS <<<"$(grep "^$1 " <<<"$STORES")"
    THEIRS=${THEIRS//PLACE/$2} OURS=${OURS//PLACE/$2}
    THEIRS=${THEIRS//WORK/$WORK} OURS=${OURS//WORK/$WORK}
    THEIRS=${THEIRS//PORT/$S3_PORT} OURS=${OURS/#S3/$S3_STORE}
    [[ $1 != *redis ]] || redis_for "$2"
}

# move FROM TO PLACE: all entries of one store into another; Python finds every one there.
move() {
    local from=$OURS before
    store "$2" "$3"
    "$BIN" migrate -q "$from" "$OURS" >moved.txt 2>&1 || fail "$1 to $2: $(tail -1 moved.txt)"
    [ "$("$BIN" list --keys --backend "$OURS" | wc -l)" = "$COUNT" ] || fail "$1 to $2: entries are missing"
    if [ "$VERSION" = - ]; then
        our_sums "$OURS" moves >sums.txt
    else
        PYTHON=$ENVIRONMENTS/$VERSION/bin/python
        before=$(requests)
        python_sums "$THEIRS" moves >sums.txt
        [ "$(requests)" = "$before" ] || fail "$1 to $2: Python asked the origin $(($(requests) - before)) times"
    fi
    cmp -s home.txt sums.txt || fail "$1 to $2: bodies differ"
    MOVES=$((MOVES + 1))
}

moves() {
    environment 0.1.5 yaml,redis
    environment 1.4.0 httpx,redis
    environment 2.0.0 httpx,redis
    start_s3
    local labels from to
    labels=$(awk 'NF { print $1 }' <<<"$STORES")
    urls moves >list.txt
    "$BIN" warm -q "${ACCEPT[@]}" --from list.txt --backend file:home >/dev/null
    our_sums file:home moves >home.txt
    COUNT=$(wc -l <home.txt) MOVES=0
    if [ "${HISHEL_MOVES:-ring}" = all ]; then
        for from in $labels; do
            store native home
            move native "$from" "from-$from"
            local address=$OURS
            for to in $labels; do
                OURS=$address
                [ "$from" = "$to" ] || move "$from" "$to" "$from-$to"
            done
        done
    else
        # Round and back at the native one.
        store native home
        from=native
        for to in ${labels#native} native; do
            move "$from" "$to" "ring-$to"
            from=$to
        done
    fi
    say moves "$MOVES moves of $COUNT entries, every one found by hishel at its end"
}

# Three generations in the folder where each puts its cache: each store sees and touches its own.
together() {
    environment 0.1.5 yaml,redis
    environment 1.4.0 httpx,redis
    environment 2.0.0 httpx,redis
    local here=$WORK/.cache/hishel row other count before
    local rows=(
        "0.1.5 file:$here:json file:$here"
        "1.4.0 sqlite:$here/hishel_cache.db sqlite:$here/hishel_cache.db"
        "2.0.0 sqlite:$here/hishel_cache_v2.db:rfc sqlite:$here/hishel_cache_v2.db"
    )
    look() { # what the other generations have, as their own clients see it
        for other in "${rows[@]}"; do
            [ "$other" != "$1" ] || continue
            read -r VERSION THEIRS OURS <<<"$other"
            PYTHON=$ENVIRONMENTS/$VERSION/bin/python
            python_sums "$THEIRS" "t$VERSION" | sed "s/^/$VERSION /"
        done
    }
    mkdir -p "$here"
    look none >all.txt
    count=$(urls x | wc -l)
    for row in "${rows[@]}"; do
        look "$row" >others.txt
        before=$(requests)
        read -r VERSION THEIRS OURS <<<"$row"
        [ "$("$BIN" list --keys --backend "$OURS" | wc -l)" = "$count" ] || fail "$VERSION: it does not list its own"
        "$BIN" verify -q --backend "$OURS" >/dev/null || fail "$VERSION: there is damage"
        "$BIN" migrate -q "$OURS" "file:from-$VERSION" >/dev/null || fail "$VERSION: migrate"
        "$BIN" verify -q --repair --yes --backend "$OURS" >/dev/null || fail "$VERSION: repair"
        "$BIN" gc -q --corrupt --yes --backend "$OURS" >/dev/null || fail "$VERSION: gc"
        "$BIN" purge -q --all --yes --backend "$OURS" >/dev/null || fail "$VERSION: purge"
        [ -z "$("$BIN" list --keys --backend "$OURS" 2>/dev/null)" ] || fail "$VERSION: something is left"
        look "$row" | cmp -s - others.txt || fail "$VERSION: the others have changed"
        [ "$(requests)" = "$before" ] || fail "$VERSION: the others lost entries"
        # An empty folder has to be told what it shall be.
        [[ "$OURS" != file:* ]] || OURS="$OURS?layout=hishel-0"
        "$BIN" migrate -q "file:from-$VERSION" "$OURS" >/dev/null || fail "$VERSION: back"
    done
    look none | cmp -s - all.txt || fail "not the same in the end"
    [ ! -e cachectl-quarantine ] || fail "something was taken for damage"
    say together "three generations in one folder, each sees and touches its own"
}

# Values that mean harm: damage in under a second and 64 MiB, and nothing is run.
hostile() {
    environment 0.1.5 yaml,redis
    local number wanted name code seconds kib slowest=0 largest=0 most=1
    # A test build is slower, and its machine busy.
    [ "$PROFILE" != debug ] || most=10
    "$PYTHON" "$HOSTILE" hostile "$WORK/harmed" >hostile.txt
    while read -r number wanted name; do
        code=0
        command time -q -f '%e %M' -o spent.txt timeout 60 \
            "$BIN" verify -q --backend "file:hostile/$number?layout=hishel-0" >told.txt 2>&1 || code=$?
        read -r seconds kib <spent.txt
        [ $code = "$wanted" ] || fail "harmful, $name: exit $code: $(tail -1 told.txt)"
        [ "${seconds%.*}" -lt "$most" ] && [ "$kib" -lt 65536 ] || fail "harmful, $name: $seconds s, $kib KiB"
        [ ! -e harmed ] || fail "harmful, $name: it ran"
        slowest=$(printf '%s\n' "$slowest" "$seconds" | sort -g | tail -1)
        largest=$((kib > largest ? kib : largest))
    done <hostile.txt
    say hostile "$(wc -l <hostile.txt) harmful values, at most $slowest s and $largest KiB, nothing ran"
}

for part in ${@:-0 1 2 together moves hostile}; do
    case $part in hostile) hostile ;; together) together ;; 0) zero ;; 1) one ;; 2) two ;; moves) moves ;; *) fail "no generation $part" ;; esac
done
