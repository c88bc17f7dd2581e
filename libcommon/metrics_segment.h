/*
 * xr-metrics --task segment: masks of a truth and of a prediction, joined by key, and the
 * JSON object of xr-metrics(1).
 */
#ifndef XR_METRICS_SEGMENT_H
#define XR_METRICS_SEGMENT_H

#include "cli.h"
#include "stats_metrics.h"

/* What is asked for; the command line fills it. Nothing is owned. */
struct xr_segment_set {
    struct xr_bootstrap bootstrap;
    const char *spacing; /* "R,C" in any unit, "source": of the records; NULL: pixels */
    double threshold;    /* of masks in floating point */
    const char *table;   /* the cases that are measured, with their groups; NULL: all */
    const char *split, *group; /* of the table; group also of records; NULL */
    bool skip_unlabelled;      /* leave out records of the truth without a mask */
    const char *per_record;    /* a CSV with a line a case; NULL: none */
};

/* The JSON object with its history, which the caller deletes; NULL with *err. The file
 * per_record is complete or not there. */
cJSON *xr_segment_run(const struct xr_segment_set *set, const struct xr_cli *cli,
                      const char *truth, const char *prediction,
                      struct xr_err *err) XR_MUST_USE;

#endif
