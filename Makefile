# One line for each thing that can be done here; `make` alone lists them. What a target needs and is missing
# is installed or built first; what is there already is left alone.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

# Given on the command line: make run ARGS="--data ./pump" DEVICE=boards/virtual-pi-pump.yaml
ARGS ?=
DEVICE ?=

BIN := node_modules/.bin
SOURCES := $(shell find bench firmware hal boards tools test/sim -name '*.ts' 2>/dev/null)
# Two terminals may call make at once: one prepares, the other waits for it.
LOCKED := flock -o Makefile $(MAKE) -s

# Native packages compile against the headers beside this Node where they are installed.
NODE_PREFIX := $(patsubst %/bin/,%,$(dir $(realpath $(shell command -v node))))
ifneq ($(wildcard $(NODE_PREFIX)/include/node/node.h),)
export npm_config_nodedir := $(NODE_PREFIX)
endif

.PHONY: help setup packages ready native run demo test test-kernel test-arm64 test-deploy deploy status stop check docs bench build ci clean

help: ## List these targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "make %-11s %s\n", $$1, $$2 }' Makefile

setup: ready packages ## Install and build what is missing; the other targets do it by themselves

run: ready ## Start a device and sell: the virtual charger, or DEVICE=FILE; ARGS are more options
	@build/tools/sluice.js run $(if $(DEVICE),--device $(DEVICE)) $(ARGS)

demo: ready ## One whole sale from announcement to receipt, on a bench
	@node build/tools/demo.js $(ARGS)

test: setup ## Build, then run every test; ARGS picks files
	@$(BIN)/vitest run $(ARGS)

test-kernel: ready ## Run what needs GPIO on a Debian kernel under QEMU; ARGS picks files
	@test/kernel/run.sh $(ARGS)

test-arm64: ready ## Run contract suites, vectors and ten seeded sales under emulated arm64
	@test/deploy/arm64.sh $(ARGS)

test-deploy: ready ## Deploy into an emulated Debian guest and sell there; ARGS=arm64 takes longer
	@test/deploy/run.sh $(ARGS)

deploy: ready ## Put a device on a board and start it: HOST=pi@charger1 DEVICE=FILE
	@deploy/remote.sh deploy "$(HOST)" "$(DEVICE)"

status: ## How the device on HOST=pi@charger1 is
	@deploy/remote.sh status "$(HOST)"

stop: ## Stop the device on HOST=pi@charger1
	@deploy/remote.sh stop "$(HOST)"

check: ready ## Format, lint, import layers, types, unused code, generated documents
	$(BIN)/biome check --error-on-warnings .
	$(BIN)/tsc -p .
	$(BIN)/knip
	@node build/tools/protocol-doc.js --check

docs: ready ## Write from the code docs/PROTOCOL.md, protocol.cddl, flow-services.md, boards.md and schemas
	@node build/tools/protocol-doc.js

bench: ready ## Measure, print against the budgets, write build/bench.json
	@node build/tools/bench.js $(ARGS)

build: ready ## Compile to build/, and make `npx sluice` work in this folder

ci: check ## All that must pass before a change goes in
	@set -o pipefail; mkdir -p build; { $(MAKE) test && $(MAKE) test-kernel; } | tee build/ci.log
	@awk '/^tests: / { passed += $$2; failed += $$4; skipped += $$6 } \
	  END { printf "tests: %d passed, %d failed, %d skipped\n", passed, failed, skipped }' build/ci.log

clean: ## Remove what was built; node_modules stays
	rm -rf build coverage

# ---- what is missing ----

ready:
	@$(LOCKED) node_modules/.package-lock.json
	@$(LOCKED) $(BIN)/sluice
	@$(LOCKED) native

node_modules/.package-lock.json: package-lock.json
	@node -e 'const [a, b] = process.versions.node.split("."); process.exit(a > 20 || (a == 20 && b >= 19) ? 0 : 1)' \
	  || { echo "setup: Node 20.19 or later is needed, this is $$(node --version 2>&1)"; exit 1; }
	@echo "setup: installing npm packages (better-sqlite3 compiles: one to three minutes the first time)"
	@(s=0; while sleep 10; do s=$$((s + 10)); echo "setup: still installing, $$s s"; done) & ticker=$$!; \
	  trap 'kill $$ticker 2>/dev/null' EXIT; npm install --no-save --no-progress --loglevel=error \
	  || { echo "setup: npm failed. Where it could not compile: sudo apt-get install g++ make python3"; exit 1; }
	@touch $@

build/.stamp: $(SOURCES) tsconfig.json tsconfig.build.json node_modules/.package-lock.json
	@echo "setup: compiling"
	@$(BIN)/tsc -p tsconfig.build.json
	@find build -name '*.js' | while read -r js; do \
	  ts="$${js#build/}"; [ -f "$${ts%.js}.ts" ] || rm "$$js"; done
	@if [ -f build/tools/sluice.js ]; then chmod +x build/tools/sluice.js; fi
	@touch $@

# ---- native parts: one addon and the guard program, for the processor of this Node ----
# Each is put in place by a rename: a running program keeps the one that it loaded.

NATIVE := build/native/$(shell node -p process.arch 2>/dev/null)
NODE_HEADERS = $(firstword $(wildcard $(NODE_PREFIX)/include/node \
  $(HOME)/.cache/node-gyp/$(patsubst v%,%,$(shell node --version 2>/dev/null))/include/node))

native: $(NATIVE)/board.node $(NATIVE)/guard

$(NATIVE)/%: native/%.c
	@mkdir -p $(NATIVE)
	@if ! command -v cc >/dev/null; then \
	  echo "setup: no C compiler, so no GPIO and no pseudo-terminals: sudo apt-get install gcc"; \
	else echo "setup: compiling $<"; cc -O2 -Wall -Wextra -o $@.new $< && mv $@.new $@; fi

$(NATIVE)/board.node: native/board.c
	@mkdir -p $(NATIVE)
	@if ! command -v cc >/dev/null; then :; elif [ -z "$(NODE_HEADERS)" ]; then \
	  echo "setup: the headers of this Node are not here, so no GPIO and no pseudo-terminals: npx node-gyp install"; \
	else echo "setup: compiling $<"; cc -shared -fPIC -O2 -Wall -Wextra -I$(NODE_HEADERS) -o $@.new $< && mv $@.new $@; fi

$(BIN)/sluice: build/.stamp
	@ln -sfn ../../build/tools/sluice.js $@
	@touch -h $@

# ---- Debian packages: only the tests need them, and those that do are skipped without, by name ----

packages:
	@missing=; for each in mosquitto:mosquitto openssl:openssl ip:iproute2 tc:iproute2 python3:python3 mbpoll:mbpoll \
	    nfc-list:libnfc-bin nfc-poll:libnfc-examples pcscd:pcscd opensc-tool:opensc; do \
	  tool=$${each%:*}; package=$${each#*:}; \
	  PATH="$$PATH:/usr/sbin:/sbin" command -v $$tool >/dev/null || case " $$missing " in *" $$package "*) ;; *) missing="$$missing $$package" ;; esac; \
	done; \
	[ -e /usr/lib/pcsc/drivers/serial/libccidtwin.so ] || missing="$$missing libccid"; \
	if [ -z "$$missing" ]; then :; elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  echo "setup: installing$$missing"; \
	  { apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq -y install --no-install-recommends $$missing >/dev/null; } \
	    || echo "setup:$$missing could not be installed; tests that need it will be skipped"; \
	else \
	  echo "setup: tests with other people's programs need: sudo apt-get install$$missing   (skipped without)"; \
	fi
