#!/usr/bin/env bash
# From nothing to documents: installs what is missing, builds, archives the records in fixtures/records, runs the filters
# over them, and shows what came out. Run it again, and nothing is done twice. The store is tahoe.db, or the path given.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

case "${1:-}" in
    '') path="$root/tahoe.db" ;;
    /*) path=$1 ;;
    *) path="$caller/$1" ;;
esac
store="sqlite:$path"

need_host_toolchain
need_guest_toolchain
build_runtime
build_filters

say "archiving the records in fixtures/records"
for kind in cowrie sighting; do
    "$runtime" ingest "fixtures/records/$kind.jsonl" --sub-type "$kind" --orgid example-org --received-at 1767225600 --store "$store"
done

for feed in openphish_feed.txt phishtank_feed.json; do
    "$runtime" ingest "fixtures/records/$feed" --sub-type "${feed%.*}" --orgid other-org --received-at 1767225600 --store "$store"
done

say "running the filters"
"$runtime" --filters filters/*.wasm --store "$store" --once

say "one of the events, as a tree"
event=$("$runtime" export --itype event --sub-type file_download --store "$store" | sed -n '1s/.*"_hash":"\([0-9a-f]*\)".*/\1/p')
"$runtime" show "$event" --store "$store"

say "a URL that a honeypot and two feeds saw"
"$runtime" show http://malware.example/bins/x86 --store "$store"

documents=$("$runtime" export --store "$store" | wc -l)
say "$documents documents in $store; look at them with: $runtime export --store $store"
