#!/usr/bin/env bash
# Runs one fuzz target for a time, or all of them, by cargo-fuzz.
#
#   run.sh TARGET SECONDS     e.g. run.sh host_boundary 900
#   run.sh all SECONDS        each target for so long, one after another; 1 if one has a finding
#
# Without a sanitizer stable will do: TOOLCHAIN= SANITIZER=none.
#
# New inputs go to fuzz/target/corpus/TARGET, which git ignores, and are kept for the next run; fuzz/corpus/TARGET is
# read, never written. A finding is written to fuzz/artifacts/TARGET: make it a named test (README.md).
#
# Installs cargo-fuzz from crates.io where it is missing.
# Settings: CARGO_TARGET_DIR as for cargo (fuzz/target), SANITIZER (address), JOBS (1 process), TOOLCHAIN (nightly; empty
# for cargo's own), SEED (one of the system's, printed), FIGURES (a file that gets the figures of each run, a line of
# name=value words; ? seconds are those of a run that a finding ended), PROFILE (release; dev is built in a fraction of
# the time and runs slower: for CI, which asks whether targets work).
set -euo pipefail

fuzz=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
targets=$(cd "$fuzz/fuzz_targets" && ls -- *.rs | sed 's/\.rs$//')
target=${1:-}
seconds=${2:-}
if [ -z "$seconds" ] || { [ "$target" != all ] && [ ! -f "$fuzz/fuzz_targets/$target.rs" ]; }; then
    printf 'usage: run.sh TARGET SECONDS; targets: all' >&2
    printf ' %s' $targets >&2
    printf '\n' >&2
    exit 2
fi
if ! cargo fuzz --version >/dev/null 2>&1; then
    printf 'installing cargo-fuzz\n' >&2
    cargo install --locked cargo-fuzz
fi
build=${CARGO_TARGET_DIR:-$fuzz/target}
unset CARGO_TARGET_DIR
toolchain=${TOOLCHAIN-nightly}
# Neither of cargo-fuzz's flags gives a release build with debug assertions.
case ${PROFILE:-release} in
release) optimised=() ;;
dev) optimised=(--dev) ;;
*)
    printf 'PROFILE is release or dev, not %s\n' "$PROFILE" >&2
    exit 2
    ;;
esac

run() {
    local name=$1 found="$fuzz/target/corpus/$1" artifacts="$fuzz/artifacts/$1" log status=0
    local seed=${SEED:-$((RANDOM << 15 | RANDOM | 1))}
    log=$(mktemp)
    mkdir -p "$found" "$artifacts"
    local dictionary=()
    if [ -f "$fuzz/dictionaries/$name.dict" ]; then
        dictionary=("-dict=$fuzz/dictionaries/$name.dict")
    fi
    # A minute for one input and 2 GiB: what is slower or larger is a finding.
    cargo ${toolchain:+"+$toolchain"} fuzz run --fuzz-dir "$fuzz" --target-dir "$build" --features libfuzzer \
        "${optimised[@]}" --sanitizer "${SANITIZER:-address}" --jobs "${JOBS:-1}" "$name" "$found" "$fuzz/corpus/$name" -- \
        "-seed=$seed" "-max_total_time=$seconds" -timeout=60 -report_slow_units=60 -rss_limit_mb=2048 -max_len=4096 \
        -print_final_stats=1 "${dictionary[@]}" 2>&1 | tee "$log" || status=$?
    local took
    took=$(sed -n 's/^Done [0-9]* runs in \([0-9]*\) second.*/\1/p' "$log" | tail -1)
    local stat coverage
    stat() { sed -n "s/^stat::$1: *//p" "$log" | tail -1; }
    coverage() { grep -a "$1" "$log" | grep -o 'cov: [0-9]*' | tail -1 | cut -d' ' -f2; }
    # libFuzzer says so for each, also for one that it found before and whose file is there.
    local findings
    findings=$(grep -ac 'Test unit written to' "$log" || true)
    local figures="target=$name seed=$seed seconds=${took:-?} sanitizer=${SANITIZER:-address}"
    figures+=" executions=$(stat number_of_executed_units) per_second=$(stat average_exec_per_sec)"
    figures+=" coverage_before=$(coverage INITED) coverage_after=$(coverage 'cov:') new_inputs=$(stat new_units_added)"
    figures+=" peak_mib=$(stat peak_rss_mb) findings=$findings exit=$status"
    printf '%s\n' "$figures"
    if [ -n "${FIGURES:-}" ]; then
        printf '%s\n' "$figures" >>"$FIGURES"
    fi
    rm -f "$log"
    [ "$findings" = 0 ] || return 1
    return "$status"
}

if [ "$target" = all ]; then
    failed=0
    for name in $targets; do
        run "$name" || failed=1
    done
    exit "$failed"
fi
run "$target"
