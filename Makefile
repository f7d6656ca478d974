# Two commands: `make serve` and `make test`. Each sets up what it needs in .venv first.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: serve test test-gpu check bench meterbench maskbench maskbench-engine maskbench-families clean help

help:  ## What there is
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/'

serve: $(if $(TRITON),.venv/proxy.done,.venv/serve.done)  ## Serve the default model; MODEL=, HOST=, PORT=, TRITON=HOST:PORT change what and where
	@$(BIN)/forii serve $(if $(MODEL),--model "$(MODEL)") $(if $(HOST),--host $(HOST)) \
	    $(if $(PORT),--port $(PORT)) $(if $(TRITON),--triton $(TRITON))

test: .venv/dev.done  ## All tests; ARGS="-k stop" picks some
	$(BIN)/pytest $(ARGS)

test-gpu: .venv/dev.done  ## What holds of a running Triton: TRITON=HOST:PORT MODEL=<build folder or model id>; METRICS=URL, CACHE=DIR, ARGS="-k stop"
	@test -n "$(TRITON)" -a -n "$(MODEL)" || { echo "make test-gpu TRITON=HOST:PORT MODEL=<build folder or model id>"; exit 2; }
	@$(BIN)/python -m tests.holds $(TRITON) $(MODEL) $(if $(METRICS),--metrics $(METRICS)) $(if $(CACHE),--cache $(CACHE)) -- $(ARGS)

check: .venv/dev.done  ## Lint, types, import rules, sizes
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	@# Each engine's folder apart: both hold a model.py.
	for engine in openvino scripted; do $(BIN)/mypy model_repository/$$engine/1/*.py || exit 1; done
	$(BIN)/mypy model_repository/python/*.py
	$(BIN)/pytest -q tests/architecture

bench: .venv/serve.done  ## What the proxy costs per token and per request; writes benchmarks/results.md
	@TRANSFORMERS_VERBOSITY=error $(BIN)/python -m benchmarks

meterbench: .venv/dev.done  ## Whether the usage records are right: clients that leave, SIGKILLs, a database away; ARGS="--requests N"
	@TRANSFORMERS_VERBOSITY=error $(BIN)/python -m benchmarks.metering $(ARGS)

maskbench: .venv/dev.done  ## How right the grammars of real JSON Schemas are; SCHEMAS=DIR, ARGS="--only NAME --jobs N"
	@$(BIN)/python -m benchmarks.maskbench $(SCHEMAS) $(ARGS)

maskbench-engine: .venv/dev.done  ## What each of these grammars costs the engine; SCHEMAS=DIR, ARGS="--open --only NAME"
	@TRANSFORMERS_VERBOSITY=error $(BIN)/python -m benchmarks.maskbench.engine $(SCHEMAS) $(ARGS)

maskbench-families: .venv/dev.done  ## What the grammars of calls cost the engine, by family; ARGS="--only NAME"
	@TRANSFORMERS_VERBOSITY=error $(BIN)/python -m benchmarks.maskbench.families $(ARGS)

clean:  ## Remove the environment and caches of the tools
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info

# serve.txt holds the embedded Triton, which needs a machine that can run it; dev.txt holds serve.txt and the tools.
.venv/serve.done .venv/dev.done: .venv/%.done: requirements/%.txt pyproject.toml | machine
	$(call install,$*)

.venv/proxy.done: .venv/%.done: requirements/%.txt pyproject.toml
	$(call install,$*)

define install
@$(BIN)/python -m pip --version >/dev/null 2>&1 || { rm -rf .venv; $(PYTHON) -m venv .venv; }
@echo "Installing requirements/$(1).txt into .venv ..."
@$(BIN)/python -m pip install --disable-pip-version-check --quiet --progress-bar on -r requirements/$(1).txt
@$(BIN)/python -m pip install --disable-pip-version-check --quiet --no-deps --no-build-isolation --editable .
@touch $@
endef

.PHONY: machine
machine:
	@$(PYTHON) launcher/machine.py
