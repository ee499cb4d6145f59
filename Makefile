# Everything sets itself up: `make demo` and `make test` need a Python 3.11+ and nothing else.
# Another interpreter: make PYTHON=/path/to/python3.12

VENV := .venv/bin
READY := .venv/.ready
# A process for each core, and each file of tests in one of them: what a file sets up serves it once.
ON_ALL_CORES := -n logical --maxprocesses 4 --dist loadfile --no-loadscope-reorder

.DEFAULT_GOAL := help
.PHONY: docs release help demo test check bench bench-book bench-issuer bench-reconcile bench-console bench-night bench-peers bench-sftp fuzz mutate-rules rules format constraints clean soak console screens

help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-12s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

$(READY): constraints.txt pyproject.toml scripts/set-up
	@PYTHON='$(PYTHON)' scripts/set-up
	@touch $@

demo: $(READY) ## One night against an exchange in a box, run by the Airflow DAG
	$(VENV)/edi834 demo --airflow

console: $(READY) ## The console in a browser, on what `make demo` has left behind
	$(VENV)/edi834 console

screens: $(READY) ## Pictures of every page of the console: docs/screens/ (not committed)
	@scripts/install-chromium
	$(VENV)/pytest tests/console/test_screens.py -m screens -q

test: check ## All checks, then the whole test suite
	@scripts/install-sshd
	@scripts/install-chromium
	$(VENV)/pytest $(ON_ALL_CORES)

soak: $(READY) ## What takes hours: a night killed at every point, a hundred lives of policies, a year of nights
	@scripts/install-sshd
	@scripts/soak

check: $(READY) ## Format, lint, types and the order of imports
	$(VENV)/ruff format --check .
	$(VENV)/ruff check .
	$(VENV)/mypy
	$(VENV)/lint-imports --no-logo

bench: $(READY) ## How fast and how small `edi834 check` is, beside pyx12: benchmarks/RESULTS.md
	$(VENV)/python -m benchmarks.throughput --date "$$(date +%F)"

bench-book: $(READY) ## How long the book takes, beside a raw COPY: benchmarks/RESULTS.md
	$(VENV)/python -m benchmarks.book --date "$$(date +%F)"

bench-reconcile: $(READY) ## How long two snapshots take to be compared, beside SQL by hand: benchmarks/RESULTS.md
	$(VENV)/python -m benchmarks.reconciliation --date "$$(date +%F)"

bench-console: $(READY) ## How long the console's pages take over a year of nights: benchmarks/RESULTS.md
	@scripts/install-sshd
	$(VENV)/python -m benchmarks.console --date "$$(date +%F)"

bench-night: $(READY) ## How long a night with a full file of a million takes, from SFTP to SFTP: benchmarks/RESULTS.md
	@scripts/install-sshd
	$(VENV)/python -m benchmarks.night --date "$$(date +%F)"

bench-peers: $(READY) ## The other Python programs that read an 834, side by side: benchmarks/RESULTS.md
	$(VENV)/python -m benchmarks.peers --date "$$(date +%F)"

bench-sftp: $(READY) ## How long a large file takes to be fetched, beside the sftp command: benchmarks/RESULTS.md
	@scripts/install-sshd
	$(VENV)/python -m benchmarks.transfer --date "$$(date +%F)"

bench-issuer: $(READY) ## How long our 834s take to be written and proved: benchmarks/RESULTS.md
	$(VENV)/python -m benchmarks.issuer_files --date "$$(date +%F)"

fuzz: $(READY) ## Files with one fault each, shown to us and to pyx12, until interrupted
	$(VENV)/python -m tests.laws.fuzz

mutate-rules: $(READY) ## Each rule taken away and made milder: does a test notice?
	$(VENV)/python -m tests.cases.mutate_rules

rules: $(READY) ## Write docs/rules.md from the rows in schemas/rules/
	$(VENV)/edi834 rules --markdown >docs/rules.md

format: $(READY) ## Rewrite the code as ruff formats it
	$(VENV)/ruff format .
	$(VENV)/ruff check --fix .

constraints: ## Renew constraints.txt to the newest versions (needs uv; scripts/renew-constraints --keep only adds)
	@scripts/renew-constraints

docs: $(READY) ## The manual as pages that need no other host, in build/manual/
	@NO_MKDOCS_2_WARNING=1 $(VENV)/mkdocs build --strict && echo "build/manual/index.html"

release: $(READY) ## Wheel, source archive and bill of materials of the last commit, in dist/
	@scripts/release

clean: ## Remove the virtual environment, caches and the local state under var/
	rm -rf .venv var var.keys.toml build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis .coverage
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
