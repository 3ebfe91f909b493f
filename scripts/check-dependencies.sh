#!/usr/bin/env bash
# Licences, sources and bans of dependencies with cargo-deny, installed if missing. Known vulnerabilities too, where the database can be
# fetched: DENY_ADVISORIES=1.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

need_host_toolchain
if ! command -v cargo-deny >/dev/null; then
    say "installing with cargo: cargo-deny"
    cargo install cargo-deny --locked --quiet
fi
checks=(bans licenses sources)
[ "${DENY_ADVISORIES:-0}" = 0 ] || checks+=(advisories)
cargo deny --all-features check --hide-inclusion-graph --show-stats "${checks[@]}"
