# The project's commands. Each does all its own set-up in a virtual environment, .venv, made when it is first needed and
# brought up to date when pyproject.toml has changed.

PYTHON ?= python3
VENV ?= .venv
RUN ?= $(VENV)/bin
# What to pass on to pytest, such as `make test ARGS='-k gzip -x'`.
ARGS ?=

DEMO ?= demo
DEMO_RECORDS ?= 200000
define DEMO_QUERY
SELECT status,
       count(*) AS persons,
       count(*) FILTER (WHERE reservasjon = 'JA') AS reserved,
       count(mobiltelefonnummer) AS with_mobile,
       count(epostadresse) AS with_email,
       count(postkasseadresse) AS with_mailbox,
       count(DISTINCT x509_sertifikat) AS certificates
FROM '$(DEMO)/latest/person/**/*.parquet'
GROUP BY ALL ORDER BY persons DESC
endef
export DEMO_QUERY

# Tests start the program hundreds of times: without bytecode, each start would compile it anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo demo-delivery test check test-lowest constraints fuzz fuzz-asan wheel lint docs picture samples bench bench-full clean

help: ## Show these commands
	@sed -n 's/^\([a-z-]*\):.*## /\1|/p' $(MAKEFILE_LIST) | while IFS='|' read -r name text; do \
		printf '  make %-13s %s\n' "$$name" "$$text"; done

demo: $(VENV)/.dev ## Make a synthetic export, convert it and query the result, in demo/
	@rm -rf $(DEMO)/export.xml.gz $(DEMO)/export.xml.gz.expected.json $(DEMO)/eksport=* $(DEMO)/latest
	@mkdir -p $(DEMO)
	$(RUN)/krr-export sample $(DEMO)/export.xml.gz --records $(DEMO_RECORDS) --seed 1 --faults 0.01%
	$(RUN)/krr-export convert $(DEMO)/export.xml.gz $(DEMO) --max-rejects 0.1%
	@printf '\n%s\n' "$$DEMO_QUERY"
	@$(RUN)/python -c 'import os, duckdb; duckdb.sql(os.environ["DEMO_QUERY"]).show()'

demo-delivery: $(VENV)/.dev ## Make keys and an encrypted delivery, convert it and prove the result, in demo-delivery/
	@rm -rf demo-delivery
	@mkdir -p demo-delivery
	$(RUN)/krr-export keys demo-delivery/keys
	$(RUN)/krr-export sample demo-delivery/export.xml --records $(DEMO_RECORDS) --seed 1
	$(RUN)/krr-export seal demo-delivery/export.xml demo-delivery/inbox --orgnr 991825827 \
		--recipient demo-delivery/keys/receiver.pem --signing-key demo-delivery/keys/publisher-private.pem
	$(RUN)/krr-export convert demo-delivery/inbox demo-delivery/store \
		--private-key demo-delivery/keys/receiver-private.pem --publisher-cert demo-delivery/keys/publisher.pem
	$(RUN)/krr-export verify demo-delivery/store/latest

# Azure's stand-in for tests: 185 MB, in half a minute. Its version is in the name, and what it needs is as of a day.
AZURITE = $(VENV)/azurite-3.35.0
$(AZURITE)/.done: | $(VENV)/.dev
	@command -v npm >/dev/null || { echo 'npm is not installed: tests with Azurite are skipped'; exit 0; }; \
		echo 'installing into $(AZURITE) …' && rm -rf $(VENV)/azurite-* && mkdir $(AZURITE) && \
		npm install --prefix $(AZURITE) --before=2026-11-01 --ignore-scripts --omit=optional --no-audit --no-fund \
			--no-update-notifier --loglevel=error $(notdir $(subst -,@,$(AZURITE))) && touch $@

# Work is stolen rather than dealt out: tests of one file stay together, which share what is slow to make.
test: $(VENV)/.dev $(AZURITE)/.done ## Run all tests
	$(RUN)/python -m pytest -n auto --dist worksteal $(ARGS)

check: $(VENV)/.dev ## Run the quick tests only, in about a minute
	$(RUN)/python -m pytest -n auto --dist worksteal --quiet -m "not slow" $(ARGS)

# Each library at work, in less than two minutes.
LOWEST_TESTS = tests/transform/test_derive_numbers.py tests/integration/test_exits.py tests/schema/test_schema.py \
	tests/output/test_sink_csv.py tests/output/test_sink_parquet.py tests/output/test_snapshot.py

test-lowest: $(VENV)/.dev ## Run the most telling tests with the lowest versions that pyproject.toml allows, in .venv-lowest
	$(RUN)/uv venv --quiet --clear --python $(RUN)/python .venv-lowest
	$(RUN)/uv pip install --quiet --python .venv-lowest --resolution lowest-direct --editable .
	$(RUN)/uv pip install --quiet --python .venv-lowest pytest pytest-xdist duckdb hypothesis jsonschema polars
	.venv-lowest/bin/python -m pytest -n auto --quiet $(LOWEST_TESTS) $(ARGS)

constraints: $(VENV)/.dev ## Renew constraints.txt: the newest set of libraries, each with its hashes
	$(RUN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes --no-header \
		pyproject.toml --output-file constraints.txt

fuzz: $(VENV)/.dev ## Compare the readers on randomly broken exports, for two minutes (ARGS='--seconds 600 --seed 7')
	PYTHONPATH=tests/support $(RUN)/python tests/fuzz/fuzz.py $(ARGS)

# The sanitizers' libraries must be there before all others; Python frees nothing at its end, which is no leak.
SANITIZED = LD_PRELOAD="$$($(CC) -print-file-name=libasan.so) $$($(CC) -print-file-name=libstdc++.so)" \
	ASAN_OPTIONS=detect_leaks=0:handle_segv=0:allocator_may_return_null=1 PYTHONMALLOC=malloc \
	PYTHONPATH=build/sanitized:tests/support $(RUN)/python -P

fuzz-asan: $(VENV)/.dev ## The same, and the scanner's tests, with AddressSanitizer and UndefinedBehaviorSanitizer
	CFLAGS="-fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer -g" \
		$(RUN)/python setup.py --quiet build --build-base build/sanitizing --build-lib build/sanitized
	$(SANITIZED) -m pytest --quiet tests/parsing/test_scanner.py tests/parsing/test_tokenizer.py tests/parsing/test_memory_pool.py
	$(SANITIZED) tests/fuzz/fuzz.py $(ARGS)

wheel: $(VENV)/.dev ## Make an sdist and a wheel in dist/, and convert a sample with the wheel alone, in .venv-wheel
	rm -rf dist
	$(RUN)/python -m build
	$(RUN)/uv venv --quiet --clear --python $(RUN)/python .venv-wheel
	$(RUN)/uv pip install --quiet --python .venv-wheel dist/*.whl
	cd .venv-wheel && bin/krr-export --version -v && bin/krr-export sample sample.xml --records 1000 \
		&& bin/krr-export convert sample.xml store && bin/krr-export verify store/latest

lint: $(VENV)/.dev ## Check style and types
	$(RUN)/ruff check
	$(RUN)/ruff format --check
	$(RUN)/mypy
	$(RUN)/lint-imports --no-cache --no-logo
	PATH="$(abspath $(RUN)):$$PATH" cython-lint krr_export

docs: $(VENV)/.dev ## Write the parts of the documents that are made from the program
	$(RUN)/python tests/support/documents.py

picture: demo ## Make the picture in the README anew, with Chromium
	chromium --headless --no-sandbox --hide-scrollbars --window-size=1100,890 --screenshot=docs/report.png \
		$(DEMO)/latest/report.html

samples: $(VENV)/.dev ## Make samples/ anew, by the commands in samples/README.md
	sed -n 's|^krr-export sample|$(RUN)/&|p' samples/README.md | sh -ex

bench: $(VENV)/.bench ## Measure against peers, side by side
	$(RUN)/python -m benchmarks.run
	$(RUN)/python -m benchmarks.changes
	PYTHONPATH=tests/support $(RUN)/python -m benchmarks.stores

bench-full: $(VENV)/.bench ## The same, and memory on large exports: takes its time
	$(RUN)/python -m benchmarks.run --full
	$(RUN)/python -m benchmarks.changes --records 4600000

clean: ## Remove what these commands made, the virtual environment too
	rm -rf $(VENV) .venv-lowest .venv-wheel $(DEMO) demo-delivery dist build *.egg-info krr_export/*/*.so benchmarks/data benchmarks/results .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/.dev $(VENV)/.bench: $(VENV)/.%: pyproject.toml constraints.txt setup.py $(wildcard krr_export/*/*.pyx)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
		echo 'krr-export needs Python 3.11 or newer as $(PYTHON); name another: make PYTHON=python3.12 …' >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { \
		echo '$(PYTHON) cannot make virtual environments; on Debian and Ubuntu: apt-get install python3-venv' >&2; exit 1; }
	@echo 'installing into $(VENV) …'
	@$(RUN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement constraints.txt
	@$(RUN)/python -m pip install --quiet --disable-pip-version-check --editable '.[$*]'
	@touch $@
