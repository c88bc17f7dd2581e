# xr-tools: `make help` lists the targets. Switches: V=1 shows commands, SAN=1 builds with
# AddressSanitizer and UBSan under build/san, WERROR=1 makes warnings errors (CI).
# CUDA=0 leaves the GPU plugin out. XR_NO_INSTALL=1 forbids installing what is missing; XR_SHARED=DIR is the reference data.
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
# The folder beside bin that only a bundle has (as DT_RPATH, which its libraries use too).
LINK := -Wl,--as-needed -Wl,--disable-new-dtags,-rpath,'$$ORIGIN/../lib/xr-tools'
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
KERNEL_LIBS := -ldnnl -fopenmp -ldl
NET_TOOLS := xr-train xr-predict xr-cam

# The plugin for NVIDIA GPUs, where nvcc and cuDNN are: see kernels/cuda.
CUDA ?=
NVCC ?= $(firstword $(shell command -v nvcc) $(wildcard /usr/local/cuda/bin/nvcc))
NVCC_RUN := $(shell command -v ccache) $(NVCC) # minutes of compiling are remembered where that is there
CUDA_HOME ?= $(patsubst %/bin/nvcc,%,$(realpath $(NVCC)))
CUDNN_INCLUDE := $(dir $(firstword $(wildcard $(CUDA_HOME)/include/cudnn.h /usr/include/cudnn.h \
	/usr/include/*/cudnn.h /usr/local/include/cudnn.h)))
HAS_CUDA := $(if $(filter 0,$(CUDA))$(SAN),,$(and $(NVCC),$(CUDA_HOME),$(CUDNN_INCLUDE)))
CUDA_ARCHS ?= 80 90
CUDA_GENCODE = $(foreach a,$(CUDA_ARCHS),-gencode arch=compute_$a$(comma)code=sm_$a) \
	-gencode arch=compute_$(lastword $(CUDA_ARCHS))$(comma)code=compute_$(lastword $(CUDA_ARCHS))
PLUGIN := $(B)/libexec/xr/xr-cuda.so
# What of the tools' own code the plugin has a copy of.
PLUGIN_SHARED := libcommon/err.c libcommon/rng.c kernels/graph.c kernels/fuse.c
CUDA_C := $(wildcard kernels/cuda/*.c)
CUDA_CU := $(wildcard kernels/cuda/*.cu)

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
tools: $(TOOLS:%=$(B)/bin/%) $(if $(HAS_CUDA),$(PLUGIN))
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

# --- the CUDA plugin, and the same code on the host for the tests -----------------------
PIC := -fPIC -fvisibility=hidden -Ikernels/cuda
$(B)/flags-cuda: force
	@mkdir -p $(@D)
	@echo '$(NVCC) $(CUDA_GENCODE) $(CUDNN_INCLUDE)' | cmp -s - $@ || \
	    echo '$(NVCC) $(CUDA_GENCODE) $(CUDNN_INCLUDE)' >$@
$(B)/pic/kernels/cuda/%.o: EXTRA := -isystem $(CUDA_HOME)/include -isystem $(CUDNN_INCLUDE)
$(B)/pic/kernels/cuda/device.o: EXTRA += -DXK_BUILT='"$(strip CUDA \
	$(shell $(NVCC) --version 2>/dev/null | sed -n 's/.*release \([0-9.]*\),.*/\1/p'), cuDNN \
	$(shell sed -n 's/^.define CUDNN_M[AI][JN]OR  *//p' $(CUDNN_INCLUDE)cudnn_version.h 2>/dev/null | paste -sd.), \
	$(CUDA_ARCHS:%=sm_%))"'
$(B)/pic/%.o: %.c $(B)/flags $(B)/flags-cuda
	@mkdir -p $(@D)
	$(call say,CC)
	$(run)$(CC) $(ALL_CFLAGS) $(PIC) $(EXTRA) $(CPPFLAGS) -MMD -MP -c $< -o $@
$(B)/pic/%.o: %.cu $(B)/flags $(B)/flags-cuda
	@mkdir -p $(@D)
	$(call say,NVCC)
	$(run)$(NVCC_RUN) -std=c++17 -O3 -lineinfo $(CUDA_GENCODE) -Xcompiler -fPIC$(comma)-fvisibility=hidden \
	    -Ilibcommon -Ikernels -Ikernels/cuda $(if $(WERROR),-Werror all-warnings) -MMD -MP -c $< -o $@
$(PLUGIN): $(CUDA_C:%.c=$(B)/pic/%.o) $(CUDA_CU:%.cu=$(B)/pic/%.o) $(PLUGIN_SHARED:%.c=$(B)/pic/%.o)
	@mkdir -p $(@D)
	$(call say,LD)
	$(run)$(NVCC) -shared -cudart static -Xlinker -z$(comma)defs,--as-needed,-rpath$(comma)'$$ORIGIN' \
	    -L$(CUDA_HOME)/lib64 -L$(CUDA_HOME)/lib $^ -lcublasLt -lcudnn -lm -o $@
plugin: $(PLUGIN) ## build the plugin for NVIDIA GPUs (part of `make` where nvcc and cuDNN are)

EMULATED := $(B)/emulated/xr-cuda.so
EMULATED_HERE := $(if $(SAN),,$(if $(shell $(HAS_CXX) && echo 1),$(EMULATED)))
EMULATED_C := $(filter-out %/dnn.c %/gemm.c %/runtime.c,$(CUDA_C)) tests/emulated/runtime.c
$(B)/emulated/%.o: %.c $(B)/flags
	@mkdir -p $(@D)
	$(call say,CC)
	$(run)$(CC) $(ALL_CFLAGS) $(PIC) -DXK_BUILT='"emulated"' $(CPPFLAGS) -MMD -MP -c $< -o $@
$(B)/emulated/%.o: %.cc $(B)/flags
	@mkdir -p $(@D)
	$(call say,CXX)
	$(run)$(CXX) $(ALL_CXXFLAGS) $(PIC) $(CPPFLAGS) -MMD -MP -c $< -o $@
$(B)/emulated/%.o: %.cu $(B)/flags
	@mkdir -p $(@D)
	$(call say,CXX)
	$(run)$(CXX) -x c++ $(ALL_CXXFLAGS) $(PIC) -Ikernels -Itests/emulated -DXK_EMULATED \
	    -Wno-unknown-pragmas -Wno-shadow -ffp-contract=off $(CPPFLAGS) -MMD -MP -c $< -o $@
$(EMULATED): $(EMULATED_C:%.c=$(B)/emulated/%.o) $(CUDA_CU:%.cu=$(B)/emulated/%.o) \
	    $(B)/emulated/tests/emulated/emulated.o $(PLUGIN_SHARED:%.c=$(B)/emulated/%.o)
	@mkdir -p $(@D)
	$(call say,LD)
	$(run)$(CXX) -shared $(CFLAGS) -Wl,-z,defs $(LDFLAGS) $^ -lm -o $@

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
check: build/.deps-check tools units fixtures $(EMULATED_HERE) ## run the tests
	@$(TEST_ENV) tests/run $(BATS) $(UNIT)
check-long: build/.deps-check tools units fixtures $(EMULATED_HERE) ## run the tests and those that take long
	@$(TEST_ENV) XR_TEST_TIMEOUT=3600 tests/run $(BATS) $(UNIT) $(LONG)
lint: build/.deps-lint tools ## check format, shell, man pages, layers
	@tests/lint $(B)
bench: tools $(BENCH_SRC:tests/%.c=$(B)/%) ## measure: name, value, unit
	@for b in $(BENCH_SRC:tests/%.c=$(B)/%) $(wildcard tests/bench/*.bash); do XR_BUILD='$(abspath $(B))' nice $$b; done

check-cuda: tools units fixtures ## check the GPU: reference data (XR_SHARED) and compute-sanitizer must be there
	@tests/cuda/check $(B)
bench-cuda: tools $(B)/bench/k-bench ## time the GPU, interleaved with PyTorch (XR_PEER_PYTHON)
	@tests/cuda/bench $(B)
bundle: tools ## a relocatable tar of the tools with their libraries, not CUDA's; SMALL=1 adds what check-cuda needs
	@tests/cuda/bundle $(B) $(VERSION) $(if $(SMALL),small)

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
	$(if $(HAS_CUDA),install -D -m 755 $(PLUGIN) $(DESTDIR)$(PREFIX)/libexec/xr/xr-cuda.so)
	cp -R pipelines $(DESTDIR)$(PREFIX)/share/xr-tools
	install -d $(DESTDIR)$(PREFIX)/share/bash-completion/completions
	install -m 644 $(COMPLETION) $(DESTDIR)$(PREFIX)/share/bash-completion/completions
	for page in $(MAN); do \
	    install -D -m 644 $$page $(DESTDIR)$(PREFIX)/share/man/man$${page##*.}/$${page##*/}; \
	done
uninstall: ## remove what install put there
	rm -f $(TOOLS:%=$(DESTDIR)$(PREFIX)/bin/%)
	rm -f $(DESTDIR)$(PREFIX)/libexec/xr/xr-cuda.so
	-rmdir $(DESTDIR)$(PREFIX)/libexec/xr $(DESTDIR)$(PREFIX)/libexec 2>/dev/null
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

.PHONY: all plugin check-cuda bench-cuda bundle demo tools units fixtures deps check check-long lint bench fuzz run-fuzz install uninstall clean help force
.SECONDARY:
-include $(patsubst %,$(B)/pic/%.d,$(basename $(CUDA_C) $(CUDA_CU) $(PLUGIN_SHARED))) \
	$(patsubst %,$(B)/emulated/%.d,$(basename $(EMULATED_C) $(CUDA_CU) $(PLUGIN_SHARED)) tests/emulated/emulated)
-include $(COMMON_OBJ:.o=.d) $(KERNEL_OBJ:.o=.d) $(NET_OBJ:.o=.d) $(TOOLS:%=$(B)/tools/%.d) \
	$(patsubst %.c,$(B)/%.d,$(UNIT_SRC) $(BENCH_SRC) $(FIXTURE_SRC) $(FUZZ_SRC))
