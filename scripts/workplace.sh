# Sourced by scripts that run the release binary against the example origin: builds both,
# and sets BIN, ORIGIN, S3, FILL, WORK (an empty folder, which is the home folder too) and URL.
# Everything is gone when the script ends; what it started besides goes into CHILDREN.
# The examples bring dependencies that make more of the program's own; so it is built alone.
# WORKPLACE_PROFILE=debug takes what the tests have built, for scripts that measure nothing.
PROFILE=${WORKPLACE_PROFILE:-release}
OPTIONS=$([ "$PROFILE" = debug ] || echo --release)
cargo build $OPTIONS --quiet --example origin --example s3 --example fill
cargo build $OPTIONS --quiet --bin cachectl
BUILT=$PWD/target/$PROFILE
BIN=$BUILT/cachectl
ORIGIN=$BUILT/examples/origin
S3=$BUILT/examples/s3
FILL=$BUILT/examples/fill
WORK=$(mktemp -d)
CHILDREN=()
leave() {
    kill "${CHILDREN[@]}" 2>/dev/null || true
    # A server that was restarted meanwhile has another number.
    pkill -f "$WORK/" 2>/dev/null || true
    rm -rf "$WORK"
}
trap leave EXIT
cd "$WORK"
export HOME=$WORK
"$ORIGIN" 0 >origin.txt &
CHILDREN+=($!)
until [ -s origin.txt ]; do sleep 0.05; done
URL=$(cat origin.txt)

# ratio NAME GOAL ANCHOR COMMAND [RUNS]: both in each of ROUNDS rounds, medians of RUNS runs.
ratio() {
    local name=$1 goal=$2 anchor=$3 command=$4 runs=${5:-$RUNS} round
    : >ratios.txt
    for round in $(seq "$ROUNDS"); do
        hyperfine -N -i -w 2 -r "$runs" --export-json round.json "$anchor" "$command" >/dev/null 2>&1
        python3 -c "
import json
a, b = json.load(open('round.json'))['results']
print(b['median'] / a['median'], a['median'] * 1000, b['median'] * 1000)" >>ratios.txt
    done
    python3 -c "
import statistics
rows = [list(map(float, line.split())) for line in open('ratios.txt')]
ratio, a, b = (statistics.median(column) for column in zip(*rows))
verdict = 'met' if ratio <= $goal else 'MISSED'
print(f'{\"$name\":42} {ratio:6.2f}x  goal {$goal}x  {verdict:7} {b:9.2f} ms against {a:9.2f} ms')"
}
