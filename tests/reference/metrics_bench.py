#!/usr/bin/env python3
"""Time scipy.stats.bootstrap over scikit-learn's macro AUC (one-vs-rest, BCa, 9,999 resamples) on a
table of predictions: seconds, then the bounds. One core. For tests/bench/metrics.bash.

  usage: tests/reference/metrics_bench.py PREDICTIONS.csv
"""
import csv
import sys
import time

import numpy as np
from scipy import stats
from sklearn.metrics import roc_auc_score


def main():
    with open(sys.argv[1], newline="") as f:
        rows = list(csv.DictReader(f))
    names = [c[2:] for c in rows[0] if c.startswith("p_")]
    y = np.array([names.index(r["label"]) for r in rows])
    p = np.array([[float(r["p_" + c]) for c in names] for r in rows])
    p /= p.sum(1, keepdims=True)

    def auc(i):
        return roc_auc_score(y[i], p[i], multi_class="ovr", average="macro", labels=range(len(names)))

    start = time.time()
    ci = stats.bootstrap((np.arange(len(y)),), auc, vectorized=False, n_resamples=9999, method="BCa",
                         rng=0).confidence_interval
    print(f"{time.time() - start:.3f} {ci.low:.6f} {ci.high:.6f}")


if __name__ == "__main__":
    main()
