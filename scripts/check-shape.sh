#!/usr/bin/env bash
# What a reader relies on when looking for something: short files, one door per dangerous thing, one way for imports.
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

problems=0
problem() {
    printf 'shape: %s\n' "$*" >&2
    problems=1
}

while read -r lines file; do
    [ "$file" = total ] || [ "$lines" -le 400 ] || problem "$file has $lines lines, at most 400"
done < <(git ls-files -z '*.rs' '*.sh' '*.wit' | xargs -0 wc -l)

# rustfmt does not break comments. Tables and quoted text are as long as they are.
while IFS=: read -r file line _; do
    problem "$file:$line is wider than 130 columns"
done < <(git grep -nE '^ *//.{130,}' -- '*.rs' '*.wit' | grep -vE '//[/!]? *\||https?:' || true)

# Each of these has one place.
for door in 'Store::new(:runtime/src/sandbox/call.rs' 'Engine::new(:runtime/src/sandbox/engine.rs' 'Linker::new(:runtime/src/sandbox/v0_1_0.rs'; do
    pattern=${door%%:runtime*} place=runtime${door#*:runtime}
    found=$(git grep -lF "$pattern" -- 'runtime/src/*.rs' | tr '\n' ' ')
    [ "$found" = "$place " ] || problem "$pattern belongs in $place, found in: $found"
done

# Modules of the host, and what each may use of the others.
declare -A may_use=(
    [json]="" [tahoe]="json" [answer]="bounded descriptor json limits tahoe" [descriptor]="tahoe" [verdict]="answer bounded limits" [bounded]=""
    [sandbox]="answer descriptor limits tahoe verdict" [store]="descriptor json tahoe verdict answer limits"
    [worker]="answer descriptor limits sandbox tahoe verdict" [pipeline]="answer descriptor sandbox store tahoe terminal verdict worker" [ingest]="descriptor json store tahoe terminal" [limits]="" [terminal]="" [exit]="" [file]=""
    [lock]="file limits tahoe terminal worker" [cli]="author config ingest worker verdict" [config]="file store" [author]="file"
    # The suite goes the whole way.
    [fixture]="file ingest json limits pipeline sandbox store tahoe usage verdict worker" [usage]="answer limits tahoe verdict"
    [selftest]="answer descriptor limits pipeline sandbox store tahoe verdict worker"
)
for module in "${!may_use[@]}"; do
    files=(runtime/src/"$module".rs runtime/src/"$module"/)
    # Links in documentation may point anywhere.
    for used in $(git grep -hE 'crate::' -- "${files[@]}" | grep -vE '^ *//' | grep -oE '\bcrate::[a-z_]+' | sort -u | sed 's/crate:://'); do
        [ "$used" = "$module" ] || [[ " ${may_use[$module]} " == *" $used "* ]] || problem "$module must not use $used"
    done
done

# What the README names is there.
for path in $(grep -oE '`(docs|scripts|wit|filters|fixtures|tests|runtime)/[A-Za-z0-9_./-]*`' README.md | tr -d '`' | grep -v '\.wasm$'); do
    [ -e "$path" ] || problem "README.md names $path, which is not there"
done

exit "$problems"
