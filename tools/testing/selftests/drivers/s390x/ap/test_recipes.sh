#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# Each command in the section "Recipes" of zcrypt-remove.rst does what is said
# there.
# shellcheck source=ap_lib.sh
cd "$(dirname "$0")" && . ./ap_lib.sh
# shellcheck source=ap_recipes.sh
. ./ap_recipes.sh

recipes zcrypt-remove.rst
plan "$RECIPES"
stack_up "cards=8a,8a,8c,8a domains=6"
need vfio_ap
try_recipes
finish
