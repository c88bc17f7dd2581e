/*
 * What xr-plot(1) draws: each function fills an empty drawing. Errors are left in
 * drawing->err.
 */
#ifndef XR_PLOT_KINDS_H
#define XR_PLOT_KINDS_H

#include "cli.h"
#include "plot_drawing.h"
#include "predictions.h"
#include "stats_metrics.h"

#define XR_PLOT_CLASSES 40 /* at most */
#define XR_PLOT_FILES 64

/* What is asked for; the command line fills it. Nothing is owned. */
struct xr_plot_request {
    const struct xr_plot_style *style;
    char *split, *group, *figure, *points; /* NULL: not given */
    struct xr_list classes;
    int64_t resamples, films; /* films: pictures of cam, rows of sheet; 0: as suits */
    double confidence;
};

/* What there is to draw: confusion|roc|..., for messages. */
extern const char xr_plot_names[];
/* The kind of this name, -1: none. */
int xr_plot_find(const char *name);
/* How many files it takes at most. */
size_t xr_plot_files(int kind);
/* Read the files ("-": standard input) and fill an empty drawing; warnings go to cli. */
int xr_plot_fill(struct xr_drawing *drawing, int kind, char *const *paths, size_t n,
                 const struct xr_plot_request *request,
                 const struct xr_cli *cli) XR_MUST_USE;

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
    const cJSON *points;     /* operating points of a JSON of xr-metrics(1), or NULL */
};

/* {value, low, high} of a JSON; NaN where null or absent. */
struct xr_figure xr_plot_figure(const cJSON *json);
/* Those of class c, named in the legend. */
int xr_plot_points(struct xr_drawing *drawing, struct xr_panel *panel,
                   const struct xr_plot_scored *scored, size_t c, int color,
                   bool pr) XR_MUST_USE;

/* Is class c one of those that are drawn? */
bool xr_plot_wanted(const struct xr_plot_scored *scored, size_t c);
/* Refuse more classes than can be drawn, and names in `only` that are no class. */
int xr_plot_check(struct xr_drawing *drawing,
                  const struct xr_plot_scored *scored) XR_MUST_USE;
/* Does any figure have an interval? */
bool xr_plot_intervals(const struct xr_plot_scored *scored);

/* Counts and shares of each row: on the diagonal the recall with its interval, beside it
 * Wilson's intervals unless rows come in groups. */
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

/* Of up to four classes a panel each: how the probability of the class is distributed in
 * rows of every true class. Of more: the quantiles of the probability of the true class,
 * by true class. */
int xr_plot_scores(struct xr_drawing *drawing,
                   const struct xr_plot_scored *scored) XR_MUST_USE;

/* The share of right calls over the mean confidence in bins, with Wilson's intervals (not
 * where rows come in groups), above how many rows each bin has; with one name in `only`
 * the share of that class over its probability. The bins are those of XR_METRIC_ECE. */
int xr_plot_reliability(struct xr_drawing *drawing,
                        const struct xr_plot_scored *scored) XR_MUST_USE;

/* The net benefit of acting on the probability of a class, of acting on all rows and on
 * none, by threshold, with the pointwise intervals of xr_decision_make; a panel a class,
 * at most four (of two classes: the last). */
int xr_plot_decision(struct xr_drawing *drawing,
                     const struct xr_plot_scored *scored) XR_MUST_USE;

/* One figure in each subgroup of a JSON of xr-metrics(1), all in one column with their
 * intervals. figure: its name in the JSON; NULL: the first there is. */
int xr_plot_forest(struct xr_drawing *drawing, const cJSON *metrics, const char *name,
                   const char *figure) XR_MUST_USE;
/* One figure ("accuracy", "per_class.benign.recall") in several JSONs of xr-metrics(1),
 * at most XR_PLOT_FILES, with their names; above them their mean with the interval of
 * xr_fold_spread. figure NULL: roc_auc_ovr_macro. */
int xr_plot_folds(struct xr_drawing *drawing, cJSON *const *metrics,
                  const char *const *names, size_t n, const char *figure,
                  double confidence) XR_MUST_USE;

/* Films beside their heat maps, from a stream of xr-cam(1): those that the report of
 * xr-report(1) shows. */
int xr_plot_cam(struct xr_drawing *drawing, const char *path,
                const struct xr_plot_request *request) XR_MUST_USE;
/* What was made of films, from a stream of xr-augment(1): a row each, a column an epoch.
 */
int xr_plot_sheet(struct xr_drawing *drawing, const char *path,
                  const struct xr_plot_request *request) XR_MUST_USE;

#endif
