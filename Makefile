# SPDX-License-Identifier: GPL-2.0
# What the lab is made of, and what each part is made from.  ./lab calls this
# with the packages installed and the tree locked; it is of use by hand too:
# make kernel-lab, make guest-debug, make style.
#
# A stamp in build/stamp is written when its step is done, last of all, and
# every script makes its result under another name first, so a step that was
# interrupted is simply done again.

MAKEFLAGS += -rR --no-print-directory
.SUFFIXES:
.DELETE_ON_ERROR:
SHELL := /bin/bash

ifeq ($(shell test $(CURDIR) -ef $(dir $(lastword $(MAKEFILE_LIST))) && echo yes),)
$(error run make in the top directory of the tree)
endif

S := build/stamp
TESTS := tools/testing/selftests/drivers/s390x/ap
$(shell mkdir -p $(S))

.PHONY: help base tree force
help:
	@echo 'goals: tree, kernel-NAME, guest-NAME (NAME: lab, builtin, mixed, debug, kcsan,'
	@echo 'bench, next; guest-NAME also: plain, bench-base, small, small-next), fuzz, style, docs'
	@echo './lab help says what most people want'

# --- the trees ---------------------------------------------------------------
base: $(S)/base
tree: $(S)/linux
force:

# These two look each time whether there is something to do and leave their
# stamps as they were when there is not.
$(S)/base: force
	@if scripts/stale-base; then scripts/stage 'base tree' base scripts/base; fi

$(S)/linux $(S)/ext &: $(S)/base force
	@scripts/overlay

$(S)/emulator: scripts/emulator scripts/apt.sh
	@scripts/stage 'emulator' emulator scripts/emulator
	@touch $@

# The newest 7.x, and the same with our files
$(S)/next: scripts/next scripts/apt.sh
	@scripts/stage '7.x tree' next scripts/next
	@touch $@

$(S)/linux-next: $(S)/next force
	@scripts/overlay linux-next next

# --- kernels -----------------------------------------------------------------
FRAGMENTS_lab := config/lab.config config/ours.config config/trace.config config/coverage.config
FRAGMENTS_debug := config/lab.config config/ours.config config/failing.config config/debug.config
FRAGMENTS_builtin := config/lab.config config/ours.config config/trace.config config/coverage.config config/builtin.config
FRAGMENTS_mixed := $(FRAGMENTS_builtin) config/mixed.config
FRAGMENTS_kcsan := config/lab.config config/ours.config config/trace.config config/kcsan.config
FRAGMENTS_bench := config/lab.config config/bench.config
FRAGMENTS_next := config/lab.config config/next.config
FRAGMENTS_lab-next := config/lab.config config/ours.config config/trace.config config/failing.config config/next.config
# differ from another one in a few options only
LIKE_builtin := lab
LIKE_mixed := builtin
# a tree of its own: as it is, and with our files in it
TREE_next := next
TREE_lab-next := linux-next

# What a guest needs of the modules NAME
define guest
.PHONY: guest-$(1)
guest-$(1): build/initramfs-$(1).cpio.gz build/programs.cpio $(S)/emulator
build/initramfs-$(1).cpio.gz: $(S)/modules-$(1) $(S)/user $(S)/guest-root $(S)/tests \
		scripts/initramfs scripts/guest-init scripts/guest-kunit scripts/guest-builtin \
		Documentation/ABI/testing/sysfs-bus-ap Documentation/s390/zcrypt-remove.rst \
		Documentation/s390/zcrypt-trace.rst
	@scripts/stage 'initramfs ($(1))' initramfs-$(1) scripts/initramfs $(1)
endef

define kernel
.PHONY: kernel-$(1) modules-$(1)
kernel-$(1) modules-$(1): $(S)/modules-$(1)

$(S)/kernel-$(1): export LAB_TREE := $(or $(TREE_$(1)),linux)
$(S)/modules-$(1): export LAB_TREE := $(or $(TREE_$(1)),linux)
$(S)/kernel-$(1): $(S)/$(or $(TREE_$(1)),linux) $(if $(LIKE_$(1)),$(S)/kernel-$(LIKE_$(1))) \
		$$(FRAGMENTS_$(1)) scripts/kernel scripts/config-kernel
	@scripts/stage 'kernel ($(1))' kernel-$(1) scripts/kernel \
		$(if $(LIKE_$(1)),--like $(LIKE_$(1))) $(1) $$(FRAGMENTS_$(1))
	@touch $$@

$(S)/modules-$(1): $(S)/kernel-$(1) $(S)/ext scripts/modules
	@scripts/stage 'modules ($(1))' modules-$(1) scripts/modules $(1)
	@touch $$@
endef
$(foreach k,lab builtin mixed debug kcsan bench next lab-next,$(eval $(call kernel,$(k)))$(eval $(call guest,$(k))))

# --- the small patch ---------------------------------------------------------
# The base's own drivers as they are (plain, bench-base), and with the small patch
# on the debug kernel and on a 7.x kernel.
SMALL := $(shell find patches -type f) scripts/small scripts/series.py \
	drivers/s390/crypto/ap_remove.c drivers/s390/crypto/ap_remove.h
VARIANTS := plain bench-base small small-next
KERNEL_plain := lab
KERNEL_bench-base := bench
KERNEL_small := debug
KERNEL_small-next := next
BASE_plain := base
BASE_bench-base := base
BASE_small := base
BASE_small-next := next

# Enough to compile modules for it: a second kernel is three minutes more
.PHONY: prepared-next
prepared-next: $(S)/prepared-next
$(S)/prepared-next: $(S)/next $(FRAGMENTS_next) scripts/kernel scripts/config-kernel
	@LAB_TREE=next scripts/stage 'prepared (next)' prepared-next \
		scripts/kernel --prepare next $(FRAGMENTS_next)
	@touch $@

define small
$(S)/small-$(1): $(S)/$(1) $(SMALL)
	@scripts/stage 'small patch ($(1))' small-$(1) scripts/small build/$(1) build/small/$(1)
	@touch $$@
endef
$(foreach b,base next,$(eval $(call small,$(b))))

define variant
.PHONY: modules-$(1)
modules-$(1): $(S)/modules-$(1)
$(S)/modules-$(1): $(S)/modules-$(KERNEL_$(1)) $(if $(filter small%,$(1)),$(S)/small-$(BASE_$(1))) \
		$(S)/ext scripts/variant
	@LAB_TREE=$(or $(TREE_$(KERNEL_$(1))),linux) scripts/stage 'modules ($(1))' modules-$(1) \
		scripts/variant $(1) $(KERNEL_$(1)) build/$(BASE_$(1)) \
		$(if $(filter small%,$(1)),build/small/$(BASE_$(1)))
	@touch $$@
endef
$(foreach v,$(VARIANTS),$(eval $(call variant,$(v)))$(eval $(call guest,$(v))))

# --- packages ----------------------------------------------------------------
.PHONY: debian-config
debian-config: $(S)/debian-config
$(S)/debian-config: scripts/debian-config scripts/apt.sh
	@scripts/stage "Debian's configuration" debian-config scripts/debian-config
	@touch $@

# --- user space --------------------------------------------------------------
$(S)/guest-root: config/guest-packages scripts/guest-packages
	@scripts/stage 's390x user space' guest-packages scripts/guest-packages
	@touch $@

build/programs.cpio: $(S)/guest-root config/guest-programs scripts/programs
	@scripts/stage 'initramfs (programs)' programs scripts/programs

# The names are prerequisites too: a file that is gone changes the list.
PROGRAMS := $(wildcard $(TESTS)/*.[ch])
SCRIPTS := $(filter-out $(PROGRAMS),$(shell find $(TESTS) -maxdepth 1 -type f 2>/dev/null))
$(S)/list: force
	@echo '$(sort $(PROGRAMS) $(SCRIPTS))' | cmp -s - $@ || \
		echo '$(sort $(PROGRAMS) $(SCRIPTS))' >$@

$(S)/user: $(PROGRAMS) $(S)/list $(TESTS)/Makefile scripts/user | $(S)/linux
	@scripts/stage 'programs for the guest' user scripts/user
	@touch $@

$(S)/tests: $(SCRIPTS) $(S)/list
	@touch $@

# --- fuzzing on the host -----------------------------------------------------
.PHONY: fuzz
fuzz: $(S)/fuzz
$(S)/fuzz: $(S)/linux $(wildcard $(TESTS)/fuzz/*.[ch] $(TESTS)/corpus/*) scripts/fuzz config/packages
	@scripts/stage 'fuzzers' fuzz scripts/fuzz build
	@touch $@

# --- documents ---------------------------------------------------------------
.PHONY: docs
docs: $(S)/linux
	@scripts/docs

# --- style -------------------------------------------------------------------
.PHONY: style style-trees
style-trees: $(S)/style-trees
$(S)/style-trees: $(S)/kernel-lab scripts/style-trees config/packages
	@scripts/stage 'trees for the style tests' style-trees scripts/style-trees
	@touch $@

style: $(S)/style-trees
	@scripts/style
