/*
 * xr-metrics --task detect: boxes of a truth and of a prediction, and the JSON object of
 * xr-metrics(1).
 */
#ifndef XR_METRICS_DETECT_H
#define XR_METRICS_DETECT_H

#include "cli.h"
#include "stats_metrics.h"

/* What is asked for; the command line fills it. Nothing is owned. */
struct xr_detect_set {
    struct xr_bootstrap bootstrap;
    const char *table;         /* the images that are measured, with their groups; NULL */
    const char *split, *group; /* of the table; NULL */
    const char *rates;         /* "0.125,0.25,...": false positives an image, of FROC */
    double froc_iou;           /* a finding is right from this IoU on, in FROC */
    double nms;                /* suppress findings above this IoU; 1: none */
    bool one_class;            /* all boxes are of one class */
    const char *overlaps;      /* a CSV of all pairs of boxes of an image; NULL: none */
};
#define XR_DETECT_RATES "0.125,0.25,0.5,1,2,4,8"

/* The JSON object with its history, which the caller deletes; NULL with *err. The file
 * `overlaps` is complete or not there. Warnings go to cli. */
cJSON *xr_detect_run(const struct xr_detect_set *set, const struct xr_cli *cli,
                     const char *truth, const char *prediction,
                     struct xr_err *err) XR_MUST_USE;

#endif
