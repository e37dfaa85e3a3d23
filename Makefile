# make demo    show the stack at work, beside the kernel's TCP (root; without, in one process)
# make check   the quick loop: format, vet, tests; no root, cgo or network
# make test    everything: race detector, privileged tests when root, fuzzing, planted bugs
# make bench   compare with the kernel's TCP on a veth (root, some three minutes)
# make packetdrill  the library that puts a shard behind packetdrill (needs a C compiler): scripts/packetdrill
# make build   the command, static, as build/mtcp

GO         ?= go
FUZZ_TIME  ?= 5s
BENCH_ARGS ?=

.DEFAULT_GOAL := build
.PHONY: packetdrill build demo check format vet staticcheck test fuzz planted plain race bench clean

build:
	@CGO_ENABLED=0 $(GO) build -buildvcs=false -trimpath -o build/mtcp ./cmd/mtcp

packetdrill:
	@mkdir -p build/packetdrill
	@CGO_ENABLED=1 $(GO) build -buildvcs=false -trimpath -buildmode=c-shared -o build/packetdrill/mtcp.so ./capi/packetdrill
	@$${CC:-cc} -O -Wall -shared -fPIC -o build/packetdrill/preload.so capi/packetdrill/preload/preload.c -ldl

demo: build
	@build/mtcp demo

check: format vet staticcheck
	@CGO_ENABLED=0 $(GO) test -short ./...

format:
	@bad=$$(gofmt -l $$($(GO) list -f '{{.Dir}}' ./...)); \
	if [ -n "$$bad" ]; then echo "not formatted (mend: gofmt -w):"; echo "$$bad"; exit 1; fi

vet:
	@$(GO) vet ./...

staticcheck:
	@if command -v staticcheck >/dev/null; then staticcheck ./...; fi

# What fails fast comes first, and go test's own verdict last.
test: build format vet staticcheck planted fuzz plain race

planted:
	@if [ -x scripts/planted.sh ]; then echo "== bugs planted on purpose must be found"; scripts/planted.sh; fi

fuzz:
	@scripts/fuzz.sh $(FUZZ_TIME)

# The race detector changes allocation and time, so what counts either runs
# without it, too.
plain:
	@echo "== without the race detector: $$($(GO) version)"
	@CGO_ENABLED=0 $(GO) test -count=1 -timeout 5m $$(scripts/plain.sh)

race:
	@scripts/race.sh

bench: build
	@build/mtcp bench veth -o build/bench.md $(BENCH_ARGS)

clean:
	@rm -rf build
