# Bone tumours on BTXRD (Yao et al. 2025), three classes:
#   make -f pipelines/btxrd.mk DATA=DIR    DIR holds split.csv, labels.csv or dataset.csv, and images/
#   make -f pipelines/btxrd.mk             downloads the set (801 MB) to build/btxrd/download first
#
#   OUT=DIR      folder of everything (build/btxrd)
#   YAML=FILE    settings (pipelines/btxrd.yaml): a change there makes again what depends on it
#   WEIGHTS=DIR  pretrained weights, NAME.safetensors with timm's names; a model of MODELS that has none
#                there is trained from scratch
#   MODELS="..." tf_efficientnet_lite0 and resnet18, and efficientnet_b0 and resnet50 where WEIGHTS has them
#
# A ready split.csv in DIR is proved and used as it is; else the films are divided here, duplicates
# found by their pixels and put into one group (or dropped where their labels disagree).
OUT ?= build/btxrd
YAML ?= $(dir $(lastword $(MAKEFILE_LIST)))btxrd.yaml
DATA ?= $(OUT)/download
XR_SHARED ?= ../shared
WEIGHTS ?= $(firstword $(wildcard $(XR_SHARED)/weights weights) weights)
MODELS ?= tf_efficientnet_lite0 resnet18 $(patsubst $(WEIGHTS)/%.safetensors,%,$(wildcard $(WEIGHTS)/efficientnet_b0.safetensors $(WEIGHTS)/resnet50.safetensors))
$(foreach m,$(MODELS),$(eval INIT_$(m) := $(wildcard $(WEIGHTS)/$(m).safetensors)))
ROOT := $(DATA)
include $(dir $(lastword $(MAKEFILE_LIST)))experiment.mk

all: $(OUT)/comparison.txt $(TEXTS) $(REPORTS)
	@$(foreach t,$(TEXTS),printf '\n--- %s\n' '$(notdir $(patsubst %/,%,$(dir $(t))))'; cat $(t);)
	@printf '\n'; cat $(OUT)/comparison.txt
	@printf '\n'; $(foreach r,$(REPORTS),printf 'Report: %s\n' '$(abspath $(r))';)

ifneq ($(wildcard $(DATA)/split.csv),)
$(OUT)/splits.csv: $(DATA)/split.csv
	$(call say,COPY)
	$(run)mkdir -p $(@D)
	$(run)xr-split --check $< >/dev/null
	$(run)cp $< $@
else
# the set may lie one folder down, as in its archive
TABLES := $(wildcard $(foreach d,$(DATA) $(DATA)/BTXRD,$(d)/labels.csv $(d)/dataset.csv $(d)/dataset.xlsx))
$(OUT)/films.csv: $(if $(TABLES),$(TABLES),$(OUT)/download/.complete)
	$(call say,FILMS)
	$(run)mkdir -p $(@D)
	$(run)$(PIPELINES)/btxrd-data $(DATA) $@
$(OUT)/splits.csv: $(CONF)/split.yaml $(OUT)/films.csv
	$(call say,SPLIT)
	$(run)xr-split --config $< -o $@ $(OUT)/films.csv
$(OUT)/download/.complete:
	$(call say,FETCH)
	$(run)$(PIPELINES)/btxrd-fetch $(@D)
	$(run)touch $@
endif
