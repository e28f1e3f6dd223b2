.DEFAULT_GOAL := help
.PHONY: help install demo test check format bench docs lock wheel clean

BIN := .venv/bin
STAMP := .venv/.installed
UV ?= uv

help: ## list what can be made
	@awk -F':.*## ' '/^[a-z]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(STAMP) ## make .venv with perpbot and the development tools

# The interpreter is checked at every call (it may have been removed); the packages only when their list changed.
$(STAMP): requirements/dev.txt pyproject.toml scripts/make-venv
	@scripts/make-venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

ifneq ($(shell .venv/bin/python -c 'print("runs")' 2>/dev/null),runs)
.PHONY: $(STAMP)
endif

demo: install ## run the demo: make demo ARGS="--seconds 60"
	@$(BIN)/perpbot demo $(ARGS)

check: install ## lint, format, types and the order of the rooms
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

test: check ## everything that must pass: the checks, then the tests
	$(BIN)/pytest -q -n 2 --dist loadgroup $(ARGS)

format: install ## rewrite the code as ruff formats it
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

bench: install ## run everything in benchmarks/
	@set -e; for file in $(sort $(wildcard benchmarks/*.py)); do echo "== $$file"; $(BIN)/python $$file $(ARGS); done

docs: install ## write docs/reference/ anew from the program itself
	$(BIN)/python scripts/reference.py

lock: ## lock the dependencies anew, with hashes and without an index address (needs uv)
	$(UV) lock --upgrade
	$(UV) export --quiet --no-emit-index-url --no-header --no-emit-project --no-dev -o requirements/runtime.txt
	$(UV) export --quiet --no-emit-index-url --no-header --no-emit-project -o requirements/dev.txt

wheel: install ## build the sdist and the wheel into dist/
	$(BIN)/python -m build --no-isolation

clean: ## remove what was made here
	rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find src tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +
