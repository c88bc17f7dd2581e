/*
 * What xr-plot(1) draws: each function appends a whole script of gnuplot. Data stand in
 * the script itself, so that it can be kept, changed and run again. Errors are left in
 * script->err.
 */
#ifndef XR_PLOT_KINDS_H
#define XR_PLOT_KINDS_H

#include "plot.h"
#include "predictions.h"
#include "stats_metrics.h"

/* Predictions and their figures (with intervals, or without where n_resamples was 0). */
struct xr_plot_scored {
    const struct xr_predictions *predictions;
    const struct xr_metrics *metrics;
    const struct xr_figure *figures; /* [xr_n_metrics(k)] */
    double confidence;
};

/* Counts and shares of each row, recall with its interval on the diagonal; at most 40
 * classes. */
int xr_plot_confusion(struct xr_script *script, const struct xr_plot_style *style,
                      const struct xr_plot_scored *scored) XR_MUST_USE;
/* One curve a class (of two classes: of the last), areas with intervals in the legend;
 * classes for which it is undefined are named there. At most 40 classes. */
int xr_plot_roc(struct xr_script *script, const struct xr_plot_style *style,
                const struct xr_plot_scored *scored) XR_MUST_USE;
/* The same for precision over recall, with the share of each class as its line of no
 * skill. */
int xr_plot_pr(struct xr_script *script, const struct xr_plot_style *style,
               const struct xr_plot_scored *scored) XR_MUST_USE;
/* Loss and quality by epoch, from the log of xr-train(1): columns epoch and split, and
 * what there is of loss, auc, balanced_accuracy and accuracy. Of doubled rows the last
 * counts. */
int xr_plot_curves(struct xr_script *script, const struct xr_plot_style *style,
                   const struct xr_table *log) XR_MUST_USE;
/* Records of each class in each split: columns label and, where they are there, split and
 * class (the index). At most 40 classes, 8 splits. */
int xr_plot_classes(struct xr_script *script, const struct xr_plot_style *style,
                    const struct xr_table *table) XR_MUST_USE;

#endif
