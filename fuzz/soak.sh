#!/usr/bin/env bash
# The soak: a chain on disk that executes random blocks, is killed, rolled back, restored from snapshots and compared with
# itself in every way, for so many minutes; a row in fuzz/README.md at the end.
#
#   soak.sh MINUTES
#
# Stopped, it goes on with the same store and seed when it is started again, until the minutes are full: fuzz/target/soak
# holds them. A line is printed each minute. A finding ends it: store and figures stay, its row says so.
#
# Exit codes: 0 all was as it should be, 1 something was not, 2 bad input, 3 it could not run.
# Settings: SEED (one of the system's, printed), CARGO_TARGET_DIR as for cargo.
set -euo pipefail

fuzz=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
minutes=${1:-}
if ! [[ $minutes =~ ^[1-9][0-9]*$ ]] || [ $# -ne 1 ]; then
    printf 'usage: soak.sh MINUTES\n' >&2
    exit 2
fi
folder="$fuzz/target/soak"
if [ -e "$folder/found" ]; then
    printf '%s holds what an earlier soak found; move it away first\n' "$folder" >&2
    exit 2
fi
# Whatever of an earlier soak still runs holds this too.
mkdir -p "$fuzz/target"
exec 9>"$fuzz/target/soak.lock"
if ! flock -n 9; then
    printf 'a soak runs already on %s\n' "$folder" >&2
    exit 2
fi
cargo build -q --release --manifest-path "$fuzz/Cargo.toml" -p vm-fuzz --bin soak || exit 3
# A copy: the workers stay the same, whatever is built meanwhile.
program="$fuzz/target/soak-program"
cp "${CARGO_TARGET_DIR:-$fuzz/../target}/release/soak" "$program"
commit=$(git -C "$fuzz" rev-parse --short HEAD)

seed=${SEED:-$((RANDOM << 30 | RANDOM << 15 | RANDOM))}
status=0
"$program" run "$folder" --seconds "$((minutes * 60))" --seed "$seed" || status=$?
case $status in
0) findings=none ;;
1)
    touch "$folder/found"
    findings='see below'
    ;;
*) exit "$status" ;;
esac
row=$("$program" row "$folder" --findings "$findings") || exit $?
printf '| %s | %s %s\n' "$(date -u +%F)" "$commit" "$row" >>"$fuzz/README.md"
printf '%s\n' "$row"
if [ "$status" = 0 ]; then rm -rf "$folder"; fi
exit "$status"
