# Everything a newcomer needs: `make demo` shows muniment at work, `make test` runs every test.
.PHONY: demo test lint docs bench soak mutate clean system

PYTHON ?= python3
BIN := .venv/bin

# Installed packages are as new as pyproject.toml.
.venv/installed: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "muniment needs Python 3.11 or newer; name one with: make PYTHON=/path/to/python3 $(MAKECMDGOALS)"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv || \
	  { echo "The venv could not be made. On Debian or Ubuntu, as root: apt-get install -y python3-venv"; exit 1; }
	@echo "Installing muniment and its libraries into .venv ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[demo,media]'
	@touch $@

.venv/installed-tests: .venv/installed pyproject.toml
	@echo "Installing what the tests need ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[test,sample]'
	@touch $@

# FastWARC brings a library that makes `warcio check` crash, so it judges from an environment of its own.
.venv-judges/installed: pyproject.toml
	@test -x .venv-judges/bin/python || $(PYTHON) -m venv .venv-judges
	@.venv-judges/bin/python -m pip install --quiet --disable-pip-version-check 'fastwarc>=0.15' 'datasette>=0.64'
	@.venv-judges/bin/python -m pip install --quiet --disable-pip-version-check 'proofbundle>=6' 'sigstore>=4' || \
	  echo "proofbundle and sigstore could not be installed; what needs them is skipped."
	@touch $@

# pywb, warcprox (GPL) and ReplayWeb.page (AGPL) run there as programs; nothing of muniment imports them.
.venv-judges/replayers: .venv-judges/installed
	@.venv-judges/bin/python -m pip install --quiet --disable-pip-version-check 'pywb>=2.10' 'warcprox>=2.13' || \
	  echo "pywb and warcprox could not be installed; what needs them is skipped."
	@command -v npm >/dev/null && cd .venv-judges && npm pack --silent replaywebpage@2.4.6 >/dev/null && \
	  tar -xzf replaywebpage-2.4.6.tgz && rm -rf replaywebpage && mv package replaywebpage || \
	  echo "ReplayWeb.page could not be had by npm; the tests that need it are skipped."
	@touch $@

demo: .venv/installed
	@.ci/system chromium ffmpeg
	@$(BIN)/muniment demo run

system:
	@.ci/system openssl chromium ffmpeg tshark

test: .venv/installed-tests .venv-judges/replayers system lint
	$(BIN)/python -m pytest -n auto

lint: .venv/installed-tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

docs: .venv/installed-tests
	$(BIN)/python docs/reference.py

bench: .venv/installed-tests .venv-judges/replayers
	$(BIN)/python benchmarks/index.py rows 100000
	@rm -rf work/bench && mkdir -p work
	$(BIN)/python benchmarks/rebuild.py make work/bench 600
	$(BIN)/python benchmarks/rebuild.py measure work/bench
	@rm -rf work/bench
	$(BIN)/python benchmarks/hostile.py all
	$(BIN)/python benchmarks/browser.py tunnel
	$(BIN)/python benchmarks/browser.py page 5

# The tests of faults and of hostile input, tried much more often than `make test` does: hours, not minutes.
soak: .venv/installed-tests
	MUNIMENT_SOAK=1 $(BIN)/python -m pytest tests/faults tests/fuzz -n auto --timeout 0

# Every small lie about the pure modules, or about those of MODULES, that no test notices is listed with a reason.
mutate: .venv/installed-tests
	$(BIN)/python tests/mutants.py $(MODULES)

clean:
	rm -rf .venv .venv-judges .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@echo "Archives, keys and index are left alone."
