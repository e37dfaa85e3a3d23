#!/bin/bash
# All tests, under the race detector when there is the C compiler that it needs:
# scripts/race.sh [directory of a module, such as examples]
set -eu
cd "$(dirname "$0")/../${1:-.}"
go=${GO:-go}
if command -v "$($go env CC)" >/dev/null; then
	echo "== all tests${1:+ of $1}, race detector on"
	# Every package would sleep a second at its end, for races of what still runs then.
	export GORACE="${GORACE:-atexit_sleep_ms=100}"
	CGO_ENABLED=1 exec "$go" test -race -count=1 -timeout 6m ./...
fi
echo "== all tests${1:+ of $1}, race detector OFF: there is no C compiler (mend: apt-get install gcc libc6-dev)"
CGO_ENABLED=0 exec "$go" test -count=1 -timeout 6m ./...
