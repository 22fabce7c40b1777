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
SOURCES := $(shell find bench firmware hal boards tools test/deploy/cuts test/portable test/sim -name '*.ts' 2>/dev/null)
# Two terminals may call make at once: one prepares, the other waits for it.
LOCKED := flock -o Makefile $(MAKE) -s

# Native packages compile against the headers beside this Node where they are installed.
NODE_PREFIX := $(patsubst %/bin/,%,$(dir $(realpath $(shell command -v node))))
ifneq ($(wildcard $(NODE_PREFIX)/include/node/node.h),)
export npm_config_nodedir := $(NODE_PREFIX)
endif
# With as many compilers at once as there are processors.
export JOBS := max

.PHONY: help setup packages ready native run demo test test-kernel test-arm64 test-deploy test-image image flash deploy rollback status logs stop check docs bench bench-ui build ci clean

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

test-deploy: ready ## Deploy into an emulated Debian guest, sell, upgrade, roll back; ARGS=amd64 is another processor
	@test/deploy/run.sh $(ARGS)

test-image: ready ## Boot an SD image under QEMU: two roots, a new one over ssh, keys, sales; a quarter of an hour
	@test/deploy/image-boots.sh

image: ready ## Put an SD card image together: BOARD=rpi4 DEVICE=FILE
	@deploy/image/compose.sh "$(BOARD)" "$(DEVICE)"

flash: ## Write an image to a card, after asking: CARD=/dev/sdX IMAGE=build/sluice-rpi4.img
	@deploy/flash.sh "$(CARD)" "$(IMAGE)"

# HOSTS=inventory.yaml instead of HOST is for all the boards in it; WAIT= and OPERATOR= reach the scripts by the environment.
export WAIT OPERATOR

deploy: ready ## Put a device on a board: HOST=pi@charger1 DEVICE=FILE, or HOSTS=inventory.yaml; OPERATOR=FILE certifies it
	@$(if $(HOSTS),deploy/fleet.sh deploy "$(HOSTS)",deploy/remote.sh deploy "$(HOST)" "$(DEVICE)")

rollback: $(if $(HOSTS),ready) ## Go back to the release before on HOST=pi@charger1
	@$(if $(HOSTS),deploy/fleet.sh rollback "$(HOSTS)",deploy/remote.sh rollback "$(HOST)")

status: $(if $(HOSTS),ready) ## How the device on HOST=pi@charger1 is, and which releases are there
	@$(if $(HOSTS),deploy/fleet.sh status "$(HOSTS)",deploy/remote.sh status "$(HOST)")

logs: ## What the device on HOST=pi@charger1 said; ARGS=-f goes on
	@deploy/remote.sh logs "$(HOST)" $(ARGS)

stop: ## Stop the device on HOST=pi@charger1
	@deploy/remote.sh stop "$(HOST)"

check: ready ## Format, lint, import layers, types, unused code, generated documents
	$(BIN)/biome check --error-on-warnings .
	$(BIN)/tsc -p .
	$(BIN)/tsc -p page
	$(BIN)/knip
	@node build/tools/protocol-doc.js --check

docs: ready ## Write from the code docs/PROTOCOL.md, protocol.cddl, flow-services.md, boards.md and schemas
	@node build/tools/protocol-doc.js

bench-ui: ready ## The bench as a web page: virtual boards to see and touch, on this computer alone
	@node build/tools/sluice.js bench --ui $(ARGS)

bench: ready ## Measure, print against the budgets, write build/bench.json
	@node build/tools/bench.js $(ARGS)

build: ready ## Compile to build/, and make `npx sluice` work in this folder

ci: check ## All that must pass before a change goes in
	@set -o pipefail; mkdir -p build; { $(MAKE) test && $(MAKE) test-kernel; } | tee build/ci.log
	@awk '/^[0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$$/ { passed += $$1; failed += $$3; skipped += $$5 } \
	  END { printf "%d passed, %d failed, %d skipped\n", passed, failed, skipped }' build/ci.log

clean: ## Remove what was built; node_modules stays
	rm -rf build coverage

# ---- what is missing ----

ready:
	@$(LOCKED) node_modules/.package-lock.json
	@$(LOCKED) $(BIN)/sluice
	@$(LOCKED) build/page/index.html
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
	@find build -name '*.js' -not -path 'build/page/*' | while read -r js; do \
	  ts="$${js#build/}"; [ -f "$${ts%.js}.ts" ] || rm "$$js"; done
	@if [ -f build/tools/sluice.js ]; then chmod +x build/tools/sluice.js; fi
	@touch $@

# ---- the bench page: one script and one style sheet, which the bench hands out ----

PAGE_SOURCES := $(shell find page -type f 2>/dev/null)

build/page/index.html: $(PAGE_SOURCES) $(shell find firmware hal -maxdepth 2 -name '*.ts') node_modules/.package-lock.json
	@$(BIN)/vite build --config page/vite.config.ts
	@du -bc build/page/assets/*.js build/page/assets/*.css | awk 'END { printf "setup: the bench page, %d kB of script and style\n", $$1 / 1000 }'

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
	    nfc-list:libnfc-bin nfc-poll:libnfc-examples pcscd:pcscd opensc-tool:opensc chromium:chromium \
	    fw_setenv:libubootenv-tool mke2fs:e2fsprogs debugfs:e2fsprogs; do \
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
