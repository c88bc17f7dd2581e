#!/usr/bin/env python3
"""Makes tests/unit/logistic_reference.h: coefficients of scikit-learn's LogisticRegression on tables that a
formula gives, which the unit test computes again.
  python3 tests/reference/logistic.py >tests/unit/logistic_reference.h     (scikit-learn 1.9.1)"""
import numpy as np
import sklearn
from sklearn.linear_model import LogisticRegression


def table(n, d, k, seed):
    """Numbers of a linear congruential generator (Knuth's MMIX), the same in C."""
    state, values = seed, []
    for _ in range(n * (d + 1)):
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        values.append((state >> 33) / 2**31)
    values = np.array(values).reshape(n, d + 1)
    x = 4 * values[:, :d] - 2
    score = np.stack([(c + 1) * x[:, c % d] - c * x[:, (c + 1) % d] ** 2 for c in range(k)], 1)
    label = np.where(values[:, d] < 0.3, (values[:, d] * 10 * k).astype(int) % k, score.argmax(1))
    return x, label


print("/* Made by tests/reference/logistic.py with scikit-learn %s. */" % sklearn.__version__)
print("static const struct {\n    size_t n, d, k;\n    uint64_t seed;\n    double ridge, w[40];\n} cases[] = {")
for n, d, k, seed, ridge in [(200, 3, 3, 1, 1.0), (60, 6, 4, 2, 0.05), (500, 2, 5, 3, 30.0), (40, 9, 3, 4, 0.001)]:
    x, label = table(n, d, k, seed)
    assert len(set(label)) == k
    m = LogisticRegression(C=1 / ridge, solver="newton-cg", tol=1e-14, max_iter=100000).fit(x, label)
    b = m.intercept_ - m.intercept_.mean()
    w = np.concatenate([m.coef_, b[:, None]], 1).ravel()
    print("    {%d, %d, %d, %d, %r, {%s}}," % (n, d, k, seed, ridge, ", ".join("%.17g" % v for v in w)))
print("};")
