# make demo    show the stack at work, beside the kernel's TCP (root; without, in one process)
# make check   the quick loop: format, vet, tests; no root, cgo or network
# make test    everything: race detector, privileged tests when root, fuzzing, planted bugs
# make bench   compare with the kernel's TCP on a veth (root, some three minutes)
# make paper    the figures of the mTCP paper, beside the kernel and gVisor (root, about an hour; PAPER_ARGS=--quick, two minutes)
# make bench-peers   the server on gVisor's netstack that mtcp bench paper compares with, as build/gvisor-peer
# make packetdrill  the library that puts a shard behind packetdrill (needs a C compiler): scripts/packetdrill
# make packetimpact the host that gVisor's packetimpact programs test: scripts/packetimpact
# make build   the command, static, as build/mtcp
# make pgo     record anew the profile with which it is compiled (two cores, a minute)
# make picture draw docs/architecture.svg anew from the code

GO         ?= go
FUZZ_TIME  ?= 3s
BENCH_ARGS ?=
PAPER_ARGS ?=

# What is tested is compiled without the profile, which would compile all twice.
export GOFLAGS := $(GOFLAGS) -pgo=off

# The examples are a module of their own, and so are the peers of benchmarks and
# what speaks gRPC to gVisor's programs, so that what they need weighs nothing on
# who uses the stack.
MODULES := . examples bench/gvisor conformance/packetimpact

.DEFAULT_GOAL := build
.PHONY: packetdrill packetimpact build pgo demo check format vet staticcheck test fuzz planted plain race bench clean

build:
	@CGO_ENABLED=0 $(GO) build -pgo=auto -buildvcs=false -trimpath -o build/mtcp ./cmd/mtcp

pgo:
	@scripts/pgo.sh

packetdrill:
	@mkdir -p build/packetdrill
	@CGO_ENABLED=1 $(GO) build -buildvcs=false -trimpath -buildmode=c-shared -o build/packetdrill/mtcp.so ./capi/packetdrill
	@$${CC:-cc} -O -Wall -shared -fPIC -o build/packetdrill/preload.so capi/packetdrill/preload/preload.c -ldl

packetimpact:
	@mkdir -p build/packetimpact
	@CGO_ENABLED=0 $(GO) build -C conformance/packetimpact -buildvcs=false -trimpath -o $(CURDIR)/build/packetimpact/host .

demo: build
	@build/mtcp demo

check: format vet staticcheck
	@for m in $(MODULES); do CGO_ENABLED=0 $(GO) -C $$m test -short ./... || exit 1; done

format:
	@bad=$$(for m in $(MODULES); do gofmt -l $$($(GO) -C $$m list -f '{{.Dir}}' ./...); done); \
	if [ -n "$$bad" ]; then echo "not formatted (mend: gofmt -w):"; echo "$$bad"; exit 1; fi

vet:
	@for m in $(MODULES); do $(GO) -C $$m vet ./... || exit 1; done

staticcheck:
	@if command -v staticcheck >/dev/null; then for m in $(MODULES); do (cd $$m && staticcheck ./...) || exit 1; done; fi

# What fails fast comes first, and go test's own verdict last.
test: build bench-peers format vet staticcheck planted fuzz examples plain race

planted:
	@if [ -x scripts/planted.sh ]; then echo "== bugs planted on purpose must be found"; scripts/planted.sh; fi

fuzz:
	@scripts/fuzz.sh $(FUZZ_TIME)

# The race detector changes allocation and time, so what counts either runs
# without it, too, and whole: much is cut short where it would only take its time.
plain:
	@echo "== without the race detector: $$($(GO) version)"
	@CGO_ENABLED=0 $(GO) test -count=1 -timeout 5m $$(scripts/plain.sh)

race:
	@scripts/race.sh

.PHONY: examples picture bench-peers paper

examples:
	@scripts/race.sh examples
	@scripts/race.sh conformance/packetimpact

picture:
	@$(GO) run ./scripts/picture

bench: build
	@build/mtcp bench veth -o build/bench.md $(BENCH_ARGS)

paper: build bench-peers
	@build/mtcp bench paper -o build/paper $(PAPER_ARGS)

bench-peers:
	@CGO_ENABLED=0 $(GO) -C bench/gvisor build -buildvcs=false -trimpath -o ../../build/gvisor-peer .

clean:
	@rm -rf build
