# Copyright (c) 2026, the kubedr.ontap authors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Two commands: `make demo` and `make test`. Everything lands in .venv and build, nothing outside this folder.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

PYTHON ?= $(firstword $(foreach name,python3.11 python3,$(shell $(name) -c 'import ensurepip' 2>/dev/null && echo $(name))))
BIN := .venv/bin
STAGE := build/ansible_collections/kubedr/ontap
TREE := $(CURDIR)/build
ENV := env -u ANSIBLE_CONFIG PATH="$(CURDIR)/$(BIN):$$PATH" ANSIBLE_COLLECTIONS_PATH="$(TREE)" PYTHONPATH="$(TREE):$(CURDIR)/lab" PYTHONDONTWRITEBYTECODE=1 \
	ANSIBLE_HOME="$(TREE)/ansible" ANSIBLE_LOCALHOST_WARNING=False ANSIBLE_INVENTORY_UNPARSED_WARNING=False
REQUIREMENTS := $(wildcard requirements/*.txt)
# A sample of the matrix is in it, and its live cells; all of it: `make matrix`. The live days and the histories: `make days`, `make histories`. On real Kubernetes: `make e2e`.
ORDINARY := tests/unit tests/gates tests/component tests/awx tests/matrix \
	tests/playbooks/test_matrix_live.py tests/playbooks/test_hooks.py tests/playbooks/test_point.py tests/playbooks/test_teardown.py
GATES := ruff licences mypy changelog docs-lint units sanity ansible-lint importer

.PHONY: demo circle test bench matrix histories e2e real-lab stage artifact clean help $(GATES)

help:
	@echo "make demo    both sites on this machine, two groups set up, the primary killed, failed over, and proven"
	@echo "make test    all gates: $(GATES)"
	@echo "make circle  out and home again, twice, in three ways, with FlexVols and FlexGroups, compared by hash at every stop"
	@echo "make bench   against the best playbook of stock modules, and with realistic latencies"
	@echo "make e2e     the same circle on real Kubernetes and real Velero, without Docker; make real-lab leaves two such sites running"
	@echo "make histories  10,000 seeded walks over verbs, kills, faults and lost sites, each checked against the safety laws"
	@echo "make matrix  every API call failed once in every way; the run killed before and after every write"

.venv/ready: $(REQUIREMENTS) $(wildcard lab/pyproject.toml)
	@test -n "$(PYTHON)" || { echo "No python3 with ensurepip here. On Debian: apt-get install python3-venv" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed" >&2; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint requirements/constraints.txt \
		$(addprefix --requirement ,$(filter-out requirements/constraints.txt,$(REQUIREMENTS)))
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable lab
	touch $@

stage: .venv/ready
	@$(BIN)/python scripts/stage

artifact: stage
	@rm -f build/kubedr-ontap-*.tar.gz
	@$(ENV) ansible-galaxy collection build --force --output-path build $(STAGE) >/dev/null
	@ls build/kubedr-ontap-*.tar.gz

demo: stage
	@$(ENV) scripts/demo

# The laps, then the kinds of volumes, may be given: make circle CIRCLE="1 flexvol"
circle: stage
	@$(ENV) scripts/circle $(CIRCLE)

bench: stage
	@$(ENV) $(BIN)/python bench/run.py

histories: stage
	@$(ENV) $(BIN)/python -m ansible_collections.kubedr.ontap.tests.histories --count $(or $(COUNT),10000) --processes 2
	@$(ENV) $(BIN)/python -m pytest -n 2 tests/histories

days: stage
	@$(ENV) $(BIN)/python -m pytest -n 2 tests/playbooks

# Every cell of both matrices, and their table. A part of them: make matrix MATRIX="--scenario failback-planned --only kills"
matrix: stage
	@$(ENV) $(BIN)/python -m ansible_collections.kubedr.ontap.tests.matrix --processes 2 --json build/matrix.json $(MATRIX)
	@KUBEDR_MATRIX=all $(ENV) $(BIN)/python -m pytest -n 2 tests/matrix/test_undone.py

# On real Kubernetes and real Velero, built from source on first use (about 20 minutes, kept in ~/.cache/kubedr-lab). One file, and another minor version
# of Kubernetes (lab/controlplane/pins): make e2e TESTS=tests/e2e/test_short.py KUBERNETES=1.37. With KUBEDR_E2E=cached nothing is built.
e2e: stage
	@$(ENV) KUBEDR_E2E=$(or $(KUBEDR_E2E),1) KUBEDR_KUBERNETES=$(KUBERNETES) $(BIN)/python -m pytest -rs $(or $(TESTS),tests/e2e)

real-lab: stage
	@$(ENV) KUBEDR_KUBERNETES=$(KUBERNETES) kubedr-lab up --kubernetes real

test: .venv/ready
	@$(BIN)/python scripts/gates $(GATES)

ruff: .venv/ready
	@$(BIN)/ruff check --quiet .

licences: .venv/ready
	@$(BIN)/python scripts/licences

mypy: stage
	@cd build && MYPYPATH="$(TREE):$(CURDIR)/lab" ../$(BIN)/mypy --config-file ../pyproject.toml --cache-dir ../.mypy_cache \
		-p ansible_collections.kubedr.ontap.plugins.module_utils -p ansible_collections.kubedr.ontap.plugins.plugin_utils -p kubedr_lab

units: stage
	@$(ENV) $(BIN)/python -m pytest -n 2 $(ORDINARY)

sanity: stage
	@$(BIN)/python scripts/sanity

ansible-lint: stage
	@cd $(STAGE) && $(ENV) ansible-lint --offline --profile production --nocolor -q

docs-lint: stage
	@cd $(STAGE) && $(ENV) antsibull-docs lint-collection-docs --plugin-docs --validate-collection-refs=dependent --disallow-unknown-collection-refs --skip-rstcheck .

changelog: stage
	@cd $(STAGE) && $(ENV) antsibull-changelog lint

importer: artifact
	@cd build && rm -rf importer && mkdir importer && cd importer && $(ENV) GALAXY_IMPORTER_CHECK_REQUIRED_TAGS=True GALAXY_IMPORTER_RUN_ANSIBLE_LINT=False \
		$(CURDIR)/$(BIN)/python -m galaxy_importer.main ../kubedr-ontap-*.tar.gz

clean:
	rm -rf build
