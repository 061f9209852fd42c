#!/usr/bin/env bash
# Changes what other clients' caches hold, for so many seconds with each decoder, two at a time:
# whatever comes out has to be an entry or damage. One value is kept for each new answer; it
# belongs to the corpus that every test run tries again.
#
#   scripts/fuzz.sh [SECONDS]     600 unless told
set -euo pipefail
cd "$(dirname "$0")/.."
export CACHECTL_FUZZ_SECONDS=${1:-600}
export CACHECTL_FUZZ_SEED=${CACHECTL_FUZZ_SEED:-$(date +%s)}
export CACHECTL_FUZZ_KEEP=${CACHECTL_FUZZ_KEEP:-$PWD/tests/fixtures/corpus/hishel}
export TMPDIR=${TMPDIR:-$([ -d /dev/shm ] && echo /dev/shm || echo /tmp)}
echo "seed $CACHECTL_FUZZ_SEED"
cargo test --features full --test it mutated_ -- --nocapture --test-threads 2
