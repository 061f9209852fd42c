# Sourced by scripts that run the release binary against the example origin: builds both,
# and sets BIN, ORIGIN, S3, FILL, WORK (an empty folder, which is the home folder too) and URL.
# Everything is gone when the script ends; what it started besides goes into CHILDREN.
cargo build --release --quiet --bin cachectl --example origin --example s3 --example fill
BIN=$PWD/target/release/cachectl
ORIGIN=$PWD/target/release/examples/origin
S3=$PWD/target/release/examples/s3
FILL=$PWD/target/release/examples/fill
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
