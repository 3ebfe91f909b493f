#!/usr/bin/env bash
# Speed, as ratios from one run on this machine: what each step of a record's way costs, the sandbox against the same filter
# compiled natively, polls and records in archives of different sizes, and the whole way through the binary. Figures of two
# machines, or of a busy one, say nothing.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

records=${1:-50000}

need_host_toolchain
need_guest_toolchain
build_runtime
build_filters

say "machine: $(nproc) cores, $(sed -n 's/^model name.*: //p' /proc/cpuinfo | head -n 1), Linux $(uname -r), load $(cut -d ' ' -f 1 /proc/loadavg)"
say "$("$runtime" --version), $(rustc --version)"

say "step by step"
cargo bench --quiet --locked --package tahoe-runtime --bench road

say "the same cost in every archive: figures in brackets are ratios to the first line"
cargo bench --quiet --locked --package tahoe-runtime --bench growth

say "end to end through the binary: $records records, two filters, SQLite"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
lines=$(wc -l < fixtures/records/cowrie.jsonl)
# The fixture's records again and again, each with a number of its own, in sessions of about ten.
for ((round = 0; round * lines < records; round++)); do
    sed "s/5f1c0a7be210/5f1c$(printf %08x "$round")/; s/192\.0\.2\.77/192.0.2.$((round % 200))/; s/^{/{\"uuid\": $round, /" fixtures/records/cowrie.jsonl
done | head -n "$records" > "$folder/records.jsonl"

# Field of a JSON line that has it once.
field() { sed -n "s/.*\"$1\":\([0-9]*\).*/\1/p"; }
for workers in 1 2; do
    store="sqlite:$folder/$workers.db"
    start=$(date +%s%N)
    "$runtime" ingest "$folder/records.jsonl" --sub-type cowrie --orgid bench --store "$store" > /dev/null
    ingested=$((($(date +%s%N) - start) / 1000000))
    summary=$("$runtime" --filters filters/cowrie.wasm filters/sighting.wasm --once --json --workers "$workers" --store "$store" || true)
    elapsed=$(field elapsed_ms <<< "$summary")
    printf '%s workers: %6d records/s through two filters (%d ms), %6d records/s archived, %d bytes/record in the store\n' "$workers" \
        $((records * 1000 / elapsed)) "$elapsed" $((records * 1000 / ingested)) $(($(stat -c %s "$folder/$workers.db") / records))
done
