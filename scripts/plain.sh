#!/bin/bash
# Names the packages whose tests count allocations or time, or talk to the
# kernel: those that look different without the race detector.
set -eu
cd "$(dirname "$0")/.."
grep -rlE --include='*_test.go' --exclude-dir=examples 'AllocsPerRun|[rR]equireRoot|Geteuid|//go:build !race' . |
	xargs -n1 dirname | sort -u
