#!/bin/bash
# Names the packages whose tests count allocations or time, talk to the kernel,
# or do less under the race detector: those that look different without it.
set -eu
cd "$(dirname "$0")/.."
grep -rlE --include='*_test.go' --exclude-dir=examples 'AllocsPerRun|[rR]equireRoot|Geteuid|//go:build !race' . |
	xargs -n1 dirname | sort -u
