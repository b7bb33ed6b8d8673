# OpenNSP. `make` lists what can be done here; nothing but Go and make is needed for run, demo, build, test and bench.

GOLANGCI    := v2.15.0
TOOLS       := $(CURDIR)/.cache/bin
FUZZTIME    ?= 60s
BENCH       ?= .
MUTANT      ?= .
ROWS        ?= 200000,2000000,20000000
DSN         ?=
MIXED       ?= 200000
PGDIR       ?=
DURING      ?= 2s
PKG         ?= ./...
KILLS       ?= 60
# Tests are not vetted once more: lint does so. Without cgo all is compiled once, as it is shipped: gorm's driver brings along an SQLite in C that nothing uses and gcc needs a minute for.
export CGO_ENABLED := 0
export PATH := $(TOOLS):$(PATH):$(shell go env GOPATH)/bin

.DEFAULT_GOAL := help
.PHONY: help run demo build test race lint bench growth fuzz mutants crash cover tools

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: build ## start the server on 127.0.0.1:8080 with its data under ./data
	bin/nspd serve

demo: build ## show a scene of each national service, on a free port and in a temporary folder
	bin/nspd demo

build: ## build bin/nspd; the go command writes version and commit into it
	go build -trimpath -ldflags "-s -w" -o bin/nspd ./bootstrap/nspd

test: ## run all tests; what they could use and do not find is listed first
	@for tool in xmlsec1 xmllint strace java mvn node npm python3; do command -v $$tool >/dev/null || echo "not installed, its tests are skipped: $$tool"; done
	@[ -n "$$OPENNSP_TEST_VECTORS" ] || echo "not set, its tests are skipped: OPENNSP_TEST_VECTORS (folder of real signed messages)"
	go run ./tests/realservers go test -vet=off -p 4 -timeout 8m $(PKG)

race: ## run all tests but the load tests under the race detector
	go run ./tests/realservers env CGO_ENABLED=1 CGO_CFLAGS=-O0 go test -vet=off -p 3 -race -short -timeout 25m $(PKG)

lint: tools ## check format, vet and the lint rules
	@bad=$$(gofmt -l $$(git ls-files -co --exclude-standard '*.go')); if [ -n "$$bad" ]; then echo "not gofmt-ed:"; echo "$$bad"; exit 1; fi
	go vet ./...
	golangci-lint run

bench: build ## print the figures of speed and memory against their goals; BENCH=regexp selects; of minlog-mixed MIXED is the rows, PGDIR the folder of its PostgreSQL, DURING how long it measures at a time
	go run ./tests/bench -select '$(BENCH)' -nspd bin/nspd -rows '$(MIXED)' -postgres '$(PGDIR)' -during '$(DURING)'

growth: ## show what lookups and rows cost as the store of registrations grows to ROWS on PostgreSQL; takes an hour and 30 GB
	go run ./tests/growth -rows '$(ROWS)' -dsn '$(DSN)'

fuzz: ## run every fuzz target for FUZZTIME
	@set -e; grep -rlE --include='*_test.go' '^func Fuzz' . | sort | while read -r file; do \
	  for target in $$(sed -nE 's/^func (Fuzz[A-Za-z0-9_]*)\(.*/\1/p' $$file); do \
	    echo "== $$file $$target"; go test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 20x ./$$(dirname $$file) </dev/null; \
	  done; done

mutants: ## put faults into the source and see that a test notices each; MUTANT=regexp selects
	go run ./tests/mutants -mutant '$(MUTANT)'

crash: ## kill fronts, consumers and the database of a cluster KILLS times under load, and brokers and subscribers, and count what is lost or doubled
	OPENNSP_TEST_KILLS=$(KILLS) OPENNSP_TEST_REQUIRE=1 go test -count=1 -v -timeout 10m -run '^(TestAC19Kill|TestNAS|TestWills)' ./tests/crash

cover: ## show how much of the statements the tests reach; .cache/cover.html shows which
	@mkdir -p .cache
	go test -short -coverpkg=./... -coverprofile=.cache/cover.out ./... >/dev/null
	@go tool cover -html=.cache/cover.out -o .cache/cover.html
	@go tool cover -func=.cache/cover.out | tail -n 1

tools: ## install the linter where it is missing
	@golangci-lint version 2>/dev/null | grep -q '$(GOLANGCI:v%=%)' || { mkdir -p $(TOOLS); GOBIN=$(TOOLS) go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI); }
