# One line for each thing that can be done here; `make` alone lists them. What a target needs and is missing
# is installed or built first; what is there already is left alone.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

# Given on the command line: make run ARGS="--device my-pump.yaml"
ARGS ?=

BIN := node_modules/.bin
SOURCES := $(shell find firmware hal boards tools test/sim -name '*.ts' 2>/dev/null)
# Two terminals may call make at once: one prepares, the other waits for it.
LOCKED := flock -o Makefile $(MAKE) -s

# Native packages compile against the headers beside this Node where they are installed.
NODE_PREFIX := $(patsubst %/bin/,%,$(dir $(realpath $(shell command -v node))))
ifneq ($(wildcard $(NODE_PREFIX)/include/node/node.h),)
export npm_config_nodedir := $(NODE_PREFIX)
endif

.PHONY: help setup packages ready run demo test check docs bench build ci clean

help: ## List these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' Makefile

setup: ready packages ## Install and build what is missing; the other targets do it by themselves

run: ready ## Start a device and sell: the virtual charger, or ARGS="--device FILE"
	@build/tools/sluice.js run $(ARGS)

demo: ready ## One whole sale from announcement to receipt, on a bench
	@node build/tools/demo.js $(ARGS)

test: setup ## Build, then run every test; ARGS picks files
	@$(BIN)/vitest run $(ARGS)

check: ready ## Format, lint, import layers, types, unused code, generated documents
	$(BIN)/biome check --error-on-warnings .
	$(BIN)/tsc -p .
	$(BIN)/knip
	@node build/tools/protocol-doc.js --check

docs: ready ## Write from the code docs/PROTOCOL.md, protocol.cddl and flow-services.md
	@node build/tools/protocol-doc.js

bench: ready ## Measure, print against the budgets, write build/bench.json
	@node build/tools/bench.js $(ARGS)

build: ready ## Compile to build/, and make `npx sluice` work in this folder

ci: check test ## All that must pass before a change goes in

clean: ## Remove what was built; node_modules stays
	rm -rf build coverage

# ---- what is missing ----

ready:
	@$(LOCKED) node_modules/.package-lock.json
	@$(LOCKED) $(BIN)/sluice

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

$(BIN)/sluice: build/.stamp
	@ln -sfn ../../build/tools/sluice.js $@
	@touch -h $@

# ---- Debian packages: only the tests need them, and those that do are skipped without, by name ----

packages:
	@missing=; for each in mosquitto:mosquitto openssl:openssl ip:iproute2 tc:iproute2 python3:python3; do \
	  tool=$${each%:*}; package=$${each#*:}; \
	  PATH="$$PATH:/usr/sbin:/sbin" command -v $$tool >/dev/null || case " $$missing " in *" $$package "*) ;; *) missing="$$missing $$package" ;; esac; \
	done; \
	if [ -z "$$missing" ]; then :; elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	  echo "setup: installing$$missing"; \
	  { apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq -y install --no-install-recommends $$missing >/dev/null; } \
	    || echo "setup:$$missing could not be installed; tests that need it will be skipped"; \
	else \
	  echo "setup: tests of real networks and other brokers need: sudo apt-get install$$missing   (skipped without)"; \
	fi
