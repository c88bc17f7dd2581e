/*
 * The figures of a classifier for programs (JSON) and for people (aligned text).
 */
#ifndef XR_STATS_REPORT_H
#define XR_STATS_REPORT_H

#include <cjson/cJSON.h>

#include "predictions.h"
#include "stats_metrics.h"

/* Counts of rows that are not in memory, instead of struct xr_metrics. */
struct xr_metrics_counts {
    const uint64_t *confusion; /* [k][k] */
    size_t n_bins, top_k, n_blocks;
    const uint64_t *bin_n, *bin_right; /* [n_bins] */
    const double *bin_confidence;      /* [n_bins] sums */
};

/* What is reported; nothing is owned. */
struct xr_metrics_report {
    const struct xr_predictions *predictions;
    const struct xr_metrics *metrics;
    const struct xr_metrics_counts *counts; /* where metrics is NULL */
    const struct xr_figure *figures;        /* [xr_n_metrics(k)] */
    const struct xr_bootstrap *bootstrap;
    bool stratified;   /* resampled within classes */
    const char *split; /* the split that was asked for, or NULL */
};

/* A figure as every JSON object of xr-metrics(1) has it: {value, low, high, method}, with
 * reason and note where there are any; undefined is null. The caller owns it; NULL: out
 * of memory. */
cJSON *xr_figure_json(const struct xr_figure *figure);

/* The JSON object of xr-metrics(1), without history; the caller frees it. NULL: out of
 * memory. */
cJSON *xr_metrics_json(const struct xr_metrics_report *report,
                       struct xr_err *err) XR_MUST_USE;

/* The same as text of at most about 80 columns for up to three classes; appends to buf.
 */
int xr_metrics_text(struct xr_buf *buf, const struct xr_metrics_report *report,
                    struct xr_err *err) XR_MUST_USE;

#endif
