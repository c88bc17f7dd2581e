#!/usr/bin/env python3
"""Time xr-metrics beside scipy.stats.bootstrap + scikit-learn, and compare their intervals.

One core, BCa, 9,999 resamples: scipy makes the interval of ONE area under the ROC curve,
xr-metrics those of all its figures. Needs numpy, scipy, scikit-learn.

  usage: tests/reference/metrics_bench.py PREDICTIONS.csv [CLASS]
"""
import csv
import json
import os
import subprocess
import sys
import time

import numpy as np
from scipy import stats
from sklearn.metrics import roc_auc_score


def main():
    path = sys.argv[1]
    top = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
    tool = os.path.join(top, "build", "bin", "xr-metrics")
    start = time.time()
    ours = json.loads(subprocess.run([tool, "-q", path], check=True, capture_output=True).stdout)
    ours_s = time.time() - start
    name = sys.argv[2] if len(sys.argv) > 2 else ours["classes"][-1]
    figure = ours["per_class"][name]["roc_auc"]
    n_figures = len(json.dumps(ours).split('"method": ')) - 2
    print(f"xr-metrics: {ours_s:.2f} s for {n_figures} figures of {ours['n']} rows; "
          f"AUC of {name} {figure['low']:.4f} {figure['high']:.4f}")

    with open(path, newline="") as f:
        rows = list(csv.DictReader(f))
    y = np.array([r["label"] == name for r in rows])
    p = np.array([float(r["p_" + name]) for r in rows])
    start = time.time()
    ci = stats.bootstrap((y, p), roc_auc_score, paired=True, vectorized=False,
                         n_resamples=9999, method="BCa", rng=0).confidence_interval
    scipy_s = time.time() - start
    print(f"scipy + scikit-learn: {scipy_s:.1f} s for 1 figure; {ci.low:.4f} {ci.high:.4f}")
    print(f"{scipy_s / ours_s:.0f} times as long, {scipy_s / ours_s * n_figures:.0f} times a figure")


if __name__ == "__main__":
    main()
