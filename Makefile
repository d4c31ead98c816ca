# What is done often. Each target first sets up what it needs; `make help` lists them.
#
# Everything is installed into .venv with uv, from locks with hashes. Where uv is missing, pip gets it into .uv.

PYTHON  ?= >=3.11
HARNESS ?= ../shared/bench
ARGS    ?=

BIN     := .venv/bin
RUNTIME := .venv/.runtime
DEV     := .venv/.dev
DOJO    := .venv/.agentdojo
OWN_UV  := .uv/bin/uv
UV      := $(shell uv --version >/dev/null 2>&1 && echo uv || echo $(OWN_UV))
PIP     := $(UV) pip
INTO    := --quiet --python $(BIN)/python
COMPILE := $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
           --no-emit-index-url --custom-compile-command "make lock" $(ARGS)
CONTRACTS := $(wildcard tests/integration/test_openai_api.py tests/integration/test_langgraph_*.py tests/integration/test_contract_*.py)
TOGETHER := $(wildcard $(addsuffix .py,$(addprefix tests/*/test_,exchange together* handoff* workflow* joins graph_show \
            routing negotiation claims double_texting notes* speculation resources records staging philosophers *sharing* \
            adaptive_limits triggers* bfcl reserved_questions policy_windows)))
BENCHES := $(filter-out bfcl chaos,$(patsubst bench/%.py,%,$(shell grep -l __main__ bench/*.py)))

export UV_PYTHON_DOWNLOADS = never

.DEFAULT_GOAL := help
.PHONY: help install demo promise days together eval pictures test test-together check bench contract conformance chaos format lock clean

help:  ## List the targets.
	@sed -n 's/^\([a-z-]*\):.*##/  \1	/p' $(MAKEFILE_LIST) | expand -t 16

install: $(RUNTIME)  ## Set up .venv with what Baton needs to run.

demo: $(RUNTIME)  ## Let two agents work through the inbox of examples/desk.
	@$(BIN)/python examples/desk/demo.py $(ARGS)

promise: $(RUNTIME)  ## Let the desk earn a promise over 3,000 mails, and draw how it went.
	@$(BIN)/python examples/desk/promise.py --figure docs/promise-desk.svg $(ARGS)

days: $(RUNTIME)  ## Let an order wait ten days while what it rests on changes.
	@$(BIN)/python examples/days/play.py $(ARGS)

together: $(RUNTIME)  ## Let five agents and two people exchange orders, whole or not at all.
	@$(BIN)/python examples/desk/exchange/play.py $(ARGS)

eval: $(DEV)  ## Evaluate the desk: 60 cases, 5 times, with simulated people; ARGS="--kill-halfway" kills it in between.
	@$(BIN)/python -W ignore examples/desk/evaluate.py $(ARGS)

pictures: $(DEV)  ## Take the pictures of docs/img anew, in Chromium.
	@$(BIN)/python examples/desk/pictures.py $(ARGS)

test: $(DEV)  ## Run the tests; ARGS="-k name" picks some.
	@$(BIN)/python $(if $(ARGS),-m pytest $(ARGS),tests/both.py)

test-together: $(DEV)  ## Run the acceptance tests of agents and people who work together.
	@$(BIN)/python -m pytest $(TOGETHER) $(ARGS)

check: $(DEV)  ## Check style, types and the floors.
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/pyright --pythonpath $(BIN)/python
	$(BIN)/lint-imports --no-logo

bench: $(addprefix bench-,$(BENCHES))  ## Measure; tables here and in bench/results.

bench-%: bench/%.py $(DEV)
	@PYTHONPATH=tests:bench $(BIN)/python -W ignore $< $(ARGS)

bench-policy bench-memory: export HARNESS := $(HARNESS)
bench-policy: $(DOJO)

conformance: $(DEV)  ## Replay the multi-turn tasks of BFCL, from the harness in HARNESS.
	@if test -f bench/bfcl.py && test -d "$(HARNESS)"; then \
		PYTHONPATH="$(HARNESS)" $(BIN)/python bench/bfcl.py $(ARGS); \
	else \
		echo "The BFCL harness is not at $(HARNESS): nothing to replay. HARNESS=folder names another place."; \
	fi

contract: $(DEV)  ## Have other people's clients talk with the server: openai, langgraph_sdk, its JavaScript from npm, mcp.
	@cd tests/contract && if npm --version >/dev/null 2>&1; then \
		npm install --no-package-lock --no-audit --no-fund --ignore-scripts --loglevel=error >/dev/null \
			|| echo "The JavaScript SDK could not be installed (no package index is reached?): its test is skipped."; \
	else \
		echo "There is no npm: the test of the JavaScript SDK is skipped."; \
	fi
	@$(BIN)/python -m pytest -rs $(CONTRACTS) $(ARGS)

chaos: $(DEV)  ## Kill, stop and cut off workers, on both databases; takes about an hour, ARGS="--help" says more.
	@$(BIN)/python bench/chaos.py $(ARGS)

format: $(DEV)  ## Put the code into the house's form.
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

lock: | $(filter $(OWN_UV),$(UV))  ## Compile the locks anew; ARGS=--upgrade moves to newer versions.
	$(COMPILE) pyproject.toml --group build -o requirements.lock
	$(COMPILE) pyproject.toml --group build --group dev --group bench -c requirements.lock -o requirements-dev.lock
	$(COMPILE) --group conformance --no-deps -o requirements-conformance.lock
	$(COMPILE) --group agentdojo --no-deps -o requirements-agentdojo.lock
	$(COMPILE) --group uv -o requirements-uv.lock

clean:  ## Remove what was set up, built or measured; the record in .baton stays.
	rm -rf .venv .uv .demo .evaluation dist tests/contract/node_modules bench/results .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(RUNTIME): requirements.lock pyproject.toml | $(filter $(OWN_UV),$(UV))
	@echo "Setting up .venv; it takes 500 MB of disk."
	@test -x $(BIN)/python || $(UV) venv --quiet --python "$(PYTHON)" .venv
	@$(PIP) install $(INTO) --require-hashes -r requirements.lock
	@$(PIP) install $(INTO) --no-deps --no-build-isolation -e .
	@touch $@

$(DEV): requirements-dev.lock requirements-conformance.lock $(RUNTIME)
	@$(PIP) sync $(INTO) --require-hashes requirements-dev.lock
	@$(PIP) install $(INTO) --require-hashes --no-deps -r requirements-conformance.lock
	@$(PIP) install $(INTO) --no-deps --no-build-isolation -e .
	@touch $@

# Apart from .venv's own packages, as nothing but the replay uses it; without it, bench-policy says so.
$(DOJO): requirements-agentdojo.lock $(DEV)
	@if test -d "$(HARNESS)"; then \
		$(PIP) install $(INTO) --target .venv/agentdojo --require-hashes --no-deps -r $< && touch $@ \
			|| echo "AgentDojo could not be installed."; \
	fi

$(OWN_UV): requirements-uv.lock
	@rm -rf .uv
	@python3 -m venv .uv >/dev/null 2>&1 && .uv/bin/python -m pip install -q --require-hashes -r $< \
		|| { rm -rf .uv; python3 -m pip install -q --target .uv --require-hashes -r $<; } \
		|| { rm -rf .uv; echo "uv could not be installed: pip or venv is missing (on Debian: apt-get install python3-venv)," \
			"or no package index is reached."; exit 1; }
	@touch $@
