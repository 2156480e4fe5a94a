# make demo: analyse a bundled model on bundled data; make test: everything that must hold.
# Both make a virtual environment in .venv and install into it by themselves.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
DEMO := demo-report
DEMO_RUN = zoo/weights/cnn-25.onnx --data zoo/weights/test.h5 \
	--motifs JASPAR2016 --relevant "$$($(BIN)/neuroninterp zoo relevant)"
PICTURED := demo-pictured
TIMED := tests/test_report_large.py

.PHONY: demo test lint screenshots clean

demo: $(VENV)/.installed
	$(BIN)/neuroninterp analyze $(DEMO_RUN) -o $(DEMO)
	@echo "Open $(CURDIR)/$(DEMO)/report.html in a browser."

# Two processes, because each takes up to 5 GB; what asserts a speed runs alone, after them.
test: $(VENV)/.installed-dev lint
	$(BIN)/python -m pytest -n 2 --dist loadfile --ignore $(TIMED)
	$(BIN)/python -m pytest -s $(TIMED)

# The pictures of the report that the documents show, of twelve neurons of each of the demo's
# layers; needs chromium and chromium-driver.
screenshots: $(VENV)/.installed-dev
	$(BIN)/neuroninterp analyze $(DEMO_RUN) --neurons 0-11 -o $(PICTURED)
	NEURONINTERP_REPORT=$(PICTURED) NEURONINTERP_SCREENSHOTS=docs/screenshots \
		$(BIN)/python -m pytest tests/test_report_browser.py -k test_screenshots

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))' \
		|| { echo "neuroninterp needs Python 3.10 to 3.13; name one: make PYTHON=python3.12"; exit 2; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	touch $@

$(VENV)/.installed-dev: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $@ $(VENV)/.installed

clean:
	rm -rf $(VENV) demo-*
