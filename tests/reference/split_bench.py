"""A grouped, stratified split of a large table: xr-split beside pandas + scikit-learn.

    python tests/reference/split_bench.py [rows] [--folds 5] [--xr-split build/bin/xr-split]

Makes a table of `rows` rows (1,000,000) with half as many groups, seeded; runs both programs in
processes of their own; prints wall time and peak memory of each, their ratio, and what either split is
worth: the largest deviation of a class count from its exact share, and groups in two folds. The Python
side is the shortest form people write: read_csv, StratifiedGroupKFold, to_csv with a column fold.
"""
import argparse
import os
import subprocess
import sys
import tempfile
import time

PEER = """
import sys
import pandas as pd
from sklearn.model_selection import StratifiedGroupKFold
source, target, folds = sys.argv[1], sys.argv[2], int(sys.argv[3])
table = pd.read_csv(source)
table["fold"] = -1
column = table.columns.get_loc("fold")
parts = StratifiedGroupKFold(n_splits=folds, shuffle=True, random_state=0)
for fold, (_, test) in enumerate(parts.split(table, table.label, table.patient)):
    table.iloc[test, column] = fold
table.to_csv(target, index=False)
"""


def make(path, rows):
    import random

    r = random.Random(1)
    with open(path, "w") as f:
        f.write("image_id,patient,age,gender,center,label\n")
        for i in range(rows):
            label = r.choices(("normal", "benign", "malignant"), (0.5, 0.41, 0.09))[0]
            patient = i * 7919 % (rows // 2 + 1)
            f.write(f"IMG{i:07d}.jpeg,P{patient:07d},{i % 80},{'MF'[i & 1]},{i % 3 + 1},{label}\n")


def measure(command):
    """Wall seconds and peak MiB of a process."""
    start = time.perf_counter()
    pid = os.spawnvp(os.P_NOWAIT, command[0], command)
    _, status, usage = os.wait4(pid, 0)
    if status:
        sys.exit(f"failed: {command}")
    return time.perf_counter() - start, usage.ru_maxrss / 1024


def quality(path, group, folds):
    import csv

    counts, total, part, leaks = {}, {}, {}, 0
    with open(path, newline="") as f:
        for row in csv.DictReader(f):
            fold, label = row["fold"], row["label"]
            counts[fold, label] = counts.get((fold, label), 0) + 1
            total[label] = total.get(label, 0) + 1
            leaks += part.setdefault(row[group], fold) != fold
    worst = max(abs(counts.get((str(f), c), 0) - n / folds) for c, n in total.items() for f in range(folds))
    return worst, leaks


def main():
    p = argparse.ArgumentParser()
    p.add_argument("rows", type=int, nargs="?", default=1000000)
    p.add_argument("--folds", type=int, default=5)
    p.add_argument("--xr-split", default="build/bin/xr-split")
    p.add_argument("--no-peer", action="store_true")
    a = p.parse_args()
    with tempfile.TemporaryDirectory() as d:
        source, ours, theirs = f"{d}/in.csv", f"{d}/xr.csv", f"{d}/sklearn.csv"
        make(source, a.rows)
        print("program\tseconds\tpeak_MiB\tworst_class_deviation\tgroups_in_two_folds")
        runs = [measure([a.xr_split, "--key", "image_id", "--group", "patient", "-k", str(a.folds),
                         "-o", ours, source]) for _ in range(3)]
        t, m = sorted(runs)[1]
        worst, leaks = quality(ours, "group", a.folds)
        print(f"xr-split\t{t:.3f}\t{m:.1f}\t{worst:.2f}\t{leaks}", flush=True)
        if a.no_peer:
            return
        t2, m2 = measure([sys.executable, "-c", PEER, source, theirs, str(a.folds)])
        worst, leaks = quality(theirs, "patient", a.folds)
        print(f"pandas+sklearn\t{t2:.3f}\t{m2:.1f}\t{worst:.2f}\t{leaks}")
        print(f"ratio\t{t2 / t:.1f}\t{m2 / m:.1f}")


if __name__ == "__main__":
    main()
