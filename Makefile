# Two commands do everything on a fresh machine: `make run` and `make test`.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
# The engine is compiled once per machine; parts we never call (image input) are left out.
export CMAKE_ARGS ?= -DLLAVA_BUILD=OFF -DMTMD_BUILD=OFF
# Some virtual machines state AMX and trap on it (SIGILL in the first prompt): built without. A
# small model's products are too small to gain by it.
NO_AMX := $(shell for flag in -mno-amx-tile -mno-amx-int8 -mno-amx-bf16; do \
	echo | cc $$flag -E - >/dev/null 2>&1 && printf '%s ' $$flag; done)
export CFLAGS += $(NO_AMX)
export CXXFLAGS += $(NO_AMX)
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: run run-chain test check audit bench clean help

help:
	@echo "make run    serve the demo store on http://127.0.0.1:8080 (PORT=8081 for another)"
	@echo "make run-chain  a hub and two stores here, and a release going to them (PORT=8090 8091 8092)"
	@echo "make test   set up everything and run the tests"
	@echo "make check  ruff, mypy, import-linter"
	@echo "make audit  known vulnerabilities of what is installed (asks the public advisory database)"
	@echo "make bench  measure the store on this machine (MINUTES=10 for the full soak)"
	@echo "make clean  remove .venv, build and the demo store's data"

run: $(VENV)/.store
	@$(BIN)/backroom run $(if $(PORT),--port $(PORT)) $(ARGS)

run-chain: $(VENV)/.hub
	@$(BIN)/backroom chain $(if $(PORT),--port $(PORT)) $(ARGS)

test: $(VENV)/.test
	@$(BIN)/python -m pytest

check: $(VENV)/.test
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

audit: $(VENV)/.test
	@$(BIN)/pip install --quiet pip-audit
	@$(BIN)/pip-audit --skip-editable

bench: $(VENV)/.test
	@$(BIN)/python -m tests.bench $(if $(MINUTES),--minutes $(MINUTES))

$(VENV)/.machine:
	@PYTHON=$(PYTHON) sh installer/machine.sh
	@$(PYTHON) -m venv $(VENV)
	@touch $@

# The first time compiles the model runtime: about seven minutes on two cores.
$(VENV)/.store: pyproject.toml | $(VENV)/.machine
	@echo "Setting up the store half in $(VENV) (the first time takes about ten minutes) …"
	@$(BIN)/pip install --quiet --editable .
	@touch $@

$(VENV)/.hub: $(VENV)/.store
	@echo "Adding what the hub needs to $(VENV) …"
	@$(BIN)/pip install --quiet --editable ".[hub]"
	@touch $@

$(VENV)/.test: pyproject.toml | $(VENV)/.machine
	@echo "Setting up everything for tests and training in $(VENV) …"
	@$(BIN)/pip install --quiet --editable ".[postgres,hub,models,test,check]"
	@touch $(VENV)/.store $(VENV)/.hub $@

clean:
	rm -rf $(VENV) build var
