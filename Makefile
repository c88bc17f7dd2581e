# xr-tools: `make help` lists the targets. Switches: V=1 shows commands, SAN=1 builds with
# AddressSanitizer and UBSan under build/san, WERROR=1 makes warnings errors (CI).
# XR_NO_INSTALL=1 forbids installing what is missing; XR_SHARED=DIR is the reference data.
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
LINK := -Wl,--as-needed
ALL_CFLAGS = $(STD) $(WARN) -Ilibcommon -Ikernels $(SANFLAGS) -DXR_VERSION='"$(VERSION)"' $(CFLAGS) $(if $(findstring XR_NO_CXX,$(OPTIONAL)),-DXR_NO_CXX)
ALL_CXXFLAGS = -std=c++17 -Wall -Wextra -Wshadow $(if $(WERROR),-Werror) -Ilibcommon \
	$(SANFLAGS) $(if $(SAN),-fno-sanitize=vptr) $(CFLAGS)

# What only some users need is linked where libcommon/optional.h finds it; asked once, when
# the first recipe wants it, because `make` may have installed it a moment ago. Without a C++
# compiler the one C++ file is compiled as C and says what is missing.
OPTIONAL = $(eval OPTIONAL := $$(shell $(HAS_CXX) || echo XR_NO_CXX; $(CC) $$$$($(HAS_CXX) || \
	echo -DXR_NO_CXX) $(CPPFLAGS) -E -dM -include libcommon/optional.h -x c /dev/null | grep -o 'XR_HAS_[A-Z]*'))$(OPTIONAL)
HAS_CXX := command -v $(firstword $(CXX)) >/dev/null
optional = $(if $(findstring $(1),$(OPTIONAL)),$(2))

# What each layer links. Only tools that run networks link oneDNN and OpenMP.
COMMON_LIBS = -larchive -lcjson -lyaml -ljpeg -lpng -ltiff -lcrypto -lz \
	$(call optional,XR_HAS_DCMTK,-ldcmjpls -ldcmjpeg -ldcmdata -loflog -lofstd -lstdc++) \
	$(call optional,XR_HAS_OPENJPEG,-lopenjp2) $(call optional,XR_HAS_NIFTI,-lnifti2) -lm -lpthread
KERNEL_LIBS := -ldnnl -fopenmp
NET_TOOLS := xr-train xr-predict xr-cam

TOOLS := $(patsubst tools/%.c,%,$(wildcard tools/xr-*.c))
COMMON_SRC := $(wildcard libcommon/*.c libcommon/pixels/*.c)
KERNEL_SRC := $(wildcard kernels/*.c kernels/models/*.c kernels/cpu/*.c)
UNIT_SRC := $(wildcard tests/unit/*.c)
COMMON_CXX := $(wildcard libcommon/*.cc)
COMMON_OBJ := $(COMMON_SRC:%.c=$(B)/%.o) $(COMMON_CXX:%.cc=$(B)/%.o)
KERNEL_OBJ := $(KERNEL_SRC:%.c=$(B)/%.o)
NET_SRC := $(wildcard tools/net/*.c)
NET_OBJ := $(NET_SRC:%.c=$(B)/%.o)
UNIT := $(UNIT_SRC:tests/unit/%.c=$(B)/unit/%)

BENCH_SRC := $(wildcard tests/bench/*.c)
FIXTURE_SRC := $(wildcard tests/fixtures/*.c)
FUZZ_SRC := $(wildcard tests/fuzz/*.c)
BATS := $(wildcard tests/*.bats)
LONG := $(wildcard tests/long/*.bats)
MAN := $(wildcard man/*.[157])

say = @$(if $(V),:,printf '  %-5s %s\n' $(1) $@)
run := $(if $(V),,@)

all: tools ## build the tools
tools: $(TOOLS:%=$(B)/bin/%)
units: $(UNIT)
fixtures: $(FIXTURE_SRC:tests/fixtures/%.c=$(B)/fixtures/%)

# What is missing is found once and installed where that is possible: see tests/deps. The
# stamps make it free afterwards; `make deps` looks again.
deps: ## find and install what is missing to build and test
	@CC='$(CC)' tests/deps build check
build/.deps-%: tests/deps
	@mkdir -p $(@D)
	@CC='$(CC)' tests/deps $*
	@touch $@
build/.deps-check build/.deps-lint: | build/.deps-build

$(B)/flags: force | build/.deps-build
	@mkdir -p $(@D)
	@echo '$(CC) $(ALL_CFLAGS) $(CPPFLAGS) $(LDFLAGS) $(OPTIONAL)' | cmp -s - $@ || \
	    echo '$(CC) $(ALL_CFLAGS) $(CPPFLAGS) $(LDFLAGS) $(OPTIONAL)' >$@

$(B)/kernels/%.o: EXTRA := -fopenmp -I$(B) -Wno-psabi

# The list of network families: one X(name) for each file in kernels/models/.
FAMILIES := $(sort $(patsubst kernels/models/%.c,%,$(wildcard kernels/models/*.c)))
$(B)/families.h: force
	@mkdir -p $(@D)
	@printf 'X(%s)\n' $(FAMILIES) | cmp -s - $@ || printf 'X(%s)\n' $(FAMILIES) >$@
$(B)/kernels/arch.o: $(B)/families.h

$(B)/libcommon/nifti_file.o: EXTRA := -O3 -idirafter /usr/include/nifti # its header names its neighbours
$(B)/libcommon/pixels/%.o $(B)/libcommon/stats_sums.o $(B)/libcommon/stats.o: EXTRA := -O3 # loops written to be vectorised
$(B)/%.o: %.c $(B)/flags
	@mkdir -p $(@D)
	$(call say,CC)
	$(run)$(CC) $(ALL_CFLAGS) $(EXTRA) $(CPPFLAGS) -MMD -MP -c $< -o $@

$(B)/%.o: %.cc $(B)/flags
	@mkdir -p $(@D)
	$(call say,CXX)
	$(run)$(if $(findstring XR_NO_CXX,$(OPTIONAL)),$(CC) -x c $(ALL_CFLAGS),$(CXX) $(ALL_CXXFLAGS)) \
	    $(CPPFLAGS) -MMD -MP -c $< -o $@

$(B)/libxr.a: $(COMMON_OBJ)
$(B)/libxk.a: $(KERNEL_OBJ)
$(B)/libxn.a: $(NET_OBJ) # what the tools that run networks share
$(B)/%.a:
	$(call say,AR)
	$(run)rm -f $@ && $(AR) rcs $@ $^

$(NET_TOOLS:%=$(B)/bin/%): $(B)/bin/%: $(B)/tools/%.o $(B)/libxn.a $(B)/libxk.a $(B)/libxr.a
	@mkdir -p $(@D)
	$(call say,LD)
	$(run)$(CC) $(SANFLAGS) $(CFLAGS) $(LINK) $(LDFLAGS) $^ $(KERNEL_LIBS) $(COMMON_LIBS) $(LDLIBS) -o $@
$(B)/bin/%: $(B)/tools/%.o $(B)/libxr.a
	@mkdir -p $(@D)
	$(call say,LD)
	$(run)$(CC) $(SANFLAGS) $(CFLAGS) $(LINK) $(LDFLAGS) $^ $(COMMON_LIBS) $(LDLIBS) -o $@

# Programs of the tests: build/unit/NAME is tests/unit/NAME.c, and so on; those called k-*
# need the kernels, the others only libcommon.
define test_programs
$(B)/$(1)/k-%: $(B)/tests/$(1)/k-%.o $(B)/libxk.a $(B)/libxr.a
	@mkdir -p $$(@D)
	$$(call say,LD)
	$$(run)$$(CC) $$(SANFLAGS) $$(CFLAGS) $$(LINK) $$(LDFLAGS) $$^ $$(KERNEL_LIBS) $$(COMMON_LIBS) $$(LDLIBS) -o $$@
$(B)/$(1)/%: $(B)/tests/$(1)/%.o $(B)/libxr.a
	@mkdir -p $$(@D)
	$$(call say,LD)
	$$(run)$$(CC) $$(SANFLAGS) $$(CFLAGS) $$(LINK) $$(LDFLAGS) $$^ $$(COMMON_LIBS) $$(LDLIBS) -o $$@
endef
$(foreach kind,unit bench fixtures fuzz,$(eval $(call test_programs,$(kind))))

demo: tools ## the whole line on phantom radiographs: metrics, plots, a report in build/demo
	@$(MAKE) --no-print-directory -f pipelines/demo.mk

TEST_ENV := XR_BUILD='$(abspath $(B))' $(if $(SAN),XR_TEST_TIMEOUT=3600 \
	ASAN_OPTIONS=detect_leaks=1:allocator_may_return_null=1 UBSAN_OPTIONS=print_stacktrace=1 \
	LSAN_OPTIONS=suppressions='$(abspath tests/lsan.supp)':print_suppressions=0)
check: build/.deps-check tools units fixtures ## run the tests
	@$(TEST_ENV) tests/run $(BATS) $(UNIT)
check-long: build/.deps-check tools units fixtures ## run the tests and those that take long
	@$(TEST_ENV) XR_TEST_TIMEOUT=3600 tests/run $(BATS) $(UNIT) $(LONG)
lint: build/.deps-lint tools ## check format, shell, man pages, layers
	@tests/lint $(B)
bench: tools $(BENCH_SRC:tests/%.c=$(B)/%) ## measure: name, value, unit
	@for b in $(BENCH_SRC:tests/%.c=$(B)/%) $(wildcard tests/bench/*.bash); do XR_BUILD='$(abspath $(B))' nice $$b; done

fuzz: ## readers against damaged input, under sanitizers: FUZZ_SECONDS=10 for each
	@$(MAKE) SAN=1 run-fuzz
run-fuzz: tools fixtures $(FUZZ_SRC:tests/%.c=$(B)/%)
	@$(TEST_ENV) tests/fuzz/run $(B)

# Shell completion, one file a tool, made from what the tool says of its own options.
COMPLETION := $(TOOLS:%=$(B)/completion/%)
$(B)/completion/%: $(B)/bin/% tests/completion
	@mkdir -p $(@D)
	@tests/completion $< >$@

install: tools $(COMPLETION) ## install under PREFIX (DESTDIR is put before it)
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/share/xr-tools
	install -m 755 $(TOOLS:%=$(B)/bin/%) $(DESTDIR)$(PREFIX)/bin
	cp -R pipelines $(DESTDIR)$(PREFIX)/share/xr-tools
	install -d $(DESTDIR)$(PREFIX)/share/bash-completion/completions
	install -m 644 $(COMPLETION) $(DESTDIR)$(PREFIX)/share/bash-completion/completions
	for page in $(MAN); do \
	    install -D -m 644 $$page $(DESTDIR)$(PREFIX)/share/man/man$${page##*.}/$${page##*/}; \
	done
uninstall: ## remove what install put there
	rm -f $(TOOLS:%=$(DESTDIR)$(PREFIX)/bin/%)
	rm -f $(TOOLS:%=$(DESTDIR)$(PREFIX)/share/bash-completion/completions/%)
	for page in $(MAN); do \
	    rm -f $(DESTDIR)$(PREFIX)/share/man/man$${page##*.}/$${page##*/}; \
	done
	rm -rf $(DESTDIR)$(PREFIX)/share/xr-tools

# Benchmarks that print name<TAB>value<TAB>unit.
$(B)/bench/k-%: $(B)/tests/bench/k-%.o $(B)/libxk.a $(B)/libxr.a
	@mkdir -p $(@D)
	$(call say,LD)
	$(run)$(CC) $(SANFLAGS) $(CFLAGS) $(LINK) $(LDFLAGS) $^ $(KERNEL_LIBS) $(COMMON_LIBS) $(LDLIBS) -o $@

clean: ## remove build/
	rm -rf build

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | expand -t 16

.PHONY: all demo tools units fixtures deps check check-long lint bench fuzz run-fuzz install uninstall clean help force
.SECONDARY:
-include $(COMMON_OBJ:.o=.d) $(KERNEL_OBJ:.o=.d) $(NET_OBJ:.o=.d) $(TOOLS:%=$(B)/tools/%.d) \
	$(patsubst %.c,$(B)/%.d,$(UNIT_SRC) $(BENCH_SRC) $(FIXTURE_SRC) $(FUZZ_SRC))
