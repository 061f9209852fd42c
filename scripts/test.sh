#!/bin/sh
# Runs all tests. What they need and the machine lacks is installed, or named.
set -eu
cd "$(dirname "$0")/.."

missing=
has() { command -v "$1" >/dev/null 2>&1; }
has "${CACHECTL_TEST_REDIS_SERVER:-redis-server}" || has valkey-server || missing=redis-server
has jq || missing="$missing jq"
if [ -n "$missing" ]; then
    install="apt-get install -y --no-install-recommends $missing"
    if [ "$(id -u)" = 0 ]; then
        (apt-get update -q && $install) >/dev/null
    elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
        (sudo apt-get update -q && sudo $install) >/dev/null
    else
        echo "the tests need a Redis server and jq: sudo $install" >&2
        exit 1
    fi
fi

if command -v cargo-nextest >/dev/null 2>&1; then
    cargo nextest run --features full "$@"
    cargo test --features full --doc
else
    cargo test --features full "$@"
fi
