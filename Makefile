# make demo   one picture in two turns, from a fresh checkout
# make test   the tests
# make lint   style, types, layers
# make mutants  how many small changes of core, engine and the plan of the data their tests notice: ten minutes
# make stress MINUTES=10  inputs that nobody meant, kills, full disks, for so long; findings are kept as seeds of the tests
# make load  a server under 32 streaming clients for three minutes, against one at a time: a table and a plot
# make malformed REQUESTS=10000  so many requests that nobody meant, for a server with random weights
# make embedded  train the embedded model from nothing: about four hours on two cores, into runs/embedded
# make clean  remove what the targets above have made
#
# Needs python3 (3.11 or newer) with venv and pip. `make demo PYTHON=python3.12` picks another interpreter.

PYTHON   ?= python3
VENV     ?= .venv
DEV_VENV ?= .venv-dev

# What the tests import: the core, the dev tools, and the extras that have tests.
DEV_PACKAGES := -e '.[dev,train,curate,serve]'

DEMO_PROMPT := three red stars and two blue hearts
DEMO_OUT    := runs/demo

# Constraints hold for the isolated build environments too; older pips read the first name, newer the second.
export PIP_CONSTRAINT       := constraints.txt
export PIP_BUILD_CONSTRAINT := constraints.txt

.PHONY: demo test lint mutants stress load malformed embedded clean
.DELETE_ON_ERROR:

demo: $(VENV)/.installed
	$(VENV)/bin/irg generate "$(DEMO_PROMPT)" --turns 2 --seed 62 --out $(DEMO_OUT)
	@echo && echo "The pictures are in $(DEMO_OUT):" && find $(DEMO_OUT) -name '*.png' | sort

test: $(DEV_VENV)/.installed
	$(DEV_VENV)/bin/python -m pytest -q -n auto --maxprocesses 8

lint: $(DEV_VENV)/.installed
	$(DEV_VENV)/bin/ruff check .
	$(DEV_VENV)/bin/ruff format --check .
	$(DEV_VENV)/bin/pyright --pythonpath $(DEV_VENV)/bin/python
	$(DEV_VENV)/bin/lint-imports

# A sample, by seed; what no test noticed is printed. MUTANTS="--sample 1000 --minutes 60" for more.
mutants: $(DEV_VENV)/.installed
	$(DEV_VENV)/bin/python -m tests.mutants $(MUTANTS)

# Half the time for the parsers, half for the commands; then malformed requests to a server.
# STRESS="--only pictures --seed 1" chooses.
MINUTES ?= 10
stress: $(DEV_VENV)/.installed
	$(DEV_VENV)/bin/python -m tests.stress --minutes $(MINUTES) $(STRESS)
	$(DEV_VENV)/bin/python -m tests.serve.malformed --count 10000

# LOAD="--clients 8 --minutes 1 -- --running 8" changes it; what stands after -- is for irg serve.
# Two processes, as on a CPU by default: the environment of tests has one thread.
LOAD ?= -- --workers 2
load: $(DEV_VENV)/.installed
	$(DEV_VENV)/bin/python -m tests.load $(LOAD)

REQUESTS ?= 10000
malformed: $(DEV_VENV)/.installed
	$(DEV_VENV)/bin/python -m tests.serve.malformed --count $(REQUESTS)
	$(DEV_VENV)/bin/python -m tests.serve.broken_input --requests $(REQUESTS)

# Every step goes on where an interrupted one stopped.
TRAIN = OMP_NUM_THREADS=1 $(VENV)/bin/torchrun --standalone --nproc-per-node 2 -m irg train --resume
embedded: $(VENV)/.installed
	$(VENV)/bin/python -m pip install --quiet -c constraints.txt -e '.[train]'
	$(VENV)/bin/irg train recipes/embedded_tokenizer.yaml
	$(VENV)/bin/irg train recipes/embedded_autoencoder.yaml
	$(TRAIN) recipes/embedded_base.yaml
	$(VENV)/bin/irg curate recipes/embedded_own1.yaml
	$(TRAIN) recipes/embedded_stage1.yaml
	$(VENV)/bin/irg curate recipes/embedded_own2.yaml
	$(TRAIN) recipes/embedded_stage2.yaml

clean:
	rm -rf $(VENV) $(DEV_VENV) $(DEMO_OUT) build dist mutants .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find src tests -name __pycache__ -prune -exec rm -rf {} +

# A stamp says that the installation is finished; it is redone only when one of these files changes.
$(VENV)/.installed: PACKAGES := -e .
$(DEV_VENV)/.installed: PACKAGES := $(DEV_PACKAGES)

$(sort $(VENV)/.installed $(DEV_VENV)/.installed): pyproject.toml constraints.txt Makefile
	test -x $(@D)/bin/python || $(PYTHON) -m venv $(@D)
	$(@D)/bin/python -m pip install --quiet -c constraints.txt $(PACKAGES)
	touch $@
