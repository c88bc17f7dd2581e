# The whole line on phantom radiographs, in about two minutes: make -f pipelines/demo.mk
#   OUT=DIR   folder of everything (build/demo)
#   YAML=FILE settings (pipelines/demo.yaml)
OUT ?= build/demo
YAML ?= $(dir $(lastword $(MAKEFILE_LIST)))demo.yaml
ROOT = $(OUT)/data
MODELS ?= resnet18:.
CERTIFICATE = $(OUT)/split-certificate.json
FLOW = $(OUT)/split-flow.csv
DEMOGRAPHICS = $(OUT)/split-demographics.csv
include $(dir $(lastword $(MAKEFILE_LIST)))experiment.mk

all: $(REPORTS) $(DOCUMENTS) $(TEXTS)
	@cat $(TEXTS)
	@awk -F, 'NR > 1 && $$2 == $$3 && $$6 != "" { n++; hit += $$6 } END { if (n) printf "\nheat maps: the hottest point lies in the lesion in %d of %d correctly called tumours (%.2f)\n", hit, n, hit / n }' $(OUT)/cam-scores.csv
	@printf '\nModel card: %s\nReport: %s\n' '$(abspath $(OUT)/card.md)' '$(abspath $(OUT)/report.html)'

$(OUT)/data/dataset.csv: $(CONF)/synth.yaml
	$(call say,SYNTH)
	$(run)xr-synth --config $< --force -j $$(nproc) -o $(OUT)/data

$(OUT)/splits.csv $(CERTIFICATE) $(FLOW) $(DEMOGRAPHICS) &: $(CONF)/split.yaml $(OUT)/data/dataset.csv $(call gone,$(CERTIFICATE) $(FLOW) $(DEMOGRAPHICS))
	$(call say,SPLIT)
	$(run)xr-split --config $< --certificate $(CERTIFICATE) --flow $(FLOW) --demographics $(DEMOGRAPHICS) -o $(OUT)/splits.csv $(OUT)/data/dataset.csv
