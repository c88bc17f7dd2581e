/*
 * What xr-plot(1) draws: each function fills an empty drawing. Errors are left in
 * drawing->err.
 */
#ifndef XR_PLOT_KINDS_H
#define XR_PLOT_KINDS_H

#include "plot_drawing.h"
#include "predictions.h"
#include "stats_metrics.h"

#define XR_PLOT_CLASSES 40 /* at most */

/* Predictions and their figures (with intervals, or without where n_resamples was 0).
 * Nothing is owned. */
struct xr_plot_scored {
    const struct xr_predictions *predictions;
    const struct xr_scored *rows;
    const struct xr_metrics *metrics;
    const struct xr_figure *figures; /* [xr_n_metrics(k)] */
    const struct xr_bootstrap *bootstrap;
    const char *const *only; /* [n_only] names of the classes that are drawn */
    size_t n_only;           /* 0: all */
};

/* Is class c one of those that are drawn? */
bool xr_plot_wanted(const struct xr_plot_scored *scored, size_t c);
/* Refuse more classes than can be drawn, and names in `only` that are no class. */
int xr_plot_check(struct xr_drawing *drawing,
                  const struct xr_plot_scored *scored) XR_MUST_USE;
/* Does any figure have an interval? */
bool xr_plot_intervals(const struct xr_plot_scored *scored);

typedef int xr_plot_of_scored(struct xr_drawing *, const struct xr_plot_scored *);
typedef int xr_plot_of_table(struct xr_drawing *, const struct xr_table *);

/* Counts and shares of each row; on the diagonal the recall with its interval. */
int xr_plot_confusion(struct xr_drawing *drawing,
                      const struct xr_plot_scored *scored) XR_MUST_USE;
/* One curve a class (of two classes: of the last), areas with intervals in the legend,
 * bands of up to four, and where the class with the largest score puts its threshold.
 * Classes for which it is undefined are named. */
int xr_plot_roc(struct xr_drawing *drawing,
                const struct xr_plot_scored *scored) XR_MUST_USE;
/* The same for precision over recall, with the share of each class as its line of no
 * skill. */
int xr_plot_pr(struct xr_drawing *drawing,
               const struct xr_plot_scored *scored) XR_MUST_USE;
/* Loss and quality by epoch, from the log of xr-train(1): columns epoch and split, and
 * what there is of loss, auc, balanced_accuracy and accuracy. Of doubled rows the last
 * counts. */
int xr_plot_curves(struct xr_drawing *drawing, const struct xr_table *log) XR_MUST_USE;
/* Records of each class in each split: columns label and, where they are there, split and
 * class (the index). At most 8 splits. */
int xr_plot_classes(struct xr_drawing *drawing, const struct xr_table *table) XR_MUST_USE;

#endif
