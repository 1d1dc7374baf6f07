#!/usr/bin/env bash
# A campaign: every fuzz target for a time, with a row in fuzz/CAMPAIGNS.md for each run.
#
#   campaign.sh SECONDS               all targets, each for so long
#   campaign.sh SECONDS TARGET...     these
#
# Stopped, it goes on with the targets that it has not finished when it is started again with the same words
# (fuzz/target/campaign holds the names of those that are done). Inputs that were found stay in fuzz/target/corpus for
# the next campaign. A finding does not stop it: its row says so, and it exits with 1 at the end.
# Settings are run.sh's.
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
what="$seconds ${targets[*]}"
mkdir -p "$fuzz/target"
if [ ! -f "$progress" ] || [ "$(head -1 "$progress")" != "$what" ]; then
    printf '%s\n' "$what" >"$progress"
fi
figures=$(mktemp)
trap 'rm -f "$figures"' EXIT
field() { tr ' ' '\n' <"$figures" | sed -n "s/^$1=//p" | tail -1; }

for name in "${targets[@]}"; do
    if tail -n +2 "$progress" | grep -q "^$name "; then
        printf '%s: done already\n' "$name"
        continue
    fi
    : >"$figures"
    FIGURES="$figures" "$fuzz/run.sh" "$name" "$seconds" || true
    if [ -z "$(field executions)" ] && [ "$(field findings)" = 0 ] || [ ! -s "$figures" ]; then
        printf '%s did not run: see above; started again, the campaign goes on here\n' "$name" >&2
        exit 3
    fi
    findings=$(field findings)
    if [ "$findings" = 0 ]; then findings=none; fi
    printf '| %s | %s | `%s` | %s | %s | %s s | %s | %s | %s | %s | %s MiB | %s |\n' "$(date -u +%F)" \
        "$(git -C "$fuzz" rev-parse --short HEAD)" "$name" "$(field sanitizer)" "$(field seed)" "$seconds" \
        "$(field executions)" "$(field per_second)" "$(field coverage_before)" "$(field coverage_after)" \
        "$(field peak_mib)" "$findings" >>"$table"
    printf '%s %s\n' "$name" "$findings" >>"$progress"
done

if tail -n +2 "$progress" | grep -qv ' none$'; then
    status=1
else
    status=0
fi
rm -f "$progress"
exit "$status"
