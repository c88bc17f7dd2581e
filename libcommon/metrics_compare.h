/*
 * xr-metrics of several tables of predictions of the same rows: the figures of each, and
 * for each pair what differs.
 */
#ifndef XR_METRICS_COMPARE_H
#define XR_METRICS_COMPARE_H

#include "metrics_classify.h"

/*
 * Compare the tables named on the command line, at least two, joined on their keys: the
 * object {n, classes, files, figures, comparisons, bootstrap, history} of xr-metrics(1),
 * which the caller deletes; NULL with *err. Where text is not NULL the same as text for
 * people is appended to it. Every figure of stats_metrics.h is compared by the paired
 * bootstrap (the same resamples for all tables), areas by DeLong's test too, hits by
 * McNemar's; Holm's adjustment is over the pairs of tables, for each figure and test.
 */
cJSON *xr_compare_run(const struct xr_classify *set, const struct xr_cli *cli,
                      struct xr_buf *text, struct xr_err *err) XR_MUST_USE;

/* The object as text for people; appends to buf. */
int xr_compare_text(struct xr_buf *buf, const cJSON *json,
                    struct xr_err *err) XR_MUST_USE;

#endif
