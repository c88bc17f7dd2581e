#!/bin/bash
# xr-metrics beside scipy.stats.bootstrap over scikit-learn, on the 3,746 rows of the reference data: the whole run with
# the BCa intervals (9,999 resamples) of all its figures, on one core, and the interval of macro AUC alone there.
#   XR_PEER_PYTHON=PYTHON make bench
# PYTHON has scipy and scikit-learn; without it xr-metrics is timed alone. XR_BENCH_ROUNDS=N (3).
set -eu -o pipefail

say() {
    printf 'metrics: %s\n' "$*" >&2
}

build=${XR_BUILD:-build}
table=${XR_SHARED:-../shared}/golden/metrics/e_all3746.csv
if [ ! -r "$table" ]; then
    say "skipped: no $table"
    exit 0
fi
rounds=${XR_BENCH_ROUNDS:-3}
# shellcheck source=tests/bench/figures
. "$(dirname "$0")/figures"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
raw=$folder/raw
: >"$raw"

# seconds COMMAND...: of the clock, onto $raw under the name in $name
seconds() {
    local start=$EPOCHREALTIME
    "$@" >"$folder/out"
    awk -v n="$name" -v a="$start" -v b="$EPOCHREALTIME" 'BEGIN { printf "%s\t%.4f\ts\n", n, b - a }' >>"$raw"
}

for _ in $(seq "$rounds"); do
    name=xr.metrics.bca.3746 seconds "$build/bin/xr-metrics" -q "$table"
done
python=${XR_PEER_PYTHON:-}
if [ -n "$python" ] && "$python" -c 'import scipy, sklearn' 2>/dev/null; then
    for _ in $(seq "$rounds"); do
        name=sklearn.import seconds "$python" -c 'import sklearn.metrics'
    done
    "$python" "$(dirname "$0")/../reference/metrics_bench.py" "$table" |
        awk '{ printf "scipy.macro_auc.bca.3746\t%s\ts\n", $1 }' >>"$raw"
else
    say "XR_PEER_PYTHON names no Python with scipy and scikit-learn: xr-metrics alone"
fi
medians
ratio metrics.bca.scipy_over_xr times scipy.macro_auc.bca.3746 xr.metrics.bca.3746
ratio metrics.sklearn_import_over_xr times sklearn.import xr.metrics.bca.3746
