/*
 * xr-metrics --at and --calibrate: rows that thresholds and calibrations are fitted on,
 * and what they do to the rows that are measured.
 */
#ifndef XR_METRICS_OPERATING_H
#define XR_METRICS_OPERATING_H

#include "cli.h"
#include "predictions.h"
#include "stats_metrics.h"

/* What is asked for; the command line fills it. Nothing is owned. */
struct xr_fit_settings {
    struct xr_list at;     /* rules of stats_operating.h */
    char *split;           /* of the rows to fit on: "val" */
    char *file;            /* table of these rows; NULL: the one that is measured */
    int calibrate;         /* an index of XR_FIT_CALIBRATIONS */
    char *calibration_out; /* file to write; NULL: none */
};
#define XR_FIT_DEFAULT                                                                   \
    {                                                                                    \
        .split = "val"                                                                   \
    }
#define XR_FIT_CALIBRATIONS "none|temperature|platt|isotonic|dirichlet"

/* Is anything to be fitted? */
bool xr_fit_wanted(const struct xr_fit_settings *set);

/*
 * Settings that contradict each other, a rule that is none, or rows that may not be
 * fitted on (those that are measured, or a split called test): -1 with a usage error.
 * measured: the split that is measured, or NULL.
 */
int xr_fit_check(const struct xr_fit_settings *set, const char *measured,
                 struct xr_err *err) XR_MUST_USE;

/*
 * Rows to fit on: of set->file, or of table, which stays the caller's (it is freed on
 * failure). skip_unlabelled as in predictions.h. Owned: xr_fit_free, before the table.
 */
struct xr_fit_rows {
    struct xr_predictions predictions;
    bool own_table;
};
int xr_fit_read(struct xr_fit_rows *rows, const struct xr_fit_settings *set,
                struct xr_table *table, bool skip_unlabelled,
                struct xr_err *err) XR_MUST_USE;
void xr_fit_free(struct xr_fit_rows *rows);

/* Refuse rows with a key that is measured too, and other classes. */
int xr_fit_apart(const struct xr_fit_rows *rows, const struct xr_predictions *measured,
                 struct xr_err *err) XR_MUST_USE;

/*
 * Fit the calibration, apply it to the rows it was fitted on and to those that are
 * measured, write it where that is asked for, with cli's history. Says in json (object
 * "calibrated_by") what it was; json may be NULL.
 */
int xr_fit_calibrate(struct xr_fit_rows *rows, struct xr_predictions *measured,
                     const struct xr_fit_settings *set, const struct xr_cli *cli,
                     cJSON **said, struct xr_err *err) XR_MUST_USE;

/* Add "operating_points" to json and, where text is not NULL, a table to it. */
int xr_fit_operate(cJSON *json, struct xr_buf *text, const struct xr_fit_rows *rows,
                   const struct xr_predictions *measured,
                   const struct xr_fit_settings *set, const char *split, bool stratified,
                   const struct xr_bootstrap *bootstrap, enum xr_ci_method proportions,
                   struct xr_err *err) XR_MUST_USE;

#endif
