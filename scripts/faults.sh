#!/usr/bin/env bash
# What users and attackers of caches have met, tried from outside: one line each. Needs
# redis-server, python3, strace and the release binary; as root also other users and a full disk.
#
#   scripts/faults.sh              all
#   scripts/faults.sh WORD…        those whose name has one of the words
set -uo pipefail
cd "$(dirname "$0")/.."
set -e
ROOT=$PWD
. scripts/workplace.sh
set +e
export AWS_ACCESS_KEY_ID=testak AWS_SECRET_ACCESS_KEY=testsecret AWS_EC2_METADATA_DISABLED=true
C="$BIN --no-config"
WANTED=("$@")
FAILED=0
TRIED=0
CODE=0

# check NAME FUNCTION: in an empty folder; the function says what is wrong, or nothing.
check() {
    local wanted=$# word said
    if [ ${#WANTED[@]} -gt 0 ]; then
        wanted=0
        for word in "${WANTED[@]}"; do [[ "$1" == *"$word"* ]] && wanted=1; done
    fi
    [ "$wanted" != 0 ] || return 0
    TRIED=$((TRIED + 1))
    said=$(mkdir "$WORK/case" && cd "$WORK/case" && HOME=$WORK/case && $2 2>&1)
    if [ -z "$said" ]; then
        printf 'ok      %s\n' "$1"
    elif [ "${said#skipped}" != "$said" ]; then
        printf 'skipped %s: %s\n' "$1" "${said#skipped }"
    else
        printf 'FAILED  %s: %s\n' "$1" "$said"
        FAILED=$((FAILED + 1))
    fi
    umount "$WORK/case/small" 2>/dev/null
    rm -rf "$WORK/case"
}

# ends CODE COMMAND…: runs it; complains about another exit code. Output in out.txt and err.txt.
ends() {
    local want=$1
    shift
    timeout -s KILL 60 "$@" >out.txt 2>err.txt </dev/null
    CODE=$?
    [ $CODE = "$want" ] || echo "exit $CODE instead of $want: $* ($(head -c 300 err.txt | tr '\n' ' '))"
}
says() { grep -qF -- "$1" out.txt err.txt || echo "does not say «$1»: $(head -c 300 err.txt | tr '\n' ' ')"; }
says_not() { ! grep -qF -- "$1" out.txt err.txt || echo "says «$1»"; }
holds() { local n; n=$($C list --columns url --backend "$1" 2>/dev/null | wc -l); [ "$n" = "$2" ] || echo "$1 holds $n entries instead of $2"; }
fill() { local i; for i in $(seq "${2:-30}"); do echo "$URL/bytes/$((i % 5 == 0 ? 40000 : i * 20))?n=$i"; done >urls.txt; $C warm -q --from urls.txt --backend "$1" >/dev/null || echo "cannot fill $1"; }

# origin FILE…: serves these bytes, each to one who connects and the last one to all others, in
# one packet; its URL in SERVED, what it was asked in asked.txt.
origin() {
    rm -f served.txt
    python3 - "$@" >served.txt 2>asked.txt <<'P' &
import socket, sys
s = socket.create_server(("127.0.0.1", 0))
print(f"http://127.0.0.1:{s.getsockname()[1]}", flush=True)
files = sys.argv[1:]
while True:
    c, _ = s.accept()
    asked = c.recv(65536)
    if not asked:
        continue
    print(asked.decode("latin-1").replace("\r\n", " | "), file=sys.stderr, flush=True)
    c.sendall(open(files.pop(0) if len(files) > 1 else files[0], "rb").read())
    c.close()
P
    SERVED_PID=$!
    until [ -s served.txt ]; do sleep 0.02; done
    SERVED=$(cat served.txt)
}

FRESH='Cache-Control: max-age=3600\r\nConnection: close\r\n'

# answers MESSAGE…: an origin that gives these, written as printf writes them.
answers() {
    local n=0 files=()
    for message in "$@"; do
        n=$((n + 1))
        printf "$message" >"message$n"
        files+=("message$n")
    done
    origin "${files[@]}"
    U=$SERVED/x
}
ok() { echo "HTTP/1.1 200 OK\r\n${FRESH}${2:-}Content-Length: ${#1}\r\n\r\n$1"; }
# gets BODY VERDICT OPTIONS…: what comes, and by which decision.
gets() {
    local body=$1 verdict=$2
    shift 2
    ends 0 $C get -w ' %{cache}' "$@" "$U"
    [ "$(cat out.txt)" = "$body $verdict" ] || echo "«$(cat out.txt)» instead of «$body $verdict»: $*"
}
# recording CONTENT [RESPONSE_FIELDS] [REQUEST_FIELDS] [TIME]: a HAR of http://h.example/x.
recording() {
    printf '{"log":{"version":"1.2","creator":{"name":"x","version":"1"},"entries":[{"startedDateTime":"%s","time":1,"request":{"method":"GET","url":"http://h.example/x","headers":[%s]},"response":{"status":200,"statusText":"OK","headers":[{"name":"Cache-Control","value":"max-age=999999999"}%s],"content":%s}}]}}' \
        "${4:-2026-01-01T00:00:00Z}" "${3:-}" "${2:-}" "$1"
}

REDIS_PORT=$(python3 -c 'import socket; s=socket.create_server(("127.0.0.1",0)); print(s.getsockname()[1])')
redis-server --port "$REDIS_PORT" --bind 127.0.0.1 -::1 --save '' --dir "$WORK" >"$WORK/redis.log" &
CHILDREN+=($!)
REDIS=redis://127.0.0.1:$REDIS_PORT
until redis-cli -p "$REDIS_PORT" ping >/dev/null 2>&1; do sleep 0.05; done
"$S3" "$WORK/buckets" team >"$WORK/s3.txt" &
CHILDREN+=($!)
until [ -s "$WORK/s3.txt" ]; do sleep 0.05; done
BUCKET=$(cat "$WORK/s3.txt")

# One store under two names.
same_names() {
    fill sqlite:t.db
    for other in 'sqlite:t.db?table=cache' sqlite:./t.db; do ends 2 $C migrate --move --yes sqlite:t.db "$other"; says "are one store"; done
    holds sqlite:t.db 30
    fill file:d
    ends 2 $C migrate --move --yes file:d 'file:d?layout=native'
    ends 2 $C migrate --mirror --yes file:d "file:$PWD/d"
    holds file:d 30
    redis-cli -p "$REDIS_PORT" flushall >/dev/null
    fill "$REDIS/2"
    ends 2 $C migrate --move --yes "redis://localhost:$REDIS_PORT/2" "$REDIS/2"
    ends 2 $C diff "redis://localhost:$REDIS_PORT/2" "$REDIS/2?namespace=hishel"
    holds "$REDIS/2" 30
    fill "$BUCKET&prefix=same/" 5
    ends 2 $C migrate --move --yes "$BUCKET&prefix=same/" "${BUCKET/127.0.0.1/localhost}&prefix=same/"
    holds "$BUCKET&prefix=same/" 5
}
mounted_twice() {
    [ "$(id -u)" = 0 ] || { echo "skipped only root can mount"; return; }
    fill file:d
    mkdir small && mount --bind d small || { echo "skipped no right to mount"; return; }
    ends 2 $C migrate --move --yes file:d file:small
    umount small
    holds file:d 30
}

# A record names any file as its body.
foreign_body() {
    local url="$URL/bytes/40000?n=b"
    $C get -q -o /dev/null --backend file:s "$url"
    $C get -q -o /dev/null --backend file:s "$URL/bytes/10?n=good"
    head -c 40000 /dev/zero | tr '\0' p >v.txt
    python3 - "$PWD/v.txt" <<'P' || return
import glob, json, sys
try:
    import xxhash
except ImportError:
    import subprocess
    pip = [sys.executable, "-m", "pip", "install", "-q", "--break-system-packages", "xxhash"]
    subprocess.check_call(pip, stderr=subprocess.DEVNULL)
    import xxhash
for f in glob.glob("s/entries/*/*"):
    b = open(f, "rb").read()
    n = b.index(b"\n")
    j = json.loads(b[:n])
    for e in j["entries"]:
        if "in" in e["body"]:
            e["body"] = {"in": sys.argv[1], "bytes": 40000}
    c = ('"entries":' + json.dumps(j["entries"], separators=(",", ":")) + "}").encode()
    head = b'{"cachectl":1,"xxh3":"' + xxhash.xxh3_64(c).hexdigest().encode() + b'",'
    open(f, "wb").write(head + c + b"\n" + b[n + 1:])
P
    $C body --backend file:s "$url" >out.txt 2>err.txt && echo "the file outside is printed"
    says_not ppp
    ends 1 $C verify --backend file:s
    $C purge --backend file:s "$url" >/dev/null 2>&1
    $C verify --repair --yes --backend file:s >/dev/null 2>&1
    [ "$(wc -c <v.txt)" = 40000 ] || echo "the file outside is gone"
    ends 0 $C get --offline -o /dev/null --backend file:s "$URL/bytes/10?n=good"
}

# A cloned repository.
clone_reads_files() {
    mkdir -p p/.git
    python3 -c '
import socket
s = socket.create_server(("127.0.0.1", 0)); s.settimeout(5)
print(s.getsockname()[1], flush=True)
try:
    c, _ = s.accept(); print("CONNECTED", flush=True)
except TimeoutError:
    pass' >port.txt &
    local waiting=$!
    until [ -s port.txt ]; do sleep 0.02; done
    local port
    port=$(head -1 port.txt)
    cd p || return
    echo "backend = \"redis://127.0.0.1:$port/0?password_file=/etc/passwd\"" >.cachectl.toml
    ends 2 "$BIN" list
    says "may not name"
    printf '[backends.x]\naddress = "redis://127.0.0.1:%s/0"\npassword_file = "/etc/passwd"\n' "$port" >.cachectl.toml
    ends 2 "$BIN" list --backend x
    printf '[http]\nheaders = { "X-A" = "b" }\n' >.cachectl.toml
    ends 2 "$BIN" get "$URL/bytes/1"
    echo 'backend = "file:../outside"' >.cachectl.toml
    ends 2 "$BIN" get "$URL/bytes/1"
    [ ! -e ../outside ] || echo "a store was made outside"
    wait $waiting
    ! grep -q CONNECTED ../port.txt || echo "somebody was connected to"
}

# What a move removes is on the disk first.
order_of_calls() {
    command -v strace >/dev/null || { echo "strace is missing: apt-get install strace"; return; }
    local to calls=fsync,fdatasync,syncfs,unlink,unlinkat,renameat,renameat2,rename
    for to in sqlite:new.db file:new 'sqlite:h.db?layout=hishel-2' 'file:h0?layout=hishel-0'; do
        rm -rf a
        fill file:a
        strace -f -y -o calls.txt -e trace=$calls "$BIN" --no-config migrate -q --move --yes file:a "$to" >/dev/null 2>&1 || echo "$to: the move fails"
        python3 - "$to" <<'P'
import re, sys
synced = removed = False
own = set()
for line in open("calls.txt"):
    if re.search(r"\b(fsync|fdatasync|syncfs)\(", line) and "/a/" not in line:
        synced = True
    # What it put there itself, to see whether the stores are one.
    if tried := re.search(r'\brename\w*\(.*/a/.*"(\w+)"\)', line):
        own.add(tried[1])
    if (gone := re.search(r'\bunlinkat\(.*/a/.*"([\w.]+)"', line)) and gone[1] not in own:
        removed = True
        if not synced:
            print(f"{sys.argv[1]}: removed before anything was synced: {line.strip()[:120]}")
            break
if not removed:
    print(f"{sys.argv[1]}: nothing was removed")
P
    done
}

# A run that is cut off says nothing about the next one.
begun_before() {
    local how
    "$FILL" sqlite:big.db 4000 >/dev/null
    for how in deleted elsewhere; do
        rm -rf d e
        $C migrate -q sqlite:big.db file:d --include-expired >/dev/null 2>&1 &
        sleep 0.1
        kill -INT $! && wait $!
        case $how in
        deleted) rm -rf d ;;
        elsewhere) mkdir e && "$FILL" "sqlite:e/big.db" 300 >/dev/null ;;
        esac
        if [ $how = elsewhere ]; then
            (cd e && ends 0 $C migrate sqlite:big.db file:d --include-expired && ends 0 $C diff sqlite:big.db file:d)
        else
            ends 0 $C migrate sqlite:big.db file:d --include-expired
            ends 0 $C diff sqlite:big.db file:d
        fi
    done
}
moved_again() {
    "$FILL" file:a 4000 >/dev/null
    local to wait
    for to in sqlite:b.db file:b; do
        rm -rf a1 && cp -r a a1
        for wait in 0.05 0.2 0.5; do
            $C migrate -q --move --yes file:a1 $to --include-expired >/dev/null 2>&1 &
            sleep $wait
            kill -INT $! 2>/dev/null
            wait $!
        done
        ends 0 $C migrate --move --yes file:a1 $to --include-expired
        holds file:a1 0
        ends 0 $C diff file:a $to
    done
}

# A writer that was killed in the middle.
hot_journal() {
    fill 'sqlite:h.db?layout=hishel-2'
    python3 - <<'P'
import sqlite3, shutil
c = sqlite3.connect("h.db", isolation_level=None)
c.execute("PRAGMA cache_size = 1"); c.execute("PRAGMA cache_spill = 1")
c.execute("BEGIN IMMEDIATE")
c.execute("DELETE FROM streams")
c.execute("CREATE TABLE x AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 999) SELECT randomblob(4000) FROM n")
shutil.copy("h.db", "left.db"); shutil.copy("h.db-journal", "left.db-journal")
P
    ends 0 $C list --backend 'sqlite:left.db?readonly=true'
    [ "$(wc -l <out.txt)" = 30 ] || echo "$(wc -l <out.txt) entries are read"
    [ -e left.db-journal ] || echo "reading has changed something"
    ends 0 $C verify --backend sqlite:left.db
    ends 0 $C get -o /dev/null --backend sqlite:left.db "$URL/bytes/77?n=new"
    holds sqlite:left.db 31
}

# What cannot be read is not none.
unread_is_not_none() {
    fill file:a
    cp -r a b
    : >"$(find b/entries -type f | head -1)"
    ends 5 $C diff file:a file:b
    cp -r a c
    : >"$(find c/entries -type f | head -1)"
    rm "$(find c/entries -type f -size +0 | tail -1)"
    ends 1 $C diff file:a file:c
}
quarantine() {
    local size
    for size in 30000 1000000; do
        rm -rf s q
        $C get -q -o /dev/null --backend file:s "$URL/bytes/$size?n=q"
        printf X | dd of="$(find s/bodies -type f)" bs=1 seek=5 conv=notrunc status=none
        ends 0 $C verify --repair --yes --quarantine q --backend file:s
        [ "$(find q -name '*.body' -size "${size}c" | wc -l)" = 1 ] || echo "not all $size bytes are saved: $(ls -l q)"
    done
}
one_packet() {
    printf 'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi' >r
    origin r
    ends 0 $C get "$SERVED/"
    says hi
    kill $SERVED_PID
}
no_answer() {
    local message
    for message in 'HTTP/1.1 302 Found\r\nLocation: file:///etc/passwd\r\nContent-Length: 5\r\n\r\nmoved' \
        'HTTP/1.1 304 Not Modified\r\n\r\n' 'HTTP/1.1 101 Switching\r\n\r\n' \
        'HTTP/1.1 302 Found\r\nLocation: http://[::1\r\nContent-Length: 0\r\n\r\n'; do
        printf "$message" >r
        echo precious >keep.txt
        rm -f served.txt
        origin r
        ends 6 $C get -o keep.txt "$SERVED/"
        [ "$(cat keep.txt)" = precious ] || echo "the file was overwritten: $message"
        kill $SERVED_PID
    done
}
one_among_many() {
    fill file:s
    local record
    record=$(find s/entries -type f | head -1)
    rm "$record"
    mkdir "$record"
    ends 5 $C list --backend file:s
    [ "$(grep -c http out.txt)" = 29 ] || echo "$(grep -c http out.txt) are listed"
    ends 5 $C migrate file:s file:t
    ends 5 $C purge --all --yes --backend file:s
    holds file:s 1
    [ -d "$record" ] || echo "the folder is gone"
    redis-cli -p "$REDIS_PORT" flushall >/dev/null
    fill "$REDIS"
    local name last
    last=$($C list --keys --limit 1 --backend "$REDIS" --where "query = 'n=30'")
    name=$(redis-cli -p "$REDIS_PORT" keys 'hishel:{*}' | grep -v -e :.*: -e "$last" | head -1)
    [ -n "$last" ] && [ -n "$name" ] || echo "there are no records"
    redis-cli -p "$REDIS_PORT" del "$name" >/dev/null
    redis-cli -p "$REDIS_PORT" set "$name" x >/dev/null
    $C gc --corrupt --yes --backend "$REDIS" >/dev/null 2>err.txt
    [ $? -le 5 ] && ! grep -q WRONGTYPE err.txt || echo "gc ends at it: $(cat err.txt)"
    ends 0 $C get --offline -o /dev/null --backend "$REDIS" "$(tail -1 urls.txt)"
}
fifo() {
    fill file:s
    local record what
    record=$(find s/entries -type f | head -1)
    rm "$record"
    mkfifo "$record"
    for what in list verify stats 'inspect --key *' 'gc --corrupt --yes' 'purge --all --yes'; do
        timeout -s KILL 10 $C $what --backend file:s >/dev/null 2>&1
        [ $? -lt 10 ] || echo "$what does not end"
    done
    rm s/cachectl.json
    mkfifo s/cachectl.json
    timeout -s KILL 10 $C list --backend file:s >/dev/null 2>&1
    [ $? -lt 10 ] || echo "list does not end"
}
keys_in_lines() {
    python3 - "$URL" <<'P' >x.ndjson
import json, sys
def line(key, url):
    print(json.dumps({"key": key, "variant": "", "created_at": "2026-01-01T00:00:00Z", "request": {"method": "GET", "url": url, "headers": []},
        "response": {"status": 200, "headers": [["Cache-Control", "max-age=99999999"]], "body_bytes": 2, "body_base64": "b2s="}}))
print('{"cachectl_archive":1,"created_at":"2026-01-01T00:00:00Z","source":"x","redacted":false}')
line("first-key", "https://good.example/")
line("junkjunk\nfirst-key", "https://evil.example/")
print('{"end":true,"entries":2,"body_bytes":4}')
P
    ends 0 $C import x.ndjson --backend file:s
    $C list --host evil.example --keys --backend file:s | xargs -d '\n' $C purge --ignore-missing --backend file:s >/dev/null 2>&1
    $C list --columns url --backend file:s | grep -q good.example || echo "somebody else's entry is gone"
    printf 'a\033]52;c;eA==\007b' >esc
    $C list --keys --backend file:s | grep -q "$(printf '\033')" && echo "an escape is printed"
    $C list --host '*' --keys -0 --backend file:s | xargs -0 $C purge --backend file:s >/dev/null 2>&1
    holds file:s 0
}
passwords() {
    fill file:a 2
    ends 3 $C diff file:a "redis://u:SECRET@127.0.0.1:1/0"
    says_not SECRET
    ends 2 $C list --backend 'redis://:SE/CRET@h:x/'
    says_not CRET
    ends 2 $C list --backend 'u:SECRET@h'
    says_not SECRET
}
memory() {
    fill file:s 2
    local what
    for what in "list --keys-from /dev/zero" "get -H @/dev/zero $URL/bytes/1" "list --config /dev/zero"; do
        command time -f %M -o peak timeout -s KILL 20 "$BIN" $what --backend file:s >/dev/null 2>&1
        [ "$(tail -1 peak)" -le 65536 ] || echo "$what takes $(tail -1 peak) KiB"
        ! grep -q 'signal 9' peak || echo "$what does not end"
    done
    python3 -c '
print("{\"log\":{\"entries\":[{\"startedDateTime\":\"2026-01-01T00:00:00Z\",\"request\":{\"method\":\"GET\",\"url\":\"http://e.org/" + "x" * 30000000 + "\"}}]}}")' >url.har
    python3 -c '
print("{\"log\":{\"entries\":[{\"startedDateTime\":\"2026-01-01T00:00:00Z\",\"request\":{\"method\":\"GET\",\"url\":\"http://e.org/\",\"headers\":[]},\"response\":{\"status\":200,\"headers\":[{\"name\":\"Cache-Control\",\"value\":\"max-age=60\"}],\"content\":{\"size\":1,\"text\":\"" + "x" * 300000000 + "\"}}}]}}")' >text.har
    for what in url text; do
        command time -f %M -o peak timeout -s KILL 60 $C import $what.har --backend file:h >/dev/null 2>err.txt
        [ "$(tail -1 peak)" -le 65536 ] || echo "$what.har takes $(tail -1 peak) KiB"
        [ "$(wc -c <err.txt)" -lt 10000 ] || echo "$what.har: a message of $(wc -c <err.txt) bytes"
    done
}
stored_lines() {
    python3 - <<'P' >x.har
import json
print(json.dumps({"log": {"entries": [{"startedDateTime": "2026-01-01T00:00:00Z", "request": {"method": "GET", "url": "http://e.org/", "headers": []},
  "response": {"status": 200, "statusText": "OK\r\nX-Split: 1", "headers": [{"name": "Cache-Control", "value": "max-age=99999999"}], "content": {"size": 2, "text": "ok"}}}]}}))
P
    $C import x.har --backend file:s >/dev/null 2>&1
    $C get -i --offline --backend file:s http://e.org/ >out.txt 2>/dev/null
    ! grep -q '^X-Split' out.txt || echo "a line of its own"
}
long_wait() { fill sqlite:x.db 2; ends 0 $C list --backend 'sqlite:x.db?busy_timeout=25d'; ends 0 $C list --backend 'sqlite:x.db?busy_timeout=9999w'; }
convert_beside_purge() {
    "$FILL" file:s 3000 >/dev/null
    $C purge --all --yes --backend file:s >/dev/null 2>&1 &
    $C convert --to bincode --backend file:s >out.txt 2>err.txt
    local code=$?
    wait
    [ $code = 0 ] || [ $code = 4 ] || echo "exit $code: $(head -2 err.txt)"
    says_not "does not come back"
}
broken_coding() {
    python3 -c '
import gzip, sys
b = gzip.compress(b"x" * 100000)[:50]
sys.stdout.buffer.write(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nCache-Control: max-age=60\r\nContent-Length: %d\r\n\r\n" % len(b) + b)' >r
    origin r
    ends 6 $C get --compressed -o /dev/null --backend file:s "$SERVED/"
    holds file:s 0
    kill $SERVED_PID
}
private_files() {
    echo "$URL/bytes/10?token=SECRET" >urls.txt
    ends 0 $C warm --from urls.txt --lock l.txt --backend file:s
    ! grep -q SECRET l.txt || echo "the token stands in the lock file"
    [ "$(stat -c %a l.txt)" = 600 ] || echo "the lock file has the mode $(stat -c %a l.txt)"
    [ -z "$(find . -name '*checkpoint*' -o -path '*/state/*' -type f | head -1)" ] || echo "there are checkpoints"
}
small_things() {
    python3 - <<'P' >x.ndjson
import json
line = lambda **more: print(json.dumps({"key": "k", "variant": "", "created_at": "2026-01-01T00:00:00Z", "request": {"method": "GET", "url": "https://e.org/", "headers": []},
        "response": {"status": 200, "headers": [], "body_bytes": 2, "body_base64": "b2s="}, **more}))
print('{"cachectl_archive":1,"created_at":"2026-01-01T00:00:00Z","source":"x","redacted":false}')
line(key=""); line(created_at="9999-01-01T00:00:00Z"); line(created_at="-9999-01-01T00:00:00Z")
line(request={"method": "", "url": "https://e.org/", "headers": []}); line(request={"method": "GET", "url": "", "headers": []})
P
    ends 5 $C import x.ndjson --backend file:s
    says_not "warning:  "
    holds file:s 0
    ends 2 $C get --ttl 9999999999999w --backend file:s "$URL/bytes/1"
    echo '{"log":{"entries":[],"entries":[]},"log":{"entries":[]}}' >twice.har
    ends 5 $C import twice.har --backend file:s
    python3 -c '
import sqlite3
c = sqlite3.connect("v.db")
c.executescript("""CREATE TABLE cache_meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID; INSERT INTO cache_meta VALUES ("layout", 1);
CREATE VIEW cache AS WITH RECURSIVE n(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n) SELECT id FROM n""")'
    ends 3 $C list --backend sqlite:v.db
    fill sqlite:t.db
    sqlite3 t.db "CREATE TRIGGER no BEFORE DELETE ON cache WHEN old.id > 15 BEGIN SELECT raise(IGNORE); END" 2>/dev/null
    ends 0 $C purge --all --yes --backend sqlite:t.db
    holds sqlite:t.db 0
}

# Three generations of hishel in one folder.
generations() {
    mkdir -p .cache/hishel
    cp "$ROOT"/tests/fixtures/hishel-0.1.5/file-json/cache/* "$ROOT"/tests/fixtures/hishel-1.4.0/sqlite-msgpack/*.db \
        "$ROOT"/tests/fixtures/hishel-2.0.0/sqlite-msgpack-rfc/*.db .cache/hishel/ 2>/dev/null
    echo notes >.cache/hishel/notes.txt
    local sum
    sum=$(cat .cache/hishel/*.db .cache/hishel/notes.txt | sha256sum)
    for what in list verify 'gc --corrupt --yes' 'verify --repair --yes' 'purge --all --yes'; do
        ends 0 $C $what --backend file:.cache/hishel
        [ "$(cat .cache/hishel/*.db .cache/hishel/notes.txt | sha256sum)" = "$sum" ] || echo "$what changes what is not its own"
    done
}

# Further ones.
selection_behind_damage() {
    mkdir h && cp "$ROOT"/tests/fixtures/hishel-0.1.5/file-json/cache/* h/
    local torn all
    all=$($C list --backend file:h | wc -l)
    torn=$(grep -l '"response"' h/* | head -1)
    head -c 200 "$torn" >t && mv t "$torn"
    ends 5 $C inspect --key '*' --json --backend file:h
    [ "$(grep -c '"location"' out.txt)" = $((all - 1)) ] || echo "inspect shows $(grep -c '"location"' out.txt) of $((all - 1))"
    $C migrate file:h file:n >/dev/null 2>&1
    ends 5 $C diff file:h file:n
    ends 5 $C export --as archive -o a.ndjson --backend file:h
    says "1 of $all"
}
line_without_variant() {
    python3 - <<'P' >x.ndjson
import json
print('{"cachectl_archive":1,"created_at":"2026-01-01T00:00:00Z","source":"x","redacted":false}')
for language in ("de", "en"):
    print(json.dumps({"key": "0" * 32, "created_at": "2026-01-01T00:00:00Z", "request": {"method": "GET", "url": "https://e.org/", "headers": [["Accept-Language", language]]},
        "response": {"status": 200, "headers": [["Vary", "Accept-Language"], ["Cache-Control", "max-age=99999999"]], "body_base64": "b2s="}}))
print('{"end":true,"entries":2,"body_bytes":4}')
P
    ends 0 $C import x.ndjson --backend file:s
    holds file:s 2
    ends 0 $C get --offline -H 'Accept-Language: en' --backend file:s https://e.org/
}
urls_and_habits() {
    fill file:s 3
    local url
    url=$(head -1 urls.txt)
    ends 0 $C inspect "${url/http:/HTTP:}" --backend file:s
    ends 0 $C body " $url" --backend file:s
    ends 0 $C explain "${url/http:/HTTP:}" --backend file:s
    ends 0 $C explain "${url/127.0.0.1/localhost}" --backend file:s
    says closest
    ends 0 $C list --readonly --backend file:s
    $C export -q --as archive -o a.ndjson --backend file:s
    ends 0 $C import -y a.ndjson --backend file:t
    ends 7 $C import --readonly a.ndjson --backend file:t
    CACHECTL_BACKEND=nosuch ends 2 $C list
    says CACHECTL_BACKEND
}
leftovers_beyond_ten_thousand() {
    fill sqlite:s.db 2
    sqlite3 s.db "WITH RECURSIVE n(i) AS (SELECT 100 UNION ALL SELECT i + 1 FROM n WHERE i < 25099) INSERT INTO cache_record SELECT i, x'00' FROM n"
    ends 1 $C verify --backend sqlite:s.db
    says 25000
    ends 0 $C gc --yes --backend sqlite:s.db
    [ "$(sqlite3 s.db 'SELECT count(*) FROM cache_record')" = 2 ] || echo "$(sqlite3 s.db 'SELECT count(*) FROM cache_record') records are left"
}

# Another user, and a full disk.
other_user() {
    [ "$(id -u)" = 0 ] || { echo "skipped only root can be somebody else"; return; }
    local d
    d=$(mktemp -d)
    chmod 777 "$d"
    cp "$BIN" "$d/cachectl"
    as() { local user=$1; shift; su "$user" -s /bin/sh -c "cd $d; HOME=$d $*"; }
    as daemon "./cachectl get -q -o /dev/null $URL/bytes/500?n=1 --backend sqlite:c.db; chmod 644 c.db"
    ls -l "$d" | grep -v total >before
    as nobody "./cachectl list --columns url --backend 'sqlite:c.db?readonly=true'" >out.txt 2>err.txt || echo "list fails: $(cat err.txt)"
    as nobody "./cachectl verify --backend sqlite:c.db" >/dev/null 2>err.txt || echo "verify fails: $(cat err.txt)"
    ls -l "$d" | grep -v total >after
    cmp -s before after || echo "something has appeared: $(diff before after)"
    as daemon "./cachectl purge -q $URL/bytes/500?n=1 --backend sqlite:c.db" >/dev/null 2>err.txt || echo "the owner is kept out: $(cat err.txt)"
    rm -rf "$d"
}
full_disk() {
    [ "$(id -u)" = 0 ] || { echo "skipped only root can mount"; return; }
    mkdir small && mount -t tmpfs -o size=8m tmpfs small || { echo "skipped no right to mount"; return; }
    local store
    for store in sqlite:small/c.db file:small/c; do
        rm -rf small/*
        for i in $(seq 12); do $C get -q -o /dev/null "$URL/bytes/1000000?n=$i" --backend $store 2>/dev/null || break; done
        dd if=/dev/zero of=small/full bs=4k status=none 2>/dev/null
        ends 0 $C gc --max-entries 2 --yes --backend $store
        holds $store 2
        ends 0 $C purge --all --yes --backend $store
        holds $store 0
        ends 0 $C verify --backend $store
    done
}

# A status without a body leaves the file alone.
own_condition() {
    answers "$(ok DATA 'ETag: "a"\r\n')"
    ends 0 $C get -o f "$U"
    ends 0 $C get -o f -H 'If-None-Match: "a"' "$U"
    [ "$(cat f)" = DATA ] || echo "the file holds «$(cat f)»"
}
one_request_only() {
    answers "HTTP/1.1 416 No\r\n${FRESH}Content-Range: bytes */4\r\nContent-Length: 4\r\n\r\nnope" "$(ok DATA)"
    $C get -H 'Range: bytes=4-' "$U" >out.txt 2>&1
    gets DATA miss
    kill $SERVED_PID
    answers "$(ok DATA 'ETag: "a"\r\n')" "HTTP/1.1 429 Slow\r\nRetry-After: 9\r\nConnection: close\r\nContent-Length: 4\r\n\r\nslow"
    $C get "$U" >out.txt 2>&1
    $C get --revalidate "$U" >out.txt 2>&1
    gets DATA hit --offline
}
chosen_host() {
    answers "$(ok A)" "$(ok B)"
    gets A miss -H 'Host: a.example'
    gets B miss -H 'Host: b.example'
    gets A hit -H 'Host: a.example'
}
no_contents() {
    recording '{"mimeType":"application/json"}' ',{"name":"Content-Length","value":"12345"}' >t.har
    ends 5 $C import t.har
    recording '{"comment":"Response bodies are not included."}' >t.har
    ends 5 $C import t.har
    ends 4 $C get --offline http://h.example/x
}
whose_recording() {
    recording '{"size":6,"text":"SECRET"}' '' '{"name":"Authorization","value":"Bearer t"}' >t.har
    ends 0 $C import t.har
    ends 4 $C get --offline http://h.example/x
    says_not SECRET
    U=http://h.example/x
    gets SECRET hit --offline -H 'Authorization: Bearer t'
}
odd_recordings() {
    recording '{"size":2,"text":"ok"}' ',{"name":"X","value":null}' '' 2026-01-01T01:00:00.000+0100 >t.har
    ends 0 $C import t.har
    $C list --columns created >out.txt
    says 2026-01-01T00:00:00
}
foreign_archive() {
    answers "$(ok ok)"
    ends 0 $C get -o f "$U" --backend 'sqlite:h.db?layout=hishel-2'
    ends 0 $C export -o a.ndjson --backend sqlite:h.db
    ends 0 $C import a.ndjson --backend file:n
    holds file:n 1
}
many_fields() {
    local fields
    fields=$(seq 500 | sed 's/.*/X-H&: v\\r\\n/' | tr -d '\n')
    answers "$(ok ok "$fields")"
    gets ok miss
    kill $SERVED_PID
    answers "HTTP/1.1 200 OK\r\n${FRESH}X-Long: one\r\n  two\r\nContent-Length: 2\r\n\r\nok"
    ends 0 $C get -i "$U"
    says "X-Long: one two"
}
forced_errors() {
    answers "HTTP/1.1 503 Down\r\nConnection: close\r\nContent-Length: 4\r\n\r\ndown" "$(ok up)"
    ends 22 $C get --force-cache --ttl 1h "$U"
    gets up miss
}
long_names() {
    answers "$(ok ok)"
    local name
    name=$(printf 'n%.0s' $(seq 250))
    ends 0 $C get -o "$name" "$U"
    [ -s "$name" ] || echo "there is no file"
}
exact_ages() {
    answers "$(ok old)" "$(ok new)"
    gets old miss
    gets new miss -H 'Cache-Control: max-age=0'
}
lost_framing() {
    answers "HTTP/1.1 200 OK\r\n${FRESH}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"
    ends 0 $C get -o f "$U"
    ends 0 $C get -i "$U"
    says_not "Content-Length: 3"
    ends 2 $C get -H 'Content-Length: 5' "$U"
    ends 0 $C get -X POST "$U"
    ! grep -qi transfer-encoding asked.txt || echo "a request without a body is chunked"
}
unknown_grammar() {
    answers "$(ok 3co 'Vary: X-Columns\r\n')" "$(ok 2co 'Vary: X-Columns\r\n')"
    gets 3co miss -H 'X-Columns: a,,b'
    gets 2co miss -H 'X-Columns: a,b'
}
circles() {
    answers "HTTP/1.1 301 Moved\r\n${FRESH}Location: /y\r\nContent-Length: 0\r\n\r\n" "HTTP/1.1 200 OK\r\nCache-Control: no-store\r\nConnection: close\r\nContent-Length: 1\r\n\r\nB" \
        "HTTP/1.1 301 Moved\r\n${FRESH}Location: /x\r\nContent-Length: 0\r\n\r\n" "$(ok A)"
    ends 0 $C get "$U"
    ends 0 $C get "$U"
    says A
}
everybodys() {
    answers "$(ok old)" "$(ok new)"
    gets old miss -H 'Authorization: Bearer t'
    ends 0 $C purge "$U"
    holds file 0
    gets new miss -H 'Authorization: Bearer t'
}
coded_for_others() {
    printf hello | gzip >hello.gz
    printf 'HTTP/1.1 200 OK\r\n'"$FRESH"'Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n' "$(wc -c <hello.gz)" | cat - hello.gz >r
    origin r
    U=$SERVED/x
    gets hello miss --compressed
    gets hello hit
}
lists() {
    echo page >page
    printf '\377\376' >u16
    printf '%s/bytes/3   # the start\r\n' "$URL" | iconv -t UTF-16LE >>u16
    ends 0 $C warm --from u16 --backend file:s
    echo "$URL/bytes/3 two" >bad
    ends 5 $C warm --from bad --backend file:s
    says "line 1"
    holds file:s 1
    printf '\357\273\277%s/bytes/3\r\n' "$URL" >k
    ends 0 $C list --keys-from k --backend file:s
    $C list --keys -0 --backend file:s >k
    ends 0 $C list --keys-from k --backend file:s
}
sitemaps() {
    cat >s.xml <<X
<urlset><url><loc>$URL/bytes/1</loc><image:title>caf&eacute; & Rock</image:title></url><url><loc>$URL/bytes/2</loc></url></urlset>
X
    ends 0 $C warm --from s.xml --backend file:s
    holds file:s 2
}
outputs() {
    fill file:s 30
    : >out.txt
    for args in "list" "list --json" "inspect --key * --json" "stats" "explain $URL/x" "config show" "completions bash"; do
        set -f
        timeout 20 $C $args --backend file:s >/dev/full 2>err.txt </dev/null
        local code=$?
        [[ "$args" = config* || "$args" = completions* ]] || [ $code = 8 ] || echo "exit $code on a full device: $args"
        says_not "bug"
        set +f
    done
    { timeout 20 $C list --json --backend file:s; echo $? >code; } 2>err.txt | head -c 1 >/dev/null
    [ "$(cat code)" = 0 ] || echo "exit $(cat code) into a closed pipe"
}
nothing_selected() {
    fill file:s 3
    ends 2 $C purge --url-regex '' --yes --backend file:s
    holds file:s 3
    CACHECTL_TTL= ends 0 $C get -o f --backend file:s "$URL/bytes/1"
    CACHECTL_TTL=x ends 2 $C get -o f --backend file:s "$URL/bytes/1"
    says CACHECTL_TTL
    RUST_LOG=cachectl=verbose ends 2 $C list --backend file:s
    says RUST_LOG
}
networks() {
    http_proxy=http://127.0.0.1:1 NO_PROXY=127.0.0.0/8 ends 0 $C get -o f --backend file:s "$URL/bytes/1"
}

check "a store under another name is not moved onto itself" same_names
check "a store that is mounted twice is not moved onto itself" mounted_twice
check "a record names no file of others as its body" foreign_body
check "a cloned repository reads no file and sends to no host" clone_reads_files
check "a move removes what is on the disk elsewhere" order_of_calls
check "a run that was cut off does not speak for the next" begun_before
check "a move that was cut off ends as one run" moved_again
check "a killed writer's database can be read and written" hot_journal
check "what cannot be read is not none for diff" unread_is_not_none
check "the quarantine has every byte" quarantine
check "an interim response in the packet of the final one" one_packet
check "what is no answer is no success" no_answer
check "one unreadable piece does not end the work" one_among_many
check "pipes in a store are not waited for" fifo
check "keys are lines, and raw only with -0" keys_in_lines
check "passwords that were typed are not echoed" passwords
check "endless lists, headers and recordings" memory
check "stored line ends stay in their line" stored_lines
check "a wait beyond what SQLite can count" long_wait
check "what goes while it is converted is gone, not damaged" convert_beside_purge
check "a broken coding is the origin's fault" broken_coding
check "lock files are private and hold no token" private_files
check "empty and future entries, doubled members, views, triggers" small_things
check "three generations in one folder" generations
check "a selection goes on behind damage" selection_behind_damage
check "an archive line without variant and length" line_without_variant
check "URLs as they are typed, flags everywhere, variables by name" urls_and_habits
check "leftovers beyond ten thousand" leftovers_beyond_ten_thousand
check "another user reads and leaves nothing behind" other_user
check "a full disk can be cleaned" full_disk
check "a status without a body leaves the file alone" own_condition
check "what answers one request is not stored, and touches nothing" one_request_only
check "the Host field is part of the URL" chosen_host
check "a recording without contents is left out" no_contents
check "a recording with credentials is for those" whose_recording
check "times and nulls as recorders write them" odd_recordings
check "an archive of hishel's is taken in" foreign_archive
check "many fields, and folded ones" many_fields
check "failures are not kept by force" forced_errors
check "file names as long as names can be" long_names
check "an age is not rounded down" exact_ages
check "framing that has lost, or is the caller's" lost_framing
check "fields of unknown grammar are compared as they are" unknown_grammar
check "a circle that only the cache has" circles
check "a URL means everybody's entries" everybodys
check "gzip for who asked for it" coded_for_others
check "lists with marks, comments, UTF-16 and NULs" lists
check "sitemaps with entities where nobody needs them" sitemaps
check "a full device, a closed pipe" outputs
check "an empty pattern selects nothing, a value names its variable" nothing_selected
check "NO_PROXY with networks" networks
echo "$((TRIED - FAILED)) of $TRIED"
[ $FAILED = 0 ]
