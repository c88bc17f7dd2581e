# Bone tumours on BTXRD (Yao et al. 2025), three classes:
#   make -f pipelines/btxrd.mk DATA=DIR    DIR holds split.csv, labels.csv or dataset.csv, and images/
#   make -f pipelines/btxrd.mk             downloads the set (801 MB) to build/btxrd/download first
#
#   OUT=DIR      folder of everything (build/btxrd)
#   YAML=FILE    settings (pipelines/btxrd.yaml): a change there makes again what depends on it
#   WEIGHTS=DIR  pretrained weights, NAME.safetensors with timm's names; a model of MODELS that has none
#                there is trained from scratch
#   SEEDS="8 9"  each model is trained with these seeds too; ensemble.txt measures the mean of all
#   MODELS="..." tf_efficientnet_lite0 and resnet18, and efficientnet_b0 and resnet50 where WEIGHTS has them
#
# A ready split.csv in DIR is proved and used as it is; else the films are divided here: copies of one film
# are found by their pixels and stay in one group (or are dropped where their labels disagree), and neighbours
# that agree in PATIENT are one patient where the table names no groups. Beside splits.csv then lie its
# certificate, the pairs that were found, what became of the rows, and who is in which part (split-*).
OUT ?= build/btxrd
YAML ?= $(dir $(lastword $(MAKEFILE_LIST)))btxrd.yaml
DATA ?= $(OUT)/download
XR_SHARED ?= ../shared
WEIGHTS ?= $(firstword $(wildcard $(XR_SHARED)/weights weights) weights)
MODELS ?= tf_efficientnet_lite0 resnet18 $(patsubst $(WEIGHTS)/%.safetensors,%,$(wildcard $(WEIGHTS)/efficientnet_b0.safetensors $(WEIGHTS)/resnet50.safetensors))
$(foreach m,$(MODELS),$(eval INIT_$(m) := $(wildcard $(WEIGHTS)/$(m).safetensors)))
ROOT := $(DATA)
DEMOGRAPHICS = $(OUT)/split-demographics.csv
ifeq ($(wildcard $(DATA)/split.csv),)
CERTIFICATE := $(OUT)/split-certificate.json
FLOW := $(OUT)/split-flow.csv
endif
# the columns of dataset.csv that the films of one patient share
PATIENT := center,age,gender,hand,ulna,radius,humerus,foot,tibia,fibula,femur,hip bone,ankle-joint,knee-joint,hip-joint,wrist-joint,elbow-joint,shoulder-joint
include $(dir $(lastword $(MAKEFILE_LIST)))experiment.mk

all: $(OUT)/comparison.txt $(TEXTS) $(REPORTS) $(DOCUMENTS)
	@$(foreach t,$(TEXTS),printf '\n--- %s\n' '$(patsubst $(OUT)/%.txt,%,$(t))'; cat $(t);)
	@printf '\n'; cat $(OUT)/comparison.txt
	@printf '\n'; $(foreach r,$(REPORTS),printf 'Report: %s\n' '$(abspath $(r))';)

ifneq ($(wildcard $(DATA)/split.csv),)
$(OUT)/splits.csv $(DEMOGRAPHICS) &: $(DATA)/split.csv $(call gone,$(DEMOGRAPHICS))
	$(call say,COPY)
	$(run)mkdir -p $(OUT)
	$(run)xr-split --check $< >/dev/null
	$(run)$(PIPELINES)/demographics $< >$(DEMOGRAPHICS)
	$(run)cp $< $(OUT)/splits.csv
else
# the set may lie one folder down, as in its archive
TABLES := $(wildcard $(foreach d,$(DATA) $(DATA)/BTXRD,$(d)/labels.csv $(d)/dataset.csv $(d)/dataset.xlsx))
$(OUT)/films.csv: $(if $(TABLES),$(TABLES),$(OUT)/download/.complete)
	$(call say,FILMS)
	$(run)mkdir -p $(@D)
	$(run)$(PIPELINES)/btxrd-data $(DATA) $@
$(OUT)/splits.csv $(CERTIFICATE) $(FLOW) $(DEMOGRAPHICS) &: $(CONF)/split.yaml $(OUT)/films.csv $(call gone,$(CERTIFICATE) $(FLOW) $(DEMOGRAPHICS))
	$(call say,SPLIT)
	$(run)groups=(); \
	case $$(head -n 1 $(OUT)/films.csv) in \
	key,path,mask,label,group,*) ;; \
	*) groups=(--group-runs '$(PATIENT)') ;; \
	esac; \
	xr-split --config $< --root $(DATA) -j "$$(nproc)" "$${groups[@]}" --certificate $(CERTIFICATE) \
	    --pairs $(OUT)/split-pairs.csv --flow $(FLOW) --demographics $(DEMOGRAPHICS) \
	    -o $(OUT)/splits.csv $(OUT)/films.csv
$(OUT)/download/.complete:
	$(call say,FETCH)
	$(run)$(PIPELINES)/btxrd-fetch $(@D)
	$(run)touch $@
endif
