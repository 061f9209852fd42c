#!/usr/bin/env bash
# The contract's cases against servers that the tests do not start by themselves: Redis over
# TLS, a Redis Cluster of three nodes, Valkey, and the S3 gateway of Ceph.
#
#   scripts/conformance.sh            all of them
#   scripts/conformance.sh redis      TLS and cluster; Valkey where valkey-server is found
#   scripts/conformance.sh count      how many cases each store is tried with; runs none
#   scripts/conformance.sh ceph       needs: apt-get install radosgw ceph-mon ceph-osd
#
# CACHECTL_TEST_VALKEY names a valkey-server that is not in the path.
set -euo pipefail
cd "$(dirname "$0")/.."
ROOT=$PWD
WORK=$(mktemp -d)
PIDS=()
finish() {
    [ ${#PIDS[@]} -eq 0 ] || kill "${PIDS[@]}" 2>/dev/null || true
    wait 2>/dev/null || true
    rm -rf "$WORK"
}
trap finish EXIT
say() { printf '\n== %s\n' "$*"; }
need() { command -v "$1" >/dev/null || { echo "needs $1: apt-get install $2" >&2; exit 1; }; }

# cases PREFIX: the cases of the fixtures whose names begin so.
cases() {
    if command -v cargo-nextest >/dev/null; then
        cargo nextest run --features full --status-level fail -E "test(/conformance::$1/)"
    else
        cargo test --quiet --features full --test it "conformance::$1"
    fi
}

# How many cases there are for each store. None is passed by looking away: a store is given the
# groups of cases that apply to it, and a test holds those against what it says it can do.
count() {
    cargo test --quiet --features full --test it -- --list 2>/dev/null |
        awk -F:: '/^conformance::/ && NF > 3 { n[$2]++ }
            END { for (store in n) printf "%-24s %d\n", store, n[store] }' | sort
}

# A miss and then a hit in a second process, by the program itself.
miss_then_hit() {
    local backend=$1 bin=$ROOT/target/debug/cachectl url verdicts
    cargo build --quiet --bin cachectl --example origin
    "$ROOT/target/debug/examples/origin" 0 >"$WORK/origin.txt" &
    local origin=$!
    until [ -s "$WORK/origin.txt" ]; do sleep 0.05; done
    url=$(cat "$WORK/origin.txt")/bytes/70000
    verdicts=$("$bin" get -q -o /dev/null -w '%{cache} ' --backend "$backend" "$url")
    verdicts+=$("$bin" get -q -o /dev/null -w '%{cache}' --backend "$backend" "$url")
    kill $origin
    : >"$WORK/origin.txt"
    [ "$verdicts" = "miss hit" ] || { echo "FAILED: $backend says: $verdicts" >&2; exit 1; }
    echo "get: $verdicts"
}

# await COMMAND…: until it succeeds, for half a minute at most.
await() {
    for _ in $(seq 300); do
        if "$@" >/dev/null 2>&1; then return; fi
        sleep 0.1
    done
    echo "FAILED: not ready: $*" >&2
    exit 1
}

redis_tls() {
    need redis-server redis-server
    need openssl openssl
    local d=$WORK/tls port=17443
    mkdir "$d"
    (
        cd "$d"
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 \
            -keyout ca.key -out ca.crt -subj "/CN=conformance authority"
        openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes \
            -keyout server.key -out server.csr -subj "/CN=localhost"
        printf 'subjectAltName=DNS:localhost,IP:127.0.0.1\n' >ext
        openssl x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 \
            -extfile ext -out server.crt
    ) >"$d/openssl.log" 2>&1
    redis-server --port 0 --tls-port $port --tls-cert-file "$d/server.crt" \
        --tls-key-file "$d/server.key" --tls-ca-cert-file "$d/ca.crt" --tls-auth-clients no \
        --save '' --dir "$d" >"$d/log" &
    PIDS+=($!)
    await redis-cli --tls --cacert "$d/ca.crt" -h localhost -p $port ping
    export CACHECTL_TEST_REDIS="rediss://localhost:$port?ca=$d/ca.crt"
    say "Redis over TLS"
    cases redis
    miss_then_hit "$CACHECTL_TEST_REDIS"
}

redis_cluster() {
    need redis-server redis-server
    local ports=(17001 17002 17003) port nodes=()
    for port in "${ports[@]}"; do
        mkdir "$WORK/$port"
        redis-server --port "$port" --cluster-enabled yes --save '' --dir "$WORK/$port" \
            >"$WORK/$port/log" &
        PIDS+=($!)
        nodes+=("127.0.0.1:$port")
        await redis-cli -p "$port" ping
    done
    redis-cli --cluster create "${nodes[@]}" --cluster-replicas 0 --cluster-yes >"$WORK/cluster.log"
    for port in "${ports[@]}"; do
        await sh -c "redis-cli -p $port cluster info | grep -q cluster_state:ok"
    done
    export CACHECTL_TEST_REDIS="redis://${nodes[0]},${nodes[1]}?cluster=true"
    say "Redis Cluster of three nodes"
    cases redis
    miss_then_hit "$CACHECTL_TEST_REDIS"
}

valkey() {
    unset CACHECTL_TEST_REDIS
    local server
    server=${CACHECTL_TEST_VALKEY:-$(command -v valkey-server || true)}
    if [ -z "$server" ]; then
        say "Valkey: skipped, there is no valkey-server here"
        return
    fi
    say "Valkey: $("$server" --version | head -1)"
    CACHECTL_TEST_REDIS_SERVER=$server cases redis
}

# One monitor, one store in memory, one gateway; no manager is needed.
ceph_gateway() {
    for program in radosgw ceph-mon ceph-osd; do need $program "radosgw ceph-mon ceph-osd"; done
    local d=$WORK/ceph mon=26790 rgw=23918 id osd conf
    mkdir -p "$d"/{mon/a,osd/0,rgw,log,run}
    id=$(cat /proc/sys/kernel/random/uuid)
    osd=$(cat /proc/sys/kernel/random/uuid)
    conf=$d/ceph.conf
    {
        echo "[global]"
        echo "fsid = $id"
        echo "mon_host = v2:127.0.0.1:$mon"
        printf '%s = 127.0.0.1\n' public_addr cluster_addr
        printf 'auth_%s_required = none\n' cluster service client
        # The gateway's default wants a handshake that needs keys.
        echo "ms_mon_client_mode = crc"
        printf 'osd_pool_default_%s = 1\n' size min_size pg_num pgp_num
        echo "osd_pool_default_pg_autoscale_mode = off"
        echo "osd_crush_chooseleaf_type = 0"
        echo "mon_allow_pool_size_one = true"
        echo "mon_max_pg_per_osd = 1000"
        echo "osd_objectstore = memstore"
        echo "memstore_device_bytes = 2147483648"
        echo "run_dir = $d/run"
        echo "log_file = $d/log/\$name.log"
        echo "admin_socket = $d/run/\$name.\$pid.asok"
        printf '[mon]\nmon_data = %s/mon/$id\n' "$d"
        printf '[osd]\nosd_data = %s/osd/$id\n' "$d"
        printf '[client.rgw]\nrgw_data = %s/rgw\n' "$d"
        echo "rgw_frontends = beast endpoint=127.0.0.1:$rgw"
    } >"$conf"
    monmaptool --create --addv a "[v2:127.0.0.1:$mon]" --fsid "$id" "$d/monmap" >/dev/null
    ceph-mon -c "$conf" --mkfs -i a --monmap "$d/monmap" --no-mon-config
    ceph-mon -c "$conf" -i a -f --no-mon-config >"$d/log/mon.out" 2>&1 &
    PIDS+=($!)
    ceph -c "$conf" osd new "$osd" >/dev/null
    ceph-osd -c "$conf" -i 0 --mkfs --osd-uuid "$osd" --no-mon-config >/dev/null 2>&1
    ceph-osd -c "$conf" -i 0 -f --no-mon-config >"$d/log/osd.out" 2>&1 &
    PIDS+=($!)
    radosgw-admin -c "$conf" user create --uid t --display-name t \
        --access-key testak --secret-key testsecret >/dev/null 2>&1
    radosgw -c "$conf" -n client.rgw -f >"$d/log/rgw.out" 2>&1 &
    PIDS+=($!)
    await curl -sf "http://127.0.0.1:$rgw/"
    export AWS_ACCESS_KEY_ID=testak AWS_SECRET_ACCESS_KEY=testsecret
    export AWS_EC2_METADATA_DISABLED=true AWS_REGION=us-east-1
    export CACHECTL_TEST_S3="s3://conformance?endpoint=http://127.0.0.1:$rgw"
    say "S3 gateway of Ceph"
    cases s3
    miss_then_hit "$CACHECTL_TEST_S3"
    say "twenty first stores of one key at once"
    first_stores "$CACHECTL_TEST_S3"
}

# Twenty processes store one URL that nobody stored before: one whole entry is left.
first_stores() {
    local backend=$1 bin=$ROOT/target/debug/cachectl url pids=() i
    "$ROOT/target/debug/examples/origin" 0 >"$WORK/origin.txt" &
    local origin=$!
    until [ -s "$WORK/origin.txt" ]; do sleep 0.05; done
    url=$(cat "$WORK/origin.txt")/bytes/50000
    for i in $(seq 20); do
        "$bin" get -qq -o "$WORK/first.$i" --backend "$backend" "$url" &
        pids+=($!)
    done
    for i in "${pids[@]}"; do wait "$i" || { echo "FAILED: exit $? of a store" >&2; exit 1; }; done
    [ "$("$bin" list --backend "$backend" | grep -c "$url")" = 1 ] || { echo "FAILED: not one entry" >&2; exit 1; }
    "$bin" get -q --offline --backend "$backend" "$url" | cmp - "$WORK/first.1"
    kill $origin
    : >"$WORK/origin.txt"
    echo "one whole entry"
}

# The library's example with its defaults: Redis at its usual port, a bucket by the chain.
defaults() {
    local d=$WORK/defaults
    mkdir "$d"
    if redis-cli -p 6379 ping >/dev/null 2>&1; then
        say "Defaults: skipped, somebody's Redis is at its usual port"
        return
    fi
    say "Defaults"
    redis-server --port 6379 --save '' --dir "$d" >"$d/log" &
    PIDS+=($!)
    await redis-cli ping
    cargo build --quiet --example s3 --example stores
    "$ROOT/target/debug/examples/s3" "$d/buckets" mine --port 17900 >"$d/s3.log" &
    PIDS+=($!)
    await curl -s http://127.0.0.1:17900/
    AWS_ACCESS_KEY_ID=testak AWS_SECRET_ACCESS_KEY=testsecret AWS_REGION=us-east-1 \
        AWS_ENDPOINT_URL=http://127.0.0.1:17900 "$ROOT/target/debug/examples/stores" mine
    miss_then_hit redis
}

case ${1:-all} in
count) count ;;
redis) redis_tls; redis_cluster; valkey; defaults ;;
ceph) ceph_gateway ;;
all) redis_tls; redis_cluster; valkey; defaults; ceph_gateway ;;
*) echo "count, redis, ceph, or nothing for all" >&2; exit 2 ;;
esac
