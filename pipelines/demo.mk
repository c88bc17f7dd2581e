# The whole line on phantom radiographs, in about two minutes: make -f pipelines/demo.mk
#   OUT=DIR   folder of everything (build/demo)
#   YAML=FILE settings (pipelines/demo.yaml)
OUT ?= build/demo
YAML ?= $(dir $(lastword $(MAKEFILE_LIST)))demo.yaml
ROOT = $(OUT)/data
MODELS ?= resnet18:.
include $(dir $(lastword $(MAKEFILE_LIST)))experiment.mk

all: $(REPORTS) $(TEXTS)
	@cat $(TEXTS)
	@awk -F, 'NR > 1 && $$2 == $$3 && $$6 != "" { n++; hit += $$6 } END { if (n) printf "\nheat maps: the hottest point lies in the lesion in %d of %d correctly called tumours (%.2f)\n", hit, n, hit / n }' $(OUT)/cam-scores.csv
	@printf '\nReport: %s\n' '$(abspath $(OUT)/report.html)'

$(OUT)/data/dataset.csv: $(CONF)/synth.yaml
	$(call say,SYNTH)
	$(run)xr-synth --config $< --force -j $$(nproc) -o $(OUT)/data

$(OUT)/splits.csv: $(CONF)/split.yaml $(OUT)/data/dataset.csv
	$(call say,SPLIT)
	$(run)xr-split --config $< -o $@ $(OUT)/data/dataset.csv
