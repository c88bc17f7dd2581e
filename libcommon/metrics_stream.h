/*
 * xr-metrics --stream: one table of predictions read part by part, in memory that does
 * not grow with it.
 */
#ifndef XR_METRICS_STREAM_H
#define XR_METRICS_STREAM_H

#include "metrics_classify.h"

/* Settings that need all rows at once: -1 with a usage error. */
int xr_stream_check(const struct xr_classify *set, struct xr_err *err) XR_MUST_USE;

/* As xr_classify_run, of figures that sums of rows give. Keys are compared within a part
 * of about 8 MiB only. */
cJSON *xr_stream_run(const struct xr_classify *set, const struct xr_cli *cli,
                     const char *path, struct xr_buf *text,
                     struct xr_err *err) XR_MUST_USE;

#endif
