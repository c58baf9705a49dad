# make build   bin/proximity, one static binary
# make demo    builds; a server on a simulated cluster in ./demo; the console here
# make test    everything CI runs: format, vet, staticcheck, vulnerabilities, unit and end-to-end tests with -race
# make bench   the figures the console is held to
# make test-faults  every workflow killed at every step and call, cut off, refused and cancelled everywhere
# make test-catalog  every app of the catalogue through the whole deploy, on a simulated cluster: no image runs there
# make fuzz    every fuzz test for FUZZTIME (10s)

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
GO ?= go
FUZZTIME ?= 10s

# -race needs a C compiler; without one the tests run all the same.
CC := $(shell $(GO) env CC)
HAVE_CC := $(shell command -v $(firstword $(CC)) 2>/dev/null)
ifneq ($(HAVE_CC),)
RACE := -race
endif

.PHONY: build demo test test-race test-long test-faults unit e2e bench fmt check-fmt vet lint vuln fuzz clean

build:
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '-s -w' -o bin/proximity .

demo: build
	bin/proximity demo

test: check-fmt vet lint vuln test-race test-long
	@echo "all well"

check-fmt:
	@bad=$$(gofmt -l .); if [ -n "$$bad" ]; then echo "not formatted (make fmt does it):"; echo "$$bad"; exit 1; fi

fmt:
	gofmt -w .

vet:
	$(GO) vet ./...

lint:
	$(GO) tool staticcheck ./...

# The database of vulnerabilities is on the network: where that cannot be
# reached, the check is left out with a word.
vuln:
	@if out=$$($(GO) tool govulncheck ./... 2>&1); then echo "govulncheck: nothing found"; \
	elif grep -q 'fetching vulnerabilities' <<<"$$out"; then echo "govulncheck: left out, its database cannot be reached"; \
	else echo "$$out"; exit 1; fi

test-race:
ifeq ($(RACE),)
	@echo "no C compiler here: the tests run without -race"
	$(GO) test -timeout 40m ./...
else
	CGO_ENABLED=1 $(GO) test -race -short -parallel 6 -timeout 40m ./...
endif

# What is exhaustive is run in full without -race, and in part (-short) with it:
# code without goroutines has nothing to race, and sixty deploys race as well as
# two hundred, which under -race outlast the time an app has to become healthy.
test-long:
ifneq ($(RACE),)
	$(GO) test ./tui ./tui/screen
	$(GO) test -run TwoHundredDeploys ./core
endif

test-faults:
	PROXIMITY_FAULTS=1 $(GO) test -count=1 -parallel 6 -timeout 3h -run 'Cut|Killed|Cancelled|PowerGoes|EveryFault' -v ./core | grep -vE '^ *(===|--- PASS)'

test-catalog:
	PROXIMITY_CATALOG=1 $(GO) test -count=1 -timeout 10m -run 'EveryApp' -v ./core | grep -vE '^ *(===|---)'

unit:
	$(GO) test $$($(GO) list ./... | grep -v /e2e)

e2e:
	$(GO) test -count=1 ./e2e

bench:
	$(GO) test -run '^$$' -bench . -benchmem ./...

# "context deadline exceeded" and no failing input is Go's coordinator at the end of its time, not a finding: golang/go#75804.
fuzz:
	@for pkg in $$($(GO) list ./...); do \
		for f in $$($(GO) test -list '^Fuzz' $$pkg | grep '^Fuzz' || true); do \
			echo "$$pkg $$f"; $(GO) test -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x $$pkg; \
		done; \
	done

clean:
	rm -rf bin demo
