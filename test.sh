#!/usr/bin/env bash
# Everything that is checked before a change lands: formatting, lints, documentation, tests and documentation tests.
# The release profile throughout, so that dependencies are compiled once for runs and tests.
set -euo pipefail
cd "$(dirname "$0")"
step() { printf '\n== %s\n' "$*"; "$@"; }
step cargo fmt --all --check
step cargo test --release --workspace --lib --bins --tests --locked
step cargo test --release --workspace --doc --locked
step cargo clippy --release --workspace --all-targets --locked -- -D warnings
RUSTDOCFLAGS="-D warnings" step cargo doc --release --workspace --no-deps --locked
