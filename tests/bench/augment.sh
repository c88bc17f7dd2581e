#!/bin/sh
# Films a second, one core: decoding, fitting, each transform, the whole chain.
#   usage: tests/bench/augment.sh SIZE IMAGE...     (run `make` first)
# The six transforms are those that ../shared/peers/pipe_bench.py gives to albumentations, all with
# probability 1; its films are made by mk_jpegs.py.
set -eu
cd "$(dirname "$0")/../.."
B=${XR_BUILD:-build}
mkdir -p "$B/bench"
${CC:-cc} -std=c11 -D_GNU_SOURCE -O2 -Ilibcommon tests/bench/augment.c "$B/libxr.a" \
    -larchive -lcjson -lyaml -ljpeg -lpng -lcrypto -lz -lm -lpthread -o "$B/bench/augment"
exec "$B/bench/augment" "$@"
