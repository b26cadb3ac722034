PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --editable
BENCHMARKS := accuracy unseen speed jackknife scan gate_speed verdicts removed neighbours graph graph_scale span prune frontier dynamics dynamics_pictures static_limit oracle synthetic_span fuse workers reliability

.PHONY: help audit test check bench fuzz docs

help: ## List the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /: /'

audit: $(VENV)/installed ## Fit the sample embeddings and print the result
	@cd sample_data && ../$(BIN)/specaudit fit embeddings.npy

# A process for each core, and a thread each: matrices in tests are small.
test: $(VENV)/installed-dev ## Run the tests
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses auto --dist loadfile

check: $(VENV)/installed-dev ## Check format, lint, types and layers
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy --strict
	$(BIN)/lint-imports

bench: $(VENV)/installed-bench ## Run the benchmarks; the tables are in benchmarks/results
	set -e; for name in $(BENCHMARKS); do $(BIN)/python benchmarks/$$name.py; done

fuzz: $(VENV)/installed-dev ## Damage 100,000 files and documents, and see that none is misread
	$(BIN)/python tests/fuzz/fuzz_run.py

docs: $(VENV)/installed-dev ## Write again what is generated: docs/explain.md, docs/schemas, the README's outputs
	$(BIN)/python docs/generate.py

# A stamp is younger than what the environment was installed from; the sources themselves are linked, not copied.
$(VENV)/installed: pyproject.toml
	@echo "installing specaudit into $(VENV)"
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) .
	@touch $@

$(VENV)/installed-%: $(VENV)/installed
	@echo "installing what $* needs into $(VENV)"
	@$(PIP) '.[$*]'
	@touch $@
