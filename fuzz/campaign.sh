#!/usr/bin/env bash
# A campaign: every fuzz target for a time, with a row in fuzz/CAMPAIGNS.md for each run.
#
#   campaign.sh SECONDS               all targets, each for so long
#   campaign.sh SECONDS TARGET...     these
#
# Stopped, it goes on with the targets that it has not finished when it is started again with the same words
# (fuzz/target/campaign holds the names of those that are done). Inputs that were found stay in fuzz/target/corpus for
# the next campaign. A finding does not stop it: its row says so, and it exits with 1 at the end.
# PROCESSES (1): so many targets beside each other. The other settings are run.sh's.
set -euo pipefail

fuzz=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
seconds=${1:-}
if ! [[ $seconds =~ ^[1-9][0-9]*$ ]]; then
    printf 'usage: campaign.sh SECONDS [TARGET...]\n' >&2
    exit 2
fi
shift
if [ $# -eq 0 ]; then
    mapfile -t targets < <(cd "$fuzz/fuzz_targets" && ls -- *.rs | sed 's/\.rs$//')
else
    targets=("$@")
fi
for name in "${targets[@]}"; do
    if [ ! -f "$fuzz/fuzz_targets/$name.rs" ]; then
        printf 'no target %s; run.sh names them\n' "$name" >&2
        exit 2
    fi
done

table="$fuzz/CAMPAIGNS.md"
progress="$fuzz/target/campaign"
what="$seconds ${SANITIZER:-address} ${targets[*]}"
mkdir -p "$fuzz/target"
if [ ! -f "$progress" ] || [ "$(head -1 "$progress")" != "$what" ]; then
    printf '%s\n' "$what" >"$progress"
fi
figures=$(mktemp -d)
trap 'rm -rf "$figures"' EXIT

one() {
    local name=$1 findings
    if tail -n +2 "$progress" | grep -q "^$name "; then
        printf '%s: done already\n' "$name"
        return
    fi
    local commit
    commit=$(git -C "$fuzz" rev-parse --short HEAD)
    # The tables are what campaigns and soaks write.
    git -C "$fuzz" diff --quiet HEAD -- :/ ':(top,exclude)fuzz/CAMPAIGNS.md' ':(top,exclude)fuzz/README.md' ||
        commit+=-dirty
    FIGURES="$figures/$name" "$fuzz/run.sh" "$name" "$seconds" || true
    field() { tr ' ' '\n' <"$figures/$name" 2>/dev/null | sed -n "s/^$1=//p" | tail -1; }
    findings=$(field findings)
    # libFuzzer ends with 77 after a finding; what it was stopped by is none, and leaves the target to be run again.
    if [ "${findings:-0}" = 0 ] && [ "$(field exit)" != 0 ]; then
        printf '%s did not run to its end: see above; started again, the campaign goes on here\n' "$name" >&2
        return 255
    fi
    if [ "$findings" = 0 ]; then findings=none; fi
    # One write, so that rows of processes beside each other stay whole.
    printf '| %s | %s | `%s` | %s | %s | %s s | %s | %s | %s | %s | %s MiB | %s |\n' "$(date -u +%F)" \
        "$commit" "$name" "$(field sanitizer)" "$(field seed)" "$(field seconds)" \
        "$(field executions)" "$(field per_second)" "$(field coverage_before)" "$(field coverage_after)" \
        "$(field peak_mib)" "$findings" >>"$table"
    printf '%s %s\n' "$name" "$findings" >>"$progress"
}
export -f one
export fuzz seconds table progress figures
# 255 makes xargs stop.
printf '%s\n' "${targets[@]}" | xargs -P "${PROCESSES:-1}" -I{} bash -euo pipefail -c 'one {}' || exit 3

if tail -n +2 "$progress" | grep -qv ' none$'; then
    status=1
else
    status=0
fi
rm -f "$progress"
exit "$status"
