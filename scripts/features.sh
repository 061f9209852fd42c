#!/bin/sh
# Each cargo feature alone, none, and all of them must build without a warning.
#   scripts/features.sh         every set
#   scripts/features.sh few     the telling ones, as CI does
set -eu
cd "$(dirname "$0")/.."
export RUSTFLAGS="${RUSTFLAGS:-} -D warnings"
# Warnings are denied, so the crates below are checked in a folder of their own.
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-target}/features"

check() {
    echo "features: ${*:-none}"
    cargo check --quiet --lib --no-default-features --features "$*"
}

if [ "${1:-}" = few ]; then
    check
    check sqlite
    check file,fetch
    check redis,yaml
    check s3
    check interchange
    check foreign
    exit
fi
check
for feature in file sqlite redis redis-cluster s3 yaml bincode fetch foreign interchange; do
    check "$feature"
done
check file,sqlite,fetch
echo "features: cli"
cargo check --quiet --no-default-features --features cli
echo "features: full"
cargo check --quiet --all-targets
