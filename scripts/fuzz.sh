#!/bin/bash
# Runs every fuzz target for a short time, as many at once as there are processors:
#   scripts/fuzz.sh [time, such as 5s]
set -eu
cd "$(dirname "$0")/.."
export GO=${GO:-go} TIME=${1:-5s}

# fuzz runs one target, and prints what it found. A fault is none if it is only that
# time was up: go before 1.27 may report that as one (golang.org/issue/75804). What a
# target finds, it writes into a file and names.
fuzz() {
	local out faults
	if ! out=$($GO test -run '^$' -fuzz "^$2\$" -fuzztime "$TIME" -fuzzminimizetime 20x -parallel 1 "$1" 2>&1); then
		faults=$(grep -vE '^(fuzz: elapsed|--- FAIL: Fuzz|FAIL|exit status 1|warning: starting with empty corpus|$)' <<<"$out" || true)
		if [ "$faults" != "    context deadline exceeded" ]; then
			printf '== fuzz %s %s, %s\n%s\n' "$1" "$2" "$TIME" "$out"
			exit 1
		fi
	fi
	# One line is enough of a target that finds nothing.
	printf '== fuzz %s %s, %s\n%s\n' "$1" "$2" "$TIME" "$(grep '^fuzz: elapsed' <<<"$out" | tail -1)"
}
export -f fuzz

# Without cgo, as plain tests are compiled, and only packages that have a target.
export CGO_ENABLED=0
mapfile -t packages < <(grep -rl --include='*_test.go' '^func Fuzz' . | xargs -n1 dirname | sort -u)
list=$($GO test -list '^Fuzz' "${packages[@]}")
targets=()
while read -r first second _; do
	case $first in
	Fuzz*) targets+=("$first") ;;
	ok)
		for target in "${targets[@]}"; do
			echo "$second $target"
		done
		targets=()
		;;
	esac
done <<<"$list" | xargs -P "$(nproc)" -L 1 bash -c 'fuzz "$@"' fuzz
