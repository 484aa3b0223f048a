# Targets for people and for continuous integration; `make` alone lists them.
# Everything that is built or cached lands under build/.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

BIN := build/venv/bin
STAMPS := build/stamps
SHELL_SCRIPTS = $(shell git grep --untracked -lE '^\#!( ?/usr)?/bin/(env )?(ba|da)?sh' -- ':!*.py' ':!*.md' ':!docs')

.PHONY: help
help: ## List the targets
	@sed -n 's/^\([a-z][a-z-]*\):.*## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

# ---------------------------------------------------------------- set-up

.PHONY: setup lock
setup: $(STAMPS)/venv ## Install the system packages and make build/venv

$(STAMPS)/packages: .setup/debian-packages.txt .setup/install
	@.setup/install packages
	@mkdir -p $(@D) && touch $@

$(STAMPS)/packages-%: .setup/debian-packages-%.txt $(STAMPS)/packages
	@.setup/install packages $*
	@mkdir -p $(@D) && touch $@

$(STAMPS)/venv: $(STAMPS)/packages .setup/dev.lock pyproject.toml
	@.setup/install venv
	@mkdir -p $(@D) && touch $@

lock: ## Regenerate the lock files from pyproject.toml (make lock UPGRADE=1 takes newer versions)
	@.setup/lock $(if $(UPGRADE),--upgrade)

# Programs of other projects, for the interoperability tests; each in an environment of its own.
.PHONY: peers
peers: $(STAMPS)/peer-client $(STAMPS)/peer-ironic ## Install the real Ironic and the real client into build/peers

$(STAMPS)/peer-%: .setup/peer-%.lock $(STAMPS)/packages
	@.setup/install peer $*
	@mkdir -p $(@D) && touch $@

# ---------------------------------------------------------------- images

.PHONY: ramdisk ramdisk-iso ramdisk-ipa os-image
ramdisk: setup ## Build the deploy ramdisk: build/ramdisk/ingot.{vmlinuz,initramfs}
	@image-build/build-ramdisk

ramdisk-iso: setup ## The same, and as a bootable ISO and a unified kernel: build/ramdisk/ingot.{iso,efi}
	@image-build/build-ramdisk --iso --uki

ramdisk-ipa: setup ## Build a ramdisk with the real ironic-python-agent the same way
	@image-build/build-ramdisk --variant ipa

os-image: setup ## Build the small Debian image that the demonstration and the tests deploy
	@image-build/os-image/build

# ---------------------------------------------------------------- checks

.PHONY: check
check: setup ## Lint, types, import contracts, spelling, shell scripts, unit tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/codespell $$(git ls-files)
	$(BIN)/shellcheck --external-sources $(SHELL_SCRIPTS)
	$(BIN)/pytest --numprocesses=2 --dist=loadfile tests/unit

# ---------------------------------------------------------------- tests

# pytest's own time limit per test keeps a wedged machine from holding the whole run.
PYTEST := $(BIN)/pytest --timeout=1500 --durations=15

.PHONY: test prepared test-integration test-vm test-cloud-init test-interop test-clients test-recorded-bmcs test-browser test-long
# The images are mostly downloaded and packed: they are built beside the checks. Integration tests wait for most of their time,
# a machine test keeps one processor busy: they run beside each other, the machines' output comes in one piece at their end.
MACHINES_LOG := build/test-results/machines.log
test: ## Everything but the peers: checks, real parts, virtual machines
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=line prepared
	@$(MAKE) --no-print-directory --jobs=2 --keep-going test-integration test-vm-into-log

.PHONY: test-vm-into-log
test-vm-into-log:
	@mkdir -p $(dir $(MACHINES_LOG))
	@echo "machine tests run beside the others; their output: $(MACHINES_LOG)"
	@$(MAKE) --no-print-directory test-vm >$(MACHINES_LOG) 2>&1; status=$$?; cat $(MACHINES_LOG); exit $$status

TEST_PEERS = $(patsubst %,$(STAMPS)/peer-%,client ironic ipa plugins nova)
prepared: ramdisk check os-image $(TEST_PEERS)

test-integration: setup $(TEST_PEERS) ramdisk ## Tests with real parts: loop devices, BMCs, dnsmasq, PostgreSQL, clients
	@$(NO_RECORDINGS)
	$(PYTEST) --numprocesses=3 --dist=loadfile -m "not long" tests/integration

test-long: setup ramdisk os-image ## What takes too long for make test: a hundred kills, more machines (over an hour)
	$(BIN)/pytest --timeout=7200 --durations=15 -m "long and not interop" tests/integration tests/e2e tests/browser

test-vm: setup ramdisk os-image ## Deployments in virtual machines, from power-on to the login prompt
	$(PYTEST) -m "vm and not interop and not long" tests/e2e

test-cloud-init: setup ramdisk os-image ## An image with Debian's cloud-init reads the config drive (builds the image)
	$(PYTEST) -m cloud_init tests/e2e

test-interop: setup peers $(STAMPS)/peer-ipa $(STAMPS)/peer-nova ramdisk ramdisk-ipa os-image ## Real Ironic with our ramdisk, the real agent with our controller
	$(PYTEST) -m interop tests/integration tests/e2e

CLIENTS = sdk_functional controller_api_clients keystone baremetal_commands metal3_order nova_driver ansible redfish_peers
test-clients: setup $(patsubst %,$(STAMPS)/peer-%,client ironic keystone nova ansible redfish) ## Other projects' clients: openstacksdk, baremetal, Nova's driver, Ansible, Redfish; Keystone
	@$(NO_RECORDINGS)
	$(PYTEST) -m interop $(CLIENTS:%=tests/integration/test_%.py)

test-browser: setup $(STAMPS)/packages-browser ## The web pages in a real browser (installs Chromium); pictures: build/test-results/browser
	$(PYTEST) tests/browser

# Recordings of real machines are not ours to give; a run without them must not look like one with them.
TELLS_RECORDINGS := set INGOT_REDFISH_TREES to a folder of <machine>.tar.gz, each a Redfish tree from redfish/v1/ down (tests/README.md)
NO_RECORDINGS = [ -n "$$INGOT_REDFISH_TREES" ] || echo "NOT TESTED: answers of real Redfish BMCs; $(TELLS_RECORDINGS), then make test-recorded-bmcs" >&2
test-recorded-bmcs: setup ## Recorded answers of real Redfish BMCs, from the folder INGOT_REDFISH_TREES
	@[ -n "$$INGOT_REDFISH_TREES" ] && ls "$$INGOT_REDFISH_TREES"/*.tar.gz >/dev/null 2>&1 || { echo "no recordings in '$$INGOT_REDFISH_TREES': $(TELLS_RECORDINGS)" >&2; exit 1; }
	$(PYTEST) tests/integration/test_bmc_redfish_recorded.py

# Guided by coverage; inputs worth keeping stay in build/fuzz for the next run.
SECONDS ?= 60
.PHONY: fuzz
fuzz: setup ## Throw damaged images at the readers, and requests at the API, SECONDS=60 for each of them
	@for target in qcow2 packed xz detection checksums openapi; do $(BIN)/python -m tests.fuzz $$target $(SECONDS) || exit 1; done

# ---------------------------------------------------------------- demonstration

FIRMWARE ?= bios
NODES ?= 1
BMC ?= ipmi
MEDIA ?= network

.PHONY: demo
demo: setup ramdisk os-image ## Deploy a real system onto virtual bare metal (FIRMWARE=uefi NODES=3 BMC=redfish MEDIA=virtual KEEP=1)
	$(BIN)/python -m tests.lab.demo --firmware $(FIRMWARE) --nodes $(NODES) --bmc $(BMC) --media $(MEDIA) $(if $(KEEP),--keep)

.PHONY: docs
docs: setup ## Write the generated pages of docs/ anew
	$(BIN)/python docs/generate.py


# ---------------------------------------------------------------- benchmarks

# BENCH_ROUNDS=5 BENCH_CASES=raw,qcow2 BENCH_GIB=4 and more: tests/bench/README.md
.PHONY: bench
bench: setup peers $(STAMPS)/peer-ipa ramdisk ramdisk-ipa ## Measure images, API and ramdisk against the real agent, the real Ironic and pipes
	$(BIN)/python -m tests.bench.image
	$(BIN)/python -m tests.bench.long_link
	$(BIN)/python -m tests.bench.api
	$(BIN)/python -m tests.bench.controller
	$(BIN)/python -m tests.bench.bmc
	$(BIN)/python -m tests.bench.ramdisk

# SIMULATE_WAVE=1000 SIMULATE_CONTROLLERS=3 SIMULATE_POSTGRES=1 SIMULATE_KILL=1 and more: tests/simulate/README.md
.PHONY: simulate
simulate: setup ## Play machines with BMC and agent against real controllers (NODES=10000)
	SIMULATE_NODES=$(if $(filter-out file,$(origin NODES)),$(NODES),10000) $(BIN)/python -m tests.simulate

# ---------------------------------------------------------------- cleaning up

.PHONY: clean distclean
clean: ## Remove what was built; keep the virtual environment and the caches
	rm -rf build/ramdisk build/os-image build/wheel build/test-results .coverage
	find . -path ./build -prune -o -name __pycache__ -type d -print0 | xargs -0r rm -rf

distclean: clean ## Remove everything under build/, caches too
	rm -rf build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
