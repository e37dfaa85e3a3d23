#!/bin/bash
# Records cmd/mtcp/default.pgo anew, which go build then uses: the loads of mtcp
# bench over memif, both doors and both halves, a profile each. Two cores, a minute.
set -eu
cd "$(dirname "$0")/.."
go=${GO:-go}
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

CGO_ENABLED=0 $go build -pgo=off -buildvcs=false -trimpath -o "$dir/mtcp" ./cmd/mtcp
for load in "event short 256" "event requests 256" "event requests 10000" "event out 8" "event in 8" "net short 256" "net requests 256"; do
	read -r door work connections <<<"$load"
	"$dir/mtcp" bench serve --link memif --socket "$dir/s" --role master --addr 10.9.0.2/16 --door "$door" --cpu 0 \
		--time-waits 1048576 --profile "$dir/serve-$door-$work-$connections" >/dev/null &
	server=$!
	for _ in $(seq 100); do [ -S "$dir/s" ] || sleep 0.05; done
	timeout 60 "$dir/mtcp" bench load --link memif --socket "$dir/s" --addr 10.9.1.1/16 --server 10.9.0.2 --cpu 1 \
		--time-waits 1048576 --work "$work" -c "$connections" --duration 3s --profile "$dir/load-$door-$work-$connections"
	kill -INT $server
	wait $server
done
$go tool pprof -proto "$dir"/serve-* "$dir"/load-* >"$dir/all" 2>/dev/null
mv "$dir/all" cmd/mtcp/default.pgo
