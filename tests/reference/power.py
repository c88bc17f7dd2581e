#!/usr/bin/env python3
"""Numbers of cases for the width of an interval, with statsmodels' intervals (searched one by
one for Wilson), Hanley and McNeil's own example, and a plain search over their variance.

Usage: power.py > tests/unit/power_reference.h     (statsmodels 0.15)
"""
import math

from scipy.stats import norm
from statsmodels.stats.proportion import proportion_confint, samplesize_confint_proportion


def wilson(p, d, conf):
    n = 1
    while True:
        low, high = proportion_confint(p * n, n, 1 - conf, "wilson")
        if (high - low) / 2 <= d:
            return n
        n += 1


def variance(a, pos, neg):
    q1, q2 = a / (2 - a), 2 * a * a / (1 + a)
    return (a * (1 - a) + (pos - 1) * (q1 - a * a) + (neg - 1) * (q2 - a * a)) / (pos * neg)


def auc(a, prev, d, conf):
    z, n = norm.ppf((1 + conf) / 2), 1
    while n * prev < 1 or n * (1 - prev) < 1 or z * math.sqrt(variance(a, n * prev, n * (1 - prev))) > d:
        n += 1
    return n


print("/* Made by tests/reference/power.py. */")
print("static const struct {\n    double p, half_width, confidence;\n    unsigned wilson, normal;\n} proportions[] = {")
for p in (0.5, 0.8, 0.9, 0.95, 0.99):
    for d in (0.1, 0.05, 0.02):
        for conf in (0.9, 0.95):
            print(f"    {{{p}, {d}, {conf}, {wilson(p, d, conf)}, {math.ceil(samplesize_confint_proportion(p, d, 1 - conf) - 1e-9)}}},")
print("};\nstatic const struct {\n    double auc, prevalence, half_width, confidence;\n    unsigned n;\n} areas[] = {")
for a in (0.7, 0.85, 0.95):
    for prev in (0.1, 0.5, 0.75):
        for d in (0.05, 0.03):
            print(f"    {{{a}, {prev}, {d}, 0.95, {auc(a, prev, d, 0.95)}}},")
print("};")
