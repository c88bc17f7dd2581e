#!/bin/bash
# xr-split on 1,000,000 rows in 500,001 groups, 5 folds: seconds and peak memory. The same beside
# pandas and scikit-learn: tests/reference/split_bench.py.
set -eu -o pipefail
bin=${XR_BUILD:-build}/bin
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
awk -v n="${1:-1000000}" 'BEGIN {
    srand(1)
    print "image_id,patient,age,gender,center,label"
    for (i = 0; i < n; i++) {
        r = rand()
        printf "IMG%07d.jpeg,P%07d,%d,%s,%d,%s\n", i, i * 7919 % (int(n / 2) + 1), i % 80,
            i % 2 ? "F" : "M", i % 3 + 1, r < .5 ? "normal" : r < .91 ? "benign" : "malignant"
    }
}' >"$folder/in.csv"
"$bin/xr-split" -v --key image_id -g patient -k 5 -o "$folder/out.csv" "$folder/in.csv" 2>&1 |
    sed -nE 's/^xr-split: ([0-9.]+) s, CPU [0-9.]+ s, ([0-9.]+) MiB.*/split.1e6.grouped_5fold\t\1\ts\nsplit.1e6.memory\t\2\tMiB/p'
"$bin/xr-split" -v --check "$folder/out.csv" 2>&1 >/dev/null |
    sed -nE 's/^xr-split: ([0-9.]+) s, CPU [0-9.]+ s, ([0-9.]+) MiB.*/split.1e6.check\t\1\ts/p'
