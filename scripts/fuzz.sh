#!/bin/bash
# Runs every fuzz target for a short time: scripts/fuzz.sh [time, such as 5s]
set -eu
cd "$(dirname "$0")/.."
go=${GO:-go} time=${1:-5s}

# found fails, unless the only fault is that time was up: go before 1.27 may
# report that as one (golang.org/issue/75804). What a target finds, it writes
# into a file and names.
found() {
	local faults
	faults=$(grep -vE '^(fuzz: elapsed|--- FAIL: Fuzz|FAIL|exit status 1|warning: starting with empty corpus|$)' <<<"$1" || true)
	if [ "$faults" != "    context deadline exceeded" ]; then
		echo "$1"
		exit 1
	fi
}

list=$($go test -list '^Fuzz' ./...)
targets=()
while read -r first second _; do
	case $first in
	Fuzz*) targets+=("$first") ;;
	ok)
		for target in "${targets[@]}"; do
			echo "== fuzz $second $target, $time"
			out=$($go test -run '^$' -fuzz "^$target\$" -fuzztime "$time" -fuzzminimizetime 20x "$second" 2>&1) || found "$out"
			# One line is enough of a target that finds nothing.
			grep '^fuzz: elapsed' <<<"$out" | tail -1
		done
		targets=()
		;;
	esac
done <<<"$list"
