#!/bin/sh
# Plants one bug at a time into internal/tcp and runs the property tests and the
# fuzzer's fixed scripts, which should find it. Fails if one gets past them.
cd "$(dirname "$0")/.." || exit 1
missed=0
for bug in fastpath fin holes; do
	out=$(PLANTED_BUG=$bug go test -tags plantedbugs -count=1 \
		-run 'TestInput_RandomScripts|TestInputExpected|TestPair_' ./internal/tcp 2>&1)
	by=$(echo "$out" | grep -m1 -oE -e '--- FAIL: [A-Za-z_]+|^panic: .*') # a build that fails finds nothing
	if [ -n "$by" ]; then
		echo "planted bug $bug: found ($by)"
	else
		echo "planted bug $bug: NOT FOUND"
		echo "$out" | tail -5
		missed=1
	fi
done
exit $missed
