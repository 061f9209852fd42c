#!/bin/sh
# The bans of deny.toml that need no tool and no download: crates that must not be in the
# tree, and one provider of TLS only.
set -eu
cd "$(dirname "$0")/.."
sed -n 's/^ *{ name = "\([^"]*\)".*# banned$/\1/p' deny.toml | while read -r name; do
    if cargo tree --locked --all-features --target all -e normal,build -i "$name" >/dev/null 2>&1; then
        echo "the crate $name must not be in the tree:" >&2
        cargo tree --locked --all-features --target all -e normal,build -i "$name" >&2
        exit 1
    fi
    echo "not in the tree: $name"
done
