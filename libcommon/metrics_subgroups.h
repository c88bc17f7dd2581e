/*
 * What --by and --decision add to the object of xr-metrics(1): tables of subgroups with
 * their gaps, and decision curves.
 */
#ifndef XR_METRICS_SUBGROUPS_H
#define XR_METRICS_SUBGROUPS_H

#include "metrics_classify.h"

/*
 * Add `subgroups` and `gaps` for the columns of `by`, "center,age:0-18-40-"
 * (xr_cut_make). Every figure of every subgroup has its interval as `set` asks for them.
 * The gap of a figure is the difference of the two subgroups of a column that are
 * furthest apart, with the percentile interval of the difference of those two, from
 * resamples of all rows (groups) together. Subgroups in which the figure is undefined, or
 * 0 by agreement, or an average that counts an absent class as 0, are left out of it.
 */
int xr_add_subgroups(cJSON *json, const struct xr_classify *set,
                     const struct xr_predictions *predictions,
                     const struct xr_bootstrap *bootstrap, const char *by,
                     struct xr_err *err) XR_MUST_USE;

/* Both as text for people, from the object; appends to buf. Nothing where they are not
 * there. */
int xr_subgroups_text(struct xr_buf *buf, const cJSON *json,
                      struct xr_err *err) XR_MUST_USE;

/* Add `decision_curves` of `classes`, "CLASS" or "CLASS,CLASS", at the thresholds 0.01,
 * 0.02, ... 0.99. A class that the table lacks is wrong usage. */
int xr_add_decision(cJSON *json, const struct xr_classify *set,
                    const struct xr_predictions *predictions,
                    const struct xr_bootstrap *bootstrap, const char *classes,
                    struct xr_err *err) XR_MUST_USE;
int xr_decision_text(struct xr_buf *buf, const cJSON *json,
                     struct xr_err *err) XR_MUST_USE;

#endif
