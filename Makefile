# `make demo` and `make test` do all their own set-up; everything lands in .venv, nothing outside.
PYTHON ?= python3
BIN := .venv/bin
DEMO := demo

# A virtual environment does not survive a move of the checkout: make it anew.
$(shell [ ! -d .venv ] || [ "$$(cat .venv/where 2>/dev/null)" = "$(CURDIR)" ] || rm -rf .venv)

.PHONY: demo test benchmark docs lint package submissions clean

demo: .venv/user
	rm -rf $(DEMO)
	$(BIN)/nasbench compare nasbench201/cifar10 \
		--strategies random_search,local_search,regularized_evolution \
		--evaluations 200 --seeds 100 --out $(DEMO)

test: .venv/dev
	$(BIN)/pytest -n auto -m "not packaging"

benchmark: .venv/dev
	NASBENCH_RATIOS=build/benchmarks $(BIN)/pytest tests/benchmarks -q -o addopts=--import-mode=importlib \
		--benchmark-only --benchmark-quiet

docs: .venv/dev
	$(BIN)/nasbench reproduce --out build/reproduction
	$(BIN)/nasbench portray --out build/strategies
	mkdir -p docs/training
	$(BIN)/nasbench curves nasbench201/digits --out docs/training/curves.svg
	cp build/reproduction/reproduction.md docs/
	cp -r build/strategies/strategies.md build/strategies/strategies docs/

lint: .venv/dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Submissions that differ from BASE, and a sample of the others, another one with each commit.
# Names come from strangers.
BASE ?= HEAD~1
SAMPLE ?= 10
SEED ?= $(shell git rev-list --count HEAD)
submissions: .venv/dev
	git diff -z --name-only $(BASE) -- 'leaderboards/*/submissions/*' | cut -z -d/ -f1-4 | sort -zu | \
		xargs -0 sh -c 'for folder; do shift; [ ! -e "$$folder" ] || set -- "$$@" "$$folder"; done; \
		exec $(BIN)/nasbench check --sample $(SAMPLE) --seed $(SEED) -- "$$@"' check

package: .venv/dev
	$(BIN)/pytest -m packaging

.venv/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed: make PYTHON=python3.12 ..."; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	@echo "$(CURDIR)" > .venv/where
	@touch $@

.venv/user: .venv/pip pyproject.toml
	$(BIN)/python -m pip install --quiet --editable ".[report]"
	@touch $@

.venv/dev: .venv/pip pyproject.toml
	$(BIN)/python -m pip install --quiet --editable ".[report]" --group dev
	@touch $@

clean:
	rm -rf .venv build dist $(DEMO)
