# From a table of films to a report: the rules that every pipeline shares. A pipeline sets
#   OUT     folder of all that is made
#   YAML    settings: a section a tool, and TOOL-MODEL over that of augment, train and predict
#   ROOT    folder that paths in the table are relative to
#   MODELS  the models, each NAME or NAME:DIR (DIR in OUT; "." is OUT itself)
#   CERTIFICATE  (optional) the split's, against which every later tool verifies what it reads
#   FLOW, DEMOGRAPHICS  (optional) the tables that xr-split wrote beside the split, for report and card
#   CHECKLISTS  those that are filled in beside the card (all that xr-report knows)
#   INIT_NAME  (optional) weights that the model NAME starts from
#   SEEDS   (optional) each model is trained once more with each of these seeds, in DIR/seed-N, and ensemble.txt
#           and .json in DIR measure the mean of all its probabilities
# and has a rule for $(OUT)/splits.csv, or includes split.mk. Every file is a target; a section of the
# YAML becomes a file of its own that changes only when the section does, so that one key touched
# rebuilds exactly what depends on it. Interrupted, the same command goes on.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := all

PIPELINES := $(patsubst %/,%,$(dir $(lastword $(MAKEFILE_LIST))))
XR_BIN ?= $(abspath $(PIPELINES)/../build/bin)
export PATH := $(XR_BIN):$(PATH)
export LC_ALL := C
V ?=
say = @$(if $(V),:,printf '  %-8s %s\n' $(1) $@)
run := $(if $(V),,@)

CONF := $(OUT)/config
name = $(firstword $(subst :, ,$(1)))
dir_of = $(OUT)$(addprefix /,$(filter-out .,$(word 2,$(subst :, ,$(1)) $(1))))

# --- settings ------------------------------------------------------------------------------
# Written anew by every make, moved into place only if they differ.
settle = @mkdir -p $(@D) && $(1) >$@.new && { cmp -s $@.new $@ && rm $@.new || mv $@.new $@; }

$(CONF)/%.yaml: force
	$(call settle,$(PIPELINES)/section $(YAML) $*)

$(OUT)/split.txt: $(OUT)/splits.csv
	$(call say,CHECK)
	$(run)xr-split --check $< >$@

# what a rule must make again because a file beside its target is gone: make itself does not look
gone = $(if $(filter-out $(wildcard $(1)),$(1)),force)
certified = $(if $(CERTIFICATE),--certificate $(CERTIFICATE))
beside = $(certified) $(if $(FLOW),--flow $(FLOW)) $(if $(DEMOGRAPHICS),--demographics $(DEMOGRAPHICS))
# subgroups are drawn where the metrics have them
by := $(shell sed -n '/^metrics:/,/^[^ #]/s/^ *by: *//p' $(YAML))
CHECKLISTS ?= claim2024 tripod-ai stard-ai

# --- one training ----------------------------------------------------------------------------
# $(1) the model, $(2) the folder of its settings and films, $(3) the folder of what is made, $(4) more options.
# The checkpoint's name is that of all it depends on: other settings never meet an old state.
define training
$(3)/model.safetensors $(3)/log.csv &: $(2)/train.yaml $(2)/augment.yaml $(2)/val.tar $$(INIT_$(1)) $$(OUT)/splits.csv
	$$(call say,TRAIN)
	$$(run)mkdir -p $(3); state=$(3)/checkpoint-$$$$(cat $$^ | sha256sum | cut -c1-16); \
	$$(PIPELINES)/run \
	    "xr-augment --config $(2)/augment.yaml --root $$(ROOT) $$(certified) --split train $(4) $$(OUT)/splits.csv" \
	    "xr-train --config $(2)/train.yaml -m $(1) $$(if $$(INIT_$(1)),--init $$(INIT_$(1))) $$(certified) --val $(2)/val.tar --checkpoint $$$$state -o $(3)/model.safetensors $(4) $$(TRAIN_FLAGS)" \
	    >$(3)/log.csv; \
	rm -rf $(3)/checkpoint-*

$(3)/predictions.csv: $(3)/model.safetensors $(2)/test.tar $(2)/predict.yaml
	$$(call say,PREDICT)
	$$(run)xr-predict --config $(2)/predict.yaml -w $$< $$(certified) -o $$@ $(2)/test.tar

endef

# --- one model -------------------------------------------------------------------------------
# $(1) its name, $(2) its folder
define model_rules
$(2)/train.yaml: force
	$$(call settle,$$(PIPELINES)/section $$(YAML) train train-$(1))
$(2)/augment.yaml: force
	$$(call settle,$$(PIPELINES)/section $$(YAML) augment augment-$(1))
$(2)/predict.yaml: force
	$$(call settle,$$(PIPELINES)/section $$(YAML) predict predict-$(1))
# what val and test films depend on: not the transforms, the epochs or the seed
$(2)/augment-fixed.yaml: $(2)/augment.yaml
	$$(call settle,sed -n '1p;/^ *\(size\|fit\|polygon-mask\|interpolation\|channels\|classes\|key-replace\|skip-bad\|like\):/p' $$<)

$(2)/val.tar $(2)/test.tar: $(2)/%.tar: $(2)/augment-fixed.yaml $$(OUT)/splits.csv | $$(OUT)/split.txt
	$$(call say,AUGMENT)
	$$(run)xr-augment --config $$< --root $$(ROOT) $$(certified) --split $$* -o $$@ $$(OUT)/splits.csv

$(call training,$(1),$(2),$(2),)
$(foreach n,$(SEEDS),$(call training,$(1),$(2),$(2)/seed-$(n),-s $(n)))

$(2)/metrics.json: $$(CONF)/metrics.yaml $(2)/predictions.csv
	$$(call say,METRICS)
	$$(run)xr-metrics --config $$< $$(certified) -o $$@ $(2)/predictions.csv
$(2)/metrics.txt: $$(CONF)/metrics.yaml $(2)/predictions.csv
	$$(call say,METRICS)
	$$(run)xr-metrics --config $$< $$(certified) --text -o $$@ $(2)/predictions.csv

# the model and its sisters of other seeds
ENSEMBLE_$(1) := $(2)/predictions.csv $(SEEDS:%=$(2)/seed-%/predictions.csv)
$(2)/ensemble.json $(2)/ensemble.txt: $(2)/ensemble.%: $$(CONF)/metrics.yaml $$(ENSEMBLE_$(1))
	$$(call say,METRICS)
	$$(run)xr-metrics --config $$< $$(certified) --ensemble mean $$(if $$(filter txt,$$*),--text) -o $$@ $$(ENSEMBLE_$(1))

$(2)/cam.tar $(2)/cam-scores.csv &: $$(CONF)/cam.yaml $(2)/model.safetensors $(2)/test.tar
	$$(call say,CAM)
	$$(run)xr-cam --config $$< $$(certified) -w $(2)/model.safetensors --scores $(2)/cam-scores.csv -o $(2)/cam.tar $(2)/test.tar

$(2)/confusion.svg $(2)/roc.svg $(2)/pr.svg $(2)/scores.svg $(2)/reliability.svg: $(2)/%.svg: $$(CONF)/plot.yaml $(2)/predictions.csv
	$$(call say,PLOT)
	$$(run)xr-plot $$* --config $$< -o $$@ $(2)/predictions.csv
$(2)/forest.svg: $$(CONF)/plot.yaml $(2)/metrics.json
	$$(call say,PLOT)
	$$(run)xr-plot forest --config $$< -o $$@ $(2)/metrics.json
$(2)/curves.svg: $$(CONF)/plot.yaml $(2)/log.csv
	$$(call say,PLOT)
	$$(run)xr-plot curves --config $$< -o $$@ $(2)/log.csv
$(2)/classes.svg: $$(CONF)/plot.yaml $$(OUT)/splits.csv
	$$(call say,PLOT)
	$$(run)mkdir -p $(2)
	$$(run)xr-plot classes --config $$< -o $$@ $$(OUT)/splits.csv

PLOTS_$(1) := $(addprefix $(2)/,classes.svg curves.svg roc.svg pr.svg confusion.svg scores.svg reliability.svg $(if $(by),forest.svg))
DOCUMENTS_$(1) := $(addprefix $(2)/,card.md card.html $(addsuffix .md,$(addprefix checklist-,$(CHECKLISTS))))
# what report, card and checklists are made of
$(2)/report.html $$(DOCUMENTS_$(1)): $$(CONF)/report.yaml $$(COMPARISON) $$(OUT)/splits.csv $(2)/log.csv $(2)/metrics.json $(2)/predictions.csv $(2)/model.safetensors $(2)/cam.tar $(2)/cam-scores.csv
FILES_$(1) = --config $$(CONF)/report.yaml --split $$(OUT)/splits.csv --root $$(ROOT) $$(beside) --log $(2)/log.csv \
    --metrics $(2)/metrics.json --predictions $(2)/predictions.csv -m $(2)/model.safetensors --cam $(2)/cam.tar \
    --cam-scores $(2)/cam-scores.csv $$(COMPARISON:%=--comparison %)
$(2)/report.html: $$(PLOTS_$(1))
	$$(call say,REPORT)
	$$(run)xr-report $$(FILES_$(1)) $$(PLOTS_$(1):%=--plot %) -o $$@
$(2)/card.md $(2)/card.html:
	$$(call say,CARD)
	$$(run)xr-report --card $$(FILES_$(1)) -o $$@
$(2)/checklist-%.md:
	$$(call say,LIST)
	$$(run)xr-report --checklist $$* $$(FILES_$(1)) -o $$@
endef
# several models are compared on the same films: paired tests, with what the figures' section says of intervals
COMPARISON := $(if $(word 2,$(MODELS)),$(OUT)/comparison.json)
$(CONF)/comparison.yaml: $(CONF)/metrics.yaml
	$(call settle,sed -n '1p;/^ *\(group\|resamples\|confidence\|method\|seed\|split\):/p' $<)
PREDICTIONS := $(foreach m,$(MODELS),$(call dir_of,$(m))/predictions.csv)
$(OUT)/comparison.json: $(CONF)/comparison.yaml $(PREDICTIONS)
	$(call say,COMPARE)
	$(run)cd $(OUT) && xr-metrics --config $(abspath $<) -o $(@F) $(PREDICTIONS:$(OUT)/%=%)
$(foreach m,$(MODELS),$(eval $(call model_rules,$(call name,$(m)),$(call dir_of,$(m)))))

REPORTS := $(foreach m,$(MODELS),$(call dir_of,$(m))/report.html)
DOCUMENTS := $(foreach m,$(MODELS),$(DOCUMENTS_$(call name,$(m))))
TEXTS := $(foreach m,$(MODELS),$(call dir_of,$(m))/metrics.txt $(if $(SEEDS),$(call dir_of,$(m))/ensemble.txt))

$(OUT)/comparison.txt: $(foreach m,$(MODELS),$(call dir_of,$(m))/metrics.json)
	$(call say,COMPARE)
	$(run)$(PIPELINES)/compare $(foreach m,$(MODELS),$(call name,$(m))=$(call dir_of,$(m))/metrics.json) >$@

.PHONY: all force
.SECONDARY:
