# Every verb: make help
ifneq ($(filter 1.% 2.% 3.%,$(MAKE_VERSION)),)
$(error GNU make 4 is needed, this is $(MAKE_VERSION). Install it, on Debian: apt-get install make)
endif

# PYTHON=python3.12 makes the environments with that one; else the script looks for one that works
NEW_VENV = python="$$(sh tools/find_python.sh $${PYTHON:+"$$PYTHON"})" && "$$python" -m venv
VENV := .venv
BIN := $(VENV)/bin
RUN := $(BIN)/python

PHANTOM := data/openkbp_phantom_release
PREPARED := data/openkbp_phantom
SMOKE := runs/smoke
SERVING := runs/serving
TORTURE := runs/torture
SEED ?= 0
LABEL := .venv-label
# PIP_CONSTRAINT is a list parted by spaces: an address has none
LABEL_PIP = PIP_CONSTRAINT="$$($(LABEL)/bin/python -c 'from pathlib import Path as p; print(p("requirements/label.txt").absolute().as_uri())')" \
  $(LABEL)/bin/pip install --quiet
DEPLOY := .venv-deploy
LOWEST := .venv-lowest
CONFIGS := bundles/openkbp/configs
PACKAGE := $(shell find ctan_monai -name '*.py' -o -name '*.j2' -o -name '*.csv')
RESULTS ?= runs/results
TESTS ?= tests
# Rooms whose tests run in the process that counts, not in commands of their own
COVERED ?= losses metrics networks
JOBS ?= 2
# A path may hold a "$": neither make nor the shell may expand it
override CT := $(value CT)
override RESULTS := $(value RESULTS)
override TARGETS := $(value TARGETS)
# The network that takes the targets, or the one for CT alone
ifdef TARGETS
NETWORK := ctan_targets
else
NETWORK := ctan_small
endif
SHIPPED := bundles/openkbp/models/$(NETWORK)
PACKED := runs/$(NETWORK)
export CT RESULTS TARGETS
ifdef PYTHON
override PYTHON := $(value PYTHON)
export PYTHON
endif

.PHONY: help install quickstart predict ct-given test test-all coverage label-test deploy-test lowest-test pacs-test \
  fresh-test torture lint docs benchmark clean

help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

install: $(VENV)/.installed ## Make .venv and install the package with its DICOM extra

$(VENV)/.installed: setup.cfg pyproject.toml constraints.txt
	$(NEW_VENV) $(VENV)
	$(BIN)/pip install --quiet --constraint constraints.txt torch
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[dicom]'
	touch $@

# What the tests need besides
$(VENV)/.test-installed: $(VENV)/.installed
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[all]'
	touch $@

# MONAI's notices (optional packages, "a config is code") would hide the progress bars
quickstart: export PYTHONWARNINGS = ignore
# threads that wait sleep: spinning, they would take the time of the others where cores are few or busy
quickstart: export OMP_WAIT_POLICY ?= PASSIVE
quickstart: install ## Phantom data -> train CTAN (CPU, minutes) -> evaluate -> inference -> HTML report
	$(RUN) tools/make_phantom.py openkbp --output $(PHANTOM) --patients 6 --seed 0
	$(RUN) tools/prepare_data.py openkbp --source $(PHANTOM) --output $(PREPARED)
	rm -rf $(SMOKE)
	$(RUN) -m monai.bundle run training --config_file "['$(CONFIGS)/train.json','$(CONFIGS)/smoke.json']"
	$(RUN) -m monai.bundle run evaluating \
	  --config_file "['$(CONFIGS)/train.json','$(CONFIGS)/smoke.json','$(CONFIGS)/evaluate.json']"
	$(RUN) -m monai.bundle run inferring --config_file $(CONFIGS)/inference.json \
	  --checkpoint $(SMOKE)/model.pt \
	  --training_ranges $(PREPARED)/datalist.json --output_dir $(SMOKE)/inference \
	  --dataset_dir "$$(ls -d $(PREPARED)/test/*/ | head -n 1)ct.nii"
	rm -rf $(SMOKE)/real_network
	$(MAKE) predict CT="$$(ls -d $(PREPARED)/test/*/ | head -n 1)ct.nii" RESULTS=$(SMOKE)/real_network
	@echo "Report:     $(SMOKE)/evaluation/report.html"
	@echo "Prediction: $(SMOKE)/inference"
	@echo "The same CT by the network trained on real patients ($(SHIPPED)/README.md): $(SMOKE)/real_network"

predict: export PYTHONWARNINGS = ignore
predict: ct-given $(PACKED)/openkbp ## Contours and dose from a CT by the network trained on real patients: make predict CT=ct.nii.gz RESULTS=folder [TARGETS=masks] [ARGS="--dicom --pdf"]
	@$(BIN)/ctan-monai-predict --bundle $(PACKED)/openkbp $${TARGETS:+--targets="$$TARGETS"} $(ARGS) -- "$$CT" "$$RESULTS"

ct-given:
	@test -n "$$CT" || { echo 'error: which CT? make predict CT=ct.nii.gz RESULTS=folder' >&2; exit 2; }
	@test -e "$$CT" || { echo "error: $$CT: no such file or folder. Give a NIfTI, a MetaImage, or a folder with a DICOM CT series." >&2; exit 2; }

# As its recipient gets it: packed, and unpacked beside the repository's own configs
$(PACKED)/openkbp: $(wildcard $(SHIPPED)/* $(SHIPPED)/evaluation/* $(CONFIGS)/*.json) $(PACKAGE) | install
	rm -rf $(PACKED)
	$(RUN) tools/pack_bundle.py openkbp --checkpoint $(SHIPPED)/model.pt --half --formats --output $(PACKED)/openkbp.zip
	$(RUN) -m zipfile -e $(PACKED)/openkbp.zip $(PACKED)
	touch $@

test: $(VENV)/.test-installed ## Run the tests (minutes); those on real data are skipped, and say so, where it is absent
	$(RUN) -m pytest -m "not slow" -n $(JOBS) --dist loadfile --durations=10 $(TESTS)

test-all: $(VENV)/.test-installed ## Run all tests, the slow ones too
	$(RUN) -m pytest --durations=20

coverage: $(VENV)/.test-installed ## Statements of losses, metrics and networks that their own quick tests run: [COVERED="losses handlers"]
	$(RUN) -m pytest -m "not slow" -n $(JOBS) --dist loadfile $(COVERED:%=--cov=ctan_monai.%) --cov-report=term:skip-covered \
	  $(COVERED:%=tests/%)

label-test: $(LABEL)/.installed ## A MONAI Label server with every bundle, in an environment of its own (.venv-label)
	$(LABEL)/bin/python -m pytest tests/label/check_monai_label.py
	$(LABEL)/bin/python -m pytest -m "not slow" tests/data tests/imaging tests/inference tests/dicom/test_series.py \
	  tests/dicom/test_rtdose.py tests/dicom/test_dicom_files.py tests/transforms/test_inference_geometry.py

# numpy and pydicom are older there. PIP_CONSTRAINT also holds for the packages that are built (sam2 builds with torch).
# A torchvision that does not fit a CPU build of torch lacks compiled operators, which Label does not use, and fails at
# their registration; its Python parts work.
$(LABEL)/.installed: setup.cfg requirements/label.txt
	$(NEW_VENV) $(LABEL)
	$(LABEL_PIP) torch
	$(LABEL_PIP) monailabel pynetdicom dicomweb-client pytest pytest-timeout
	$(LABEL_PIP) --editable .
	$(LABEL)/bin/python -c 'import torchvision' 2> /dev/null || $(LABEL)/bin/python tests/label/mend_torchvision.py
	touch $@

deploy-test: $(DEPLOY)/.installed ## The MONAI Deploy example apps against the bundles, likewise (.venv-deploy)
	$(DEPLOY)/bin/python -m pytest tests/deploy/check_monai_deploy.py

$(DEPLOY)/.installed: setup.cfg requirements/deploy.txt
	$(NEW_VENV) $(DEPLOY)
	$(DEPLOY)/bin/pip install --quiet --constraint requirements/deploy.txt torch
	$(DEPLOY)/bin/pip install --quiet --constraint requirements/deploy.txt pytest pytest-timeout --editable '.[deploy]'
	touch $@

# Old libraries warn of themselves
lowest-test: $(LOWEST)/.installed ## A part of the tests with the oldest versions that setup.cfg allows, likewise (.venv-lowest)
	$(LOWEST)/bin/python -m pytest -W ignore::DeprecationWarning -m "not slow" tests/imaging tests/losses tests/handlers/test_validation_picture.py \
	  tests/metrics/test_dvh_curve.py tests/metrics/test_classification_metrics.py tests/data/test_loader.py \
	  tests/dicom/test_series.py tests/dicom/test_rtdose.py tests/transforms/test_inference_geometry.py
	rm -rf runs/lowest
	$(LOWEST)/bin/ctan-monai phantom openkbp --output runs/lowest/release --patients 3
	$(LOWEST)/bin/ctan-monai prepare openkbp --source runs/lowest/release --output runs/lowest/data
	for command in train evaluate; do $(LOWEST)/bin/ctan-monai $$command openkbp smoke --max_epochs 1 \
	  --dataset_dir runs/lowest/data --output_dir runs/lowest/run || exit; done

# torch is the one of constraints.txt: uv keeps what is installed, and would else take the oldest one with CUDA
$(LOWEST)/.installed: setup.cfg constraints.txt
	$(NEW_VENV) $(LOWEST)
	$(LOWEST)/bin/pip install --quiet --constraint constraints.txt torch uv pytest pytest-timeout
	grep '^torch==' constraints.txt > $(LOWEST)/torch.txt
	$(LOWEST)/bin/uv pip install --quiet --python $(LOWEST)/bin/python --resolution lowest-direct \
	  --constraint $(LOWEST)/torch.txt --requirements setup.cfg
	$(LOWEST)/bin/pip install --quiet --no-deps --editable .
	touch $@

pacs-test: $(VENV)/.pacs-installed ## A real patient through Orthanc and back, and into OHIF in Chromium: needs npm and Chromium; fetches Orthanc and OHIF
	PYTHON=$(RUN) tests/pacs/pacs_test.sh

$(VENV)/.pacs-installed: $(VENV)/.test-installed
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[all,pacs]'
	touch $@

fresh-test: ## "make quickstart" and "make test" on a bare Debian 12 and 13, in a chroot (root only): [DEBIAN=13] [COMMANDS=install]
	tests/fresh/fresh_test.sh

torture: $(VENV)/.test-installed ## Kills, damaged files, full disks and attacks, with a table of what came of them: [FULL=1 (hours)] [SECONDS=600] [PARTS=kills] [SEED=0] [OUTPUT=page.md]
	$(RUN) tests/torture/main.py --state $(TORTURE) --seed $(SEED) $(if $(FULL),--full) $(if $(SECONDS),--seconds $(SECONDS)) \
	  $(PARTS:%=--part %) $(if $(OUTPUT),--output $(OUTPUT))

lint: $(VENV)/.test-installed ## Style and types
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy

docs: $(VENV)/.docs-installed ## The documentation as a site, in runs/site
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

$(VENV)/.docs-installed: $(VENV)/.installed
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[docs]'
	touch $@

benchmark: install ## Speed of loading, training and inference on this machine
	$(RUN) tools/benchmark.py openkbp --output docs/results/benchmark_openkbp.json

clean: ## Remove what the quickstart and the serving tests made (data, runs), not the environments
	rm -rf $(PHANTOM) $(PREPARED) $(SMOKE) $(SERVING) $(TORTURE) runs/ctan_small runs/ctan_targets
