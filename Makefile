# The only task runner. One environment holds every task; each is installable alone:
#   pip install -c constraints.txt -e shared -e TASK

TASKS    := voxel-flow segmentation face-attributes fashion
PROJECTS := shared people $(TASKS)

VENV    := .venv
PYTHON  ?= python3
RUN     := "$(CURDIR)/$(VENV)/bin/python"
INSTALL ?= $(RUN) -m pip install --quiet
READY   := $(VENV)/.ready
# of what has no command of ours around it; the commands choose their own
THREADS := $$($(RUN) -m vision_shared.threads)
ARGS    ?=
OUTPUT  ?= runs/predictions
DATA    ?=
ROOT    ?=

module   = $(subst -,_,$(TASK))
folder   = $(if $(filter people,$(1)),shared/people,$(1))
# shared[dev] brings the tools of `make test`, `make lint` and `make lock`
packages = ./shared[dev] ./shared/people $(TASKS:%=./%)

.DEFAULT_GOAL := help
.PHONY: help setup data train evaluate predict smoke test bench gpu-wheels gpu-check soak mutants \
        dashboard demo docs lint lock \
        clean tasks one-task one-project checkpoint input $(PROJECTS:%=test-%) $(PROJECTS:%=bench-%) \
        $(TASKS:%=smoke-%)

help:  ## list the targets
	@echo "make TARGET [TASK=$(firstword $(TASKS))], tasks: $(TASKS)"
	@sed -n 's/^\([a-z-]*\):.*  ## \(.*\)/  \1\t\2/p' Makefile | expand -t 14

setup: $(READY)  ## make .venv with every task installed; a repeated set-up costs nothing

$(READY): constraints.txt $(foreach project,$(PROJECTS),$(call folder,$(project))/pyproject.toml)
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(not (3, 11) <= v < (3, 14) and "Python 3.11 to 3.13 is needed, $(PYTHON) is %d.%d; try: make PYTHON=python3.12 ..." % v[:2])'
	$(PYTHON) -m venv $(VENV)
	$(INSTALL) --constraint constraints.txt $(packages:%=--editable %)
	@touch $@

data: one-task $(READY)  ## fetch, unpack and check a data set, or list them: TASK=... [DATA=NAME [ROOT=DIR]]
	@$(RUN) -m $(module).data.prepare $(DATA) $(if $(ROOT),"$(ROOT)") $(ARGS)

train: one-task $(READY)  ## train: TASK=voxel-flow [ARGS="experiment=smoke seed=1"]
	@$(RUN) -m $(module).train $(ARGS)

evaluate: one-task checkpoint $(READY)  ## test a checkpoint: TASK=... CKPT=PATH|last [ARGS="data=video"]
	@$(RUN) -m vision_shared.evaluate "$(CKPT)" --task $(TASK) $(ARGS)

# INPUT is one file where there is one of that name, blanks or not, else several apart by blanks
predict: export INPUT := $(INPUT)
predict: one-task input $(READY)  ## use it: TASK=... INPUT=FILES [CKPT=PATH|last] [OUTPUT=...] [ARGS=...]
	@if [ -e "$$INPUT" ]; then set -- "$$INPUT"; else eval "set -- $$INPUT"; fi; \
	$(RUN) -m $(module).predict $(if $(CKPT),--checkpoint "$(CKPT)") "$$@" -o "$(OUTPUT)" $(ARGS)

smoke: $(if $(TASK),one-task smoke-$(TASK),$(TASKS:%=smoke-%))  ## train for seconds on a CPU: [TASK=...]

$(TASKS:%=smoke-%): smoke-%: $(READY)
	@$(RUN) -m $(subst -,_,$*).train experiment=smoke $(ARGS)

test: $(if $(TASK),one-project test-$(TASK),$(PROJECTS:%=test-%))  ## run the tests: [TASK=...|shared|people] [ARGS="-k name"]

$(PROJECTS:%=test-%): test-%: $(READY)
	cd $(call folder,$*) && env $(THREADS) $(RUN) -m pytest $(ARGS)

bench: $(if $(TASK),one-project bench-$(TASK),$(PROJECTS:%=bench-%))  ## run the benchmarks: [TASK=...|shared|people]

$(PROJECTS:%=bench-%): bench-%: $(READY)
	@for script in $(wildcard $(call folder,$*)/benchmarks/bench_*.py); do env $(THREADS) $(RUN) $$script $(ARGS) || exit 1; done

gpu-wheels: $(READY)  ## gather what a GPU machine without a network lacks, into .gpu/
	@$(RUN) shared/benchmarks/gpu_check/gather.py

gpu-check:  ## show on a GPU that all works, and how fast; no set-up: [PYTHON=...] [ARGS="--device cpu"]
	@$(PYTHON) shared/benchmarks/gpu_check $(ARGS)

soak: $(READY)  ## kill the commands, give them damaged and hostile files; 20 minutes: [ARGS="--quick"]
	@$(RUN) shared/benchmarks/soak $(ARGS)

mutants: $(READY)  ## break the core at one place after another: does a test fail? [ARGS="--only ..."]
	@$(INSTALL) --constraint constraints.txt --editable "./shared[mutants]"
	@$(RUN) shared/benchmarks/soak/mutants.py $(ARGS)

dashboard: $(READY)  ## write runs/index.html, a table of all runs; show their curves in TensorBoard
	@$(RUN) -m vision_shared.dashboard runs
	$(RUN) -m tensorboard.main --logdir runs $(ARGS)

demo: one-task $(READY)  ## try it in a browser, on this machine alone: TASK=... [CKPT=PATH|last] [ARGS="--port 7860"]
	@$(INSTALL) --constraint constraints.txt --editable "./$(TASK)[demo]"
	@$(RUN) -m $(module).demo $(if $(CKPT),--checkpoint "$(CKPT)") $(ARGS)

docs: $(READY)  ## build the documentation site in site/, links checked; no network once installed
	@$(INSTALL) --constraint constraints.txt --editable "./shared[docs]"
	@NO_MKDOCS_2_WARNING=1 $(RUN) -m mkdocs build --quiet --strict $(ARGS)
	@echo "site/index.html"

lint: $(READY)  ## format check, lint, types, import contracts, spelling, workflows
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/pyrefly check
	$(VENV)/bin/lint-imports
	$(VENV)/bin/codespell
	$(RUN) docs/words.py
	$(VENV)/bin/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yaml
	$(VENV)/bin/zizmor --offline --quiet .github/workflows

lock: $(READY)  ## pin the newest versions that fit in constraints.txt: [ARGS="--upgrade-package torch"]
	printf -- '-e %s\n' $(packages:./shared[dev]=./shared[dev,demo]) | $(VENV)/bin/uv pip compile - \
	  --universal --python-version 3.11 --no-header --no-annotate --no-emit-index-url \
	  --no-emit-find-links $(TASKS:%=--no-emit-package %) --no-emit-package vision-shared --no-emit-package synthetic-people \
	  --output-file constraints.txt --quiet $(ARGS)

clean:  ## remove the environment, caches and builds; runs/ and data/ stay
	rm -rf $(VENV) dist site .ruff_cache $(foreach project,$(PROJECTS),$(addprefix $(call folder,$(project))/,.pytest_cache dist))

tasks:
	@echo $(TASKS)

one-task:
	$(if $(filter $(TASK),$(TASKS)),,$(error TASK is one of: $(TASKS)$(if $(TASK),; not '$(TASK)')))
	@:

one-project:
	$(if $(filter $(TASK),$(PROJECTS)),,$(error TASK is one of: $(PROJECTS); not '$(TASK)'))
	@:

checkpoint:
	$(if $(CKPT),,$(error CKPT=PATH or CKPT=last is needed))
	@:

input:
	$(if $(INPUT),,$(error INPUT=FILES is needed))
	@:
