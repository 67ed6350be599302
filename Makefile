# `make run` and `make test` are all a newcomer needs; they need Python 3.11 to 3.14, git and make (3.81, macOS', will do).

PYTHONS := python3 python3.13 python3.12 python3.11 python3.14
APT_PACKAGES := openssh-server rclone chromium postgresql
FTP_SERVERS := vsftpd proftpd-mod-crypto pure-ftpd
JOBS := 2
BIN := .venv/bin
# Strict: a tree of links to the checkout's files, so that mypy and import-linter see one package (docs/decisions/0001).
PROJECT := --config-settings editable_mode=strict --editable '.[dev]'
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
PAGES := docs/coverage.py docs/outcomes.py docs/format_pages.py docs/profile_pages.py

.PHONY: help run test lint docs bench constraints clean FORCE

help:
	@echo 'make run          set up .venv and run the demonstrations'
	@echo 'make test         set up .venv, check everything and run all tests'
	@echo 'make lint         the checks alone: style, types, imports, spelling, generated pages'
	@echo 'make docs         write the generated pages'
	@echo 'make bench        measure against the reference tools'
	@echo 'make constraints  freeze the newest allowed versions into constraints.txt'
	@echo 'make clean        remove .venv and whatever was built; what runs produced stays'

run: .venv/packaged
	@$(BIN)/passerelle demo
	@$(BIN)/passerelle demo --catalogue

# The tests run also when a check failed: one round tells all, and pytest has the last word. Hypothesis' own CI profile
# gives everybody the same examples, and no deadline on a slow machine.
test: .venv/packaged
	@.ci/apt-install $(APT_PACKAGES) || true
	@.ci/ftp-servers .venv/servers $(FTP_SERVERS) || true
	@$(MAKE) --no-print-directory lint; lint=$$?; \
	 PATH="$(CURDIR)/.venv/servers/bin:$$PATH" $(BIN)/pytest -n $(JOBS) --dist loadfile --hypothesis-profile=ci && exit $$lint

lint: .venv/packaged
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy -p passerelle
	@$(BIN)/lint-imports
	@$(BIN)/codespell
	@for page in $(PAGES); do $(BIN)/python $$page --check || exit 1; done

docs: .venv/packaged
	@for page in $(PAGES); do $(BIN)/python $$page || exit 1; done

bench: .venv/packaged
	@$(BIN)/python benchmarks/orders.py
	@$(BIN)/python benchmarks/stocks.py
	@$(BIN)/python benchmarks/articles.py
	@$(BIN)/python benchmarks/transfer.py
	@$(BIN)/python benchmarks/console.py
	@$(BIN)/python benchmarks/images.py
	@$(BIN)/python benchmarks/nightly.py

constraints: | .venv/bin/python
	@$(BIN)/python -m venv --clear build/constraints
	@build/constraints/bin/pip install --quiet --disable-pip-version-check '.[dev]'
	@{ sed '/^[^#]/,$$d' constraints.txt; \
	   build/constraints/bin/pip freeze --all --exclude passerelle --exclude pip | LC_ALL=C sort -f; echo; \
	   sed -n '/^# By hand/,$$p' constraints.txt; } > build/constraints.txt
	@mv build/constraints.txt constraints.txt

clean:
	@rm -rf .venv build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/bin/python:
	@for python in $(PYTHONS); do \
	   if $$python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 15))' 2>/dev/null; then break; fi; \
	   python=; \
	 done; \
	 if [ -z "$$python" ]; then \
	   echo "Passerelle needs Python 3.11, 3.12, 3.13 or 3.14; none of $(PYTHONS) is one." >&2; \
	   echo 'Install one (Debian: apt-get install python3 python3-venv; macOS: brew install python@3.13) and run make' >&2; \
	   echo 'again, or say where it is: make PYTHONS=/path/to/python3.13' >&2; \
	   exit 1; \
	 fi; \
	 package=$$(basename $$python)-venv; \
	 if ! $$python -c 'import ensurepip' 2>/dev/null && ! .ci/apt-install $$package; then \
	   echo "$$python cannot make virtual environments: install $$package, then run make again." >&2; \
	   exit 1; \
	 fi; \
	 $$python -m venv --clear .venv

.venv/dependencies: pyproject.toml constraints.txt | .venv/bin/python
	@echo 'Installing into .venv (a minute or two the first time)'
	@$(PIP) --constraint constraints.txt $(PROJECT)
	@touch $@

# Strict links know the files of the day they were made: made again when a file came or went.
.venv/packaged: .venv/dependencies .venv/files
	@$(PIP) --no-deps --no-build-isolation $(PROJECT)
	@touch $@

.venv/files: FORCE | .venv/bin/python
	@find src formats storage flows sample_files -type f ! -name '*.pyc' | LC_ALL=C sort > $@.now
	@cmp -s $@.now $@ && rm $@.now || mv $@.now $@
