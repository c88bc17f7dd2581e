# xr-tools: `make help` lists the targets. Switches: V=1 shows commands, SAN=1 builds with
# AddressSanitizer and UBSan, WERROR=1 makes warnings errors (CI).
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := all

VERSION := 0.1.0
PREFIX ?= /usr/local
DESTDIR ?=
V ?=
SAN ?=
WERROR ?=
XR_SHARED ?= ../shared
export XR_SHARED

B := build$(if $(SAN),/san)
CFLAGS ?= -O2 -g
STD := -std=c11 -D_GNU_SOURCE -ffp-contract=off
comma := ,
WARN := -Wall -Wextra -Wshadow -Wvla -Wmissing-prototypes -Wstrict-prototypes $(if $(WERROR),-Werror)
SANFLAGS := $(if $(SAN),-fsanitize=address$(comma)undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer)
ALL_CFLAGS = $(STD) $(WARN) -Ilibcommon -Ikernels $(SANFLAGS) -DXR_VERSION='"$(VERSION)"' $(CFLAGS)

# What each layer links. Only tools that run networks link oneDNN and OpenMP.
COMMON_LIBS := -larchive -lcjson -lyaml -ljpeg -lpng -lcrypto -lz -lm -lpthread
KERNEL_LIBS := -ldnnl -fopenmp
NET_TOOLS := xr-train xr-predict xr-cam

TOOLS := $(patsubst tools/%.c,%,$(wildcard tools/xr-*.c))
COMMON_SRC := $(wildcard libcommon/*.c libcommon/pixels/*.c)
KERNEL_SRC := $(wildcard kernels/*.c kernels/models/*.c kernels/cpu/*.c)
UNIT_SRC := $(wildcard tests/unit/*.c)
COMMON_OBJ := $(COMMON_SRC:%.c=$(B)/%.o)
KERNEL_OBJ := $(KERNEL_SRC:%.c=$(B)/%.o)
UNIT := $(UNIT_SRC:tests/unit/%.c=$(B)/unit/%)

say = @$(if $(V),:,printf '  %-5s %s\n' $(1) $@)
run := $(if $(V),,@)

all: tools ## build the tools
tools: $(TOOLS:%=$(B)/bin/%)
units: $(UNIT)

$(B)/flags: force
	@mkdir -p $(@D)
	@echo '$(CC) $(ALL_CFLAGS) $(CPPFLAGS) $(LDFLAGS)' | cmp -s - $@ || echo '$(CC) $(ALL_CFLAGS) $(CPPFLAGS) $(LDFLAGS)' >$@

$(B)/kernels/%.o: EXTRA := -fopenmp
$(B)/libcommon/pixels/%.o: EXTRA := -O3 # loops written to be vectorised
$(B)/%.o: %.c $(B)/flags
	@mkdir -p $(@D)
	$(call say,CC)
	$(run)$(CC) $(ALL_CFLAGS) $(EXTRA) $(CPPFLAGS) -MMD -MP -c $< -o $@

$(B)/libxr.a: $(COMMON_OBJ)
$(B)/libxk.a: $(KERNEL_OBJ)
$(B)/%.a:
	$(call say,AR)
	$(run)rm -f $@ && $(AR) rcs $@ $^

$(NET_TOOLS:%=$(B)/bin/%): $(B)/bin/%: $(B)/tools/%.o $(B)/libxk.a $(B)/libxr.a
	@mkdir -p $(@D)
	$(call say,LD)
	$(run)$(CC) $(SANFLAGS) $(CFLAGS) $(LDFLAGS) $^ $(KERNEL_LIBS) $(COMMON_LIBS) $(LDLIBS) -o $@
$(B)/bin/%: $(B)/tools/%.o $(B)/libxr.a
	@mkdir -p $(@D)
	$(call say,LD)
	$(run)$(CC) $(SANFLAGS) $(CFLAGS) $(LDFLAGS) $^ $(COMMON_LIBS) $(LDLIBS) -o $@

# Unit tests: tests/unit/k-*.c need the kernels, the others only libcommon.
$(B)/unit/k-%: $(B)/tests/unit/k-%.o $(B)/libxk.a $(B)/libxr.a
	@mkdir -p $(@D)
	$(call say,LD)
	$(run)$(CC) $(SANFLAGS) $(CFLAGS) $(LDFLAGS) $^ $(KERNEL_LIBS) $(COMMON_LIBS) $(LDLIBS) -o $@
$(B)/unit/%: $(B)/tests/unit/%.o $(B)/libxr.a
	@mkdir -p $(@D)
	$(call say,LD)
	$(run)$(CC) $(SANFLAGS) $(CFLAGS) $(LDFLAGS) $^ $(COMMON_LIBS) $(LDLIBS) -o $@

clean: ## remove build/
	rm -rf build

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 16

.PHONY: all tools units clean help force
.SECONDARY:
-include $(COMMON_OBJ:.o=.d) $(KERNEL_OBJ:.o=.d) $(TOOLS:%=$(B)/tools/%.d) $(UNIT_SRC:%.c=$(B)/%.d)
