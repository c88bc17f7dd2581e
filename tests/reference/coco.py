#!/usr/bin/env python3
"""COCO's figures with crowds, equal scores, more than 100 findings in an image, and a class that
does not occur, by pycocotools' COCOeval.

Usage: coco.py > tests/unit/coco_reference.h     (pycocotools 2.0.11, numpy 2)
"""
import contextlib
import io

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

IMAGES, CLASSES = 14, 3
rng = np.random.default_rng(5)
truth, found = [], []


def box(lo, hi):
    wh = rng.uniform(lo, hi, 2)
    return np.round(np.concatenate([rng.uniform(0, 640 - wh), wh]), 1).tolist()


for i in range(1, IMAGES + 1):
    for _ in range(rng.integers(0, 6)):
        b, k = box(*((8, 30) if rng.random() < 0.3 else (40, 250))), int(rng.integers(1, CLASSES))
        truth.append({"id": len(truth) + 1, "image_id": i, "category_id": k, "bbox": b, "iscrowd": int(rng.random() < 0.15),
                      "area": round(float(b[2] * b[3] * rng.uniform(0.5, 1)), 1)})
        for _ in range(rng.integers(0, 4)):
            q = np.round(np.array(b) + rng.normal(0, 0.06 * (b[2] + b[3]) / 2, 4), 1)
            q[2:] = np.maximum(q[2:], 1)
            found.append({"image_id": i, "category_id": int(k if rng.random() < 0.8 else rng.integers(1, CLASSES + 1)),
                          "bbox": q.tolist(), "score": float(np.round(rng.random(), 1))})
for _ in range(120):
    found.append({"image_id": 3, "category_id": 1, "bbox": box(8, 250), "score": float(np.round(rng.uniform(0.3, 1), 2))})
coco = COCO()
coco.dataset = {"info": {}, "images": [{"id": i} for i in range(1, IMAGES + 1)], "annotations": truth,
                "categories": [{"id": k, "name": str(k)} for k in range(1, CLASSES + 1)]}
with contextlib.redirect_stdout(io.StringIO()):
    coco.createIndex()
    e = COCOeval(coco, coco.loadRes(found), "bbox")
    e.evaluate()
    e.accumulate()
    e.summarize()
print("/* Made by tests/reference/coco.py. */")
print(f"#define COCO_IMAGES {IMAGES}\n#define COCO_CLASSES {CLASSES}")
print("static const struct {\n    unsigned image, class;\n    double box[4]; /* x, y, width, height */\n    double area;\n    int crowd;\n} coco_truth[] = {")
for t in truth:
    print(f"    {{{t['image_id'] - 1}, {t['category_id'] - 1}, {{{', '.join(map(str, t['bbox']))}}}, {t['area']}, {t['iscrowd']}}},")
print("};\nstatic const struct {\n    unsigned image, class;\n    double box[4];\n    double score;\n} coco_found[] = {")
for f in found:
    print(f"    {{{f['image_id'] - 1}, {f['category_id'] - 1}, {{{', '.join(map(str, f['bbox']))}}}, {f['score']}}},")
print("};\nstatic const double coco_figures[] = {" + ", ".join(repr(float(v)) for v in e.stats) + "};")
