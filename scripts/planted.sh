#!/bin/sh
# Plants one bug at a time into internal/tcp and runs the property tests and the
# fuzzer's fixed scripts, which should find it. Fails if one gets past them.
cd "$(dirname "$0")/.." || exit 1
missed=0
for bug in fastpath fin holes; do
	if PLANTED_BUG=$bug go test -tags plantedbugs -count=1 \
		-run 'TestInput_RandomScripts|TestInputExpected|TestPair_' ./internal/tcp >/dev/null 2>&1; then
		echo "planted bug $bug: NOT FOUND"
		missed=1
	else
		echo "planted bug $bug: found"
	fi
done
exit $missed
