/*
 * xr-metrics of one table of predictions: reads it, measures it, and makes the JSON
 * object of xr-metrics(1).
 */
#ifndef XR_METRICS_CLASSIFY_H
#define XR_METRICS_CLASSIFY_H

#include "cli.h"
#include "metrics_operating.h"
#include "predictions.h"
#include "stats_report.h"

/* What is asked for; the command line fills it. Nothing is owned. */
struct xr_classify {
    int64_t resamples; /* of the bootstrap; 0: no intervals */
    double confidence; /* level of the intervals, in (0, 1) */
    int method;        /* an index of XR_CLASSIFY_METHODS */
    char *split;       /* only rows of this split; NULL: all */
    char *group;       /* column whose groups are resampled whole; NULL: rows */
    char *certificate; /* the rows must be whole parts of this split; NULL: not asked */
    bool skip_unlabelled;
    bool stream;             /* read part by part (metrics_stream.h) */
    bool stratified;         /* resample within classes */
    int auc_interval;        /* an index of XR_CLASSIFY_AUC */
    int proportion_interval; /* an index of XR_CLASSIFY_PROPORTIONS */
    int64_t bins, top_k;     /* of calibration; of top_k_accuracy */
    char *by;                /* columns of subgroups (xr_add_subgroups); NULL: none */
    char *decision;          /* classes of decision curves; NULL: none */
    struct xr_fit_settings fit;
};
#define XR_CLASSIFY_DEFAULT                                                              \
    {                                                                                    \
        .resamples = 9999, .confidence = 0.95, .bins = 15, .top_k = 2,                   \
        .fit = XR_FIT_DEFAULT                                                            \
    }
#define XR_CLASSIFY_METHODS "bca|percentile|basic"
#define XR_CLASSIFY_AUC "bootstrap|delong|delong-logit"
#define XR_CLASSIFY_PROPORTIONS "bootstrap|wilson|clopper-pearson"

/* Settings that contradict each other: -1 with a usage error. */
int xr_classify_check(const struct xr_classify *set, struct xr_err *err) XR_MUST_USE;

/* How the intervals of a run are made. */
struct xr_bootstrap xr_classify_bootstrap(const struct xr_classify *set,
                                          const struct xr_cli *cli);

/*
 * The rows of a table as `set` asks for them: taken over (also on failure), verified
 * against the certificate, warned of.
 */
int xr_classify_take(struct xr_predictions *predictions, const struct xr_classify *set,
                     const struct xr_cli *cli, struct xr_table *table,
                     struct xr_err *err) XR_MUST_USE;

/* Rows for stats_metrics.h as `set` measures them; p and label stay the predictions'. */
struct xr_scored xr_classify_scored(const struct xr_classify *set,
                                    const struct xr_predictions *predictions);

/* Every figure [xr_n_metrics(k)] with the interval that `set` asks for. The caller closes
 * *metrics. */
int xr_classify_figures(struct xr_figure *figures, struct xr_metrics **metrics,
                        const struct xr_classify *set, const struct xr_scored *scored,
                        const struct xr_bootstrap *bootstrap,
                        struct xr_err *err) XR_MUST_USE;

/* The object of figures that were made, with the sections that `set` asks for; history
 * and text as of xr_classify_rows. */
cJSON *xr_classify_object(const struct xr_classify *set,
                          const struct xr_metrics_report *report, struct xr_buf *text,
                          struct xr_err *err) XR_MUST_USE;

/*
 * Measure rows. Returns the JSON object without history, which the caller deletes; NULL
 * with *err, which names the file. Where text is not NULL the same as text for people is
 * appended to it.
 */
cJSON *xr_classify_rows(const struct xr_classify *set, const struct xr_cli *cli,
                        const struct xr_predictions *predictions, struct xr_buf *text,
                        struct xr_err *err) XR_MUST_USE;

/* Add this run, with the digests of its inputs, to the object's history. */
void xr_classify_history(cJSON *json, const struct xr_cli *cli, const cJSON *inputs);

/* All of it for the table `path` ("-": standard input), with history. */
cJSON *xr_classify_run(const struct xr_classify *set, const struct xr_cli *cli,
                       const char *path, struct xr_buf *text,
                       struct xr_err *err) XR_MUST_USE;

#endif
