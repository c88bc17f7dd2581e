/*
 * xr-metrics of one table of predictions: reads it, measures it, and makes the JSON
 * object of xr-metrics(1).
 */
#ifndef XR_METRICS_CLASSIFY_H
#define XR_METRICS_CLASSIFY_H

#include "cli.h"
#include "stats_metrics.h"

/* What is asked for; the command line fills it. Nothing is owned. */
struct xr_classify {
    int64_t resamples; /* of the bootstrap; 0: no intervals */
    double confidence; /* level of the intervals, in (0, 1) */
    int method;        /* an index of XR_CLASSIFY_METHODS */
    char *split;       /* only rows of this split; NULL: all */
    char *group;       /* column whose groups are resampled whole; NULL: rows */
    char *certificate; /* the rows must be whole parts of this split; NULL: not asked */
    bool skip_unlabelled;
};
#define XR_CLASSIFY_DEFAULT                                                              \
    {                                                                                    \
        .resamples = 9999, .confidence = 0.95                                            \
    }
#define XR_CLASSIFY_METHODS "bca|percentile"

/* How the intervals of a run are made. */
struct xr_bootstrap xr_classify_bootstrap(const struct xr_classify *set,
                                          const struct xr_cli *cli);

/*
 * Measure the table `path` ("-": standard input). Returns the JSON object with its
 * history, which the caller deletes; NULL with *err, which names the file. Where text is
 * not NULL the same as text for people is appended to it. Warnings go to cli.
 */
cJSON *xr_classify_run(const struct xr_classify *set, const struct xr_cli *cli,
                       const char *path, struct xr_buf *text,
                       struct xr_err *err) XR_MUST_USE;

#endif
