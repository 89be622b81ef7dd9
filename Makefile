# Two commands matter: `make demo` runs the main job, `make test` runs the tests.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin

.PHONY: audit demo up install test bench check format reference clean generator kafka kafka-stop

demo: $(VENV)/.runs  ## load, train, release, serve and replay: the whole loop
	$(BIN)/marquee demo

up: $(VENV)/.runs  ## serve what the demo prepared
	$(BIN)/marquee up

install: $(VENV)/.installed  ## with what tests and checks need

# what Marquee needs to run: no Spark and no tools of development. pip takes a CPU build of torch where its index offers one.
$(VENV)/.runs: pyproject.toml constraints.txt
	@echo "Installing Marquee into $(VENV): about 7 GB with the CUDA build of torch, 2 GB with a CPU build; a few minutes."
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || python3 -m venv $(VENV)
	@start=$$(date +%s); $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e . && \
	echo "Installed in $$(( $$(date +%s) - start )) s, $$(du -sh $(VENV) | cut -f1) on disk."
	@touch $@

$(VENV)/.installed: $(VENV)/.runs
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

test: install  ## everything that needs no service but Python's own packages; more where services are found
	$(BIN)/python -m pytest

bench: install  ## how fast one core serves what the demo prepared, beside what a user would write instead
	$(BIN)/python benchmarks/serving.py --home $(or $(MARQUEE_HOME),var)

check: install  ## what a reviewer's machine would complain about
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

audit:  ## the pinned packages among PyPI's known vulnerabilities; fails also where one cannot be looked up
	@test -x .audit/bin/pip-audit || { $(PYTHON) -m venv .audit && .audit/bin/python -m pip install --quiet pip-audit==2.10.1; }
	.audit/bin/pip-audit --strict --requirement constraints.txt --no-deps --disable-pip

format: install
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

reference: install  ## write the generated tables of docs/reference.md again
	$(BIN)/marquee reference --write

kafka: install  ## a real single-node Kafka on loopback, without Docker
	$(BIN)/python deploy/kafka/kafka.py start

kafka-stop: install
	$(BIN)/python deploy/kafka/kafka.py stop

generator:  ## openapi-python-client, with which tests make a client from the OpenAPI document; apart, for its own Typer
	test -x .generator/bin/openapi-python-client || { python3 -m venv .generator && .generator/bin/pip install --quiet openapi-python-client==0.29.1; }

clean:  ## everything Marquee wrote here; asks first
	$(BIN)/marquee data erase
