#!/usr/bin/env bash
# Sharing caches with Python: what real hishel has written is read here, and what is written
# here is a hit there, so that the origin is not asked. Needs python3 with venv, and the
# package index.
#
#   scripts/hishel.sh                 every generation
#   scripts/hishel.sh 0|1|2
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

zero() {
    environment 0.1.5 yaml,redis
    local form
    for form in json yaml pickle; do
        exchange "0.1.5-file-$form" "file:$WORK/f$form:$form" "file:f$form?layout=hishel-0&serializer=$form"
        exchange "0.1.5-sqlite-$form" "sqlite:$WORK/s$form.db:$form" "sqlite:s$form.db?layout=hishel-0&serializer=$form"
    done
}

one() {
    environment 1.4.0 httpx,redis
    exchange 1.4.0-sqlite "sqlite:$WORK/one.db" "sqlite:one.db"
}

two() {
    environment 2.0.0 httpx,redis
    exchange 2.0.0-sqlite-rfc "sqlite:$WORK/two.db:rfc" "sqlite:two.db"
    exchange 2.0.0-sqlite-plain "sqlite:$WORK/twop.db:plain" "sqlite:twop.db"
}

for part in ${@:-0 1 2}; do
    case $part in 0) zero ;; 1) one ;; 2) two ;; *) fail "no generation $part" ;; esac
done
