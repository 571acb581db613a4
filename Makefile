# Everything a person types. `make` alone says what there is.

VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
DEVELOPED := $(VENV)/.installed-dev
INSTALLER := scripts/bootstrap.py scripts/compile_packages.py pyproject.toml requirements.txt
LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-header --no-emit-index-url --extra build

# A file's tests stay together. What else does, and what comes first, is said in tests/.
SIDE_BY_SIDE := --numprocesses=logical --maxprocesses=4 --dist=loadfile --no-loadscope-reorder

export PYTHON

.DEFAULT_GOAL := help
.PHONY: help install run test check bench lock clean

# An environment's scripts name their Python by the whole path: a checkout that was moved needs
# another environment.
ifneq "$(shell cat $(INSTALLED) 2>/dev/null)" "$(CURDIR)"
.PHONY: $(INSTALLED)
endif

help: ## Say what there is
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s%s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo "  ONCE=1 stops after the first run; PROFILES=1000000 sets the size of a sample or benchmark;"
	@echo "  PYTHON=/path/to/python3 chooses the Python (3.11, 3.12 or 3.13)."

install: $(INSTALLED) ## Make the environment in .venv from requirements.txt

run: $(INSTALLED) ## Start everything and run the sample exchange; Ctrl-C stops it
	@$(BIN)/exchange up $(if $(filter-out 0,$(ONCE)),--once) $(if $(PROFILES),--profiles $(PROFILES))

test: $(DEVELOPED) ## Run every test
	@$(BIN)/python -m pytest $(SIDE_BY_SIDE) $(TESTS)

check: $(DEVELOPED) ## Lint, formatting, types and import rules
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/lint-imports

bench: $(DEVELOPED) ## Measure an import against a hand-written floor
	@$(BIN)/python bench/bench.py $(if $(PROFILES),--profiles $(PROFILES))

lock: ## Compile requirements.txt and requirements-dev.txt from pyproject.toml
	@test -x $(BIN)/uv || $(MAKE) install
	@$(LOCK) pyproject.toml --output-file requirements.txt $(if $(UPGRADE),--upgrade)
	@$(LOCK) --extra dev --constraint requirements.txt pyproject.toml \
		--output-file requirements-dev.txt $(if $(UPGRADE),--upgrade)

clean: ## Remove .venv and var, unless an installation runs
	@python=`scripts/find-python` && "$$python" scripts/clean.py

$(INSTALLED): $(INSTALLER)
	@python=`scripts/find-python` && "$$python" scripts/bootstrap.py

$(DEVELOPED): $(INSTALLED) requirements-dev.txt
	@python=`scripts/find-python` && "$$python" scripts/bootstrap.py --dev
