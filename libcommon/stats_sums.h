/*
 * Inside of stats_metrics.h: the rows as they are prepared, the sums over weighted rows
 * that all figures are made of, and the table of figures. Nobody else includes it.
 */
#ifndef XR_STATS_SUMS_H
#define XR_STATS_SUMS_H

#include "stats_metrics.h"
#include "stats_sampler.h"

/*
 * One class against the rest, its rows in falling order of their score. A segment is one
 * distinct score that a positive has; the negatives between two segments need no order
 * among themselves. Row i is counted in slot id[i] = 3 * segment + kind; negatives behind
 * the last segment are in one more.
 */
enum {
    XR_NEG_ABOVE,
    XR_POS,
    XR_NEG_TIED,
    XR_N_KINDS
};

struct xr_ranking {
    uint32_t *id; /* [n] */
    size_t n_segments;
};

/* Rows by the bin of one confidence, those that are right after those that are wrong:
 * cell 2 * bin + right holds order[from[cell]] .. order[from[cell + 1] - 1]. */
struct xr_binning {
    uint32_t *order;    /* [n] */
    double *confidence; /* [n] in that order */
    size_t *from;       /* [2 * n_bins + 1] */
};

struct xr_metrics {
    size_t n, k, n_bins, top_k;
    bool grouped;
    bool pairs;    /* areas of pairs of classes are made */
    uint32_t *row; /* [n] rows by (truth, prediction); all that follows is in
                      this order */
    uint32_t *truth, *predicted; /* [n] */
    size_t *class_from;          /* [k + 1] rows of a class */
    size_t *cell_from;           /* [n_cells + 1] */
    size_t n_cells;              /* of the confusion matrix that are not empty */
    struct xr_ranking *rankings; /* [k] */
    struct xr_ranking micro;     /* id [k][n]: all scores in one ranking */
    struct xr_binning *binnings; /* [k + 1] each class; the predicted class */
    uint32_t *by_confidence;     /* [n] rows by the confidence of the predicted class */
    double *gap;                 /* [n] right - confidence, in that order */
    bool *tied;                  /* [n] as confident as the next one in that order */
    double *row_sums; /* [n][2 + k] log loss, Brier score, that of each class */
    uint32_t *in_top; /* [n] the true class is among the first top_k: 0 or 1 */
    struct xr_sampler *sampler;
};

/* Bins over which calibration is measured: counts, right ones, sums of confidence. */
struct xr_bin_sums {
    uint64_t *n, *right; /* [n_bins] */
    double *confidence;  /* [n_bins] */
};

/* What all figures are made of. */
struct xr_sums {
    size_t k, n_bins;
    uint64_t total;
    uint64_t *support, *predicted, *hits; /* [k] */
    double off, off2;                     /* sums of abs(i - j) and (i - j)^2 */
    uint64_t in_top;
    double *row_sums; /* [2 + k] as in struct xr_metrics */
    double *auc, *ap; /* [k] one class against the rest */
    double micro_auc, micro_ap;
    double *pair;             /* [k][k] area of column a, class a against class b; NULL */
    struct xr_bin_sums *bins; /* [k + 1] */
    double mass_gap; /* equal mass: sum over bins of abs(sum of right - confidence) */
};

int xr_sums_alloc(struct xr_sums *sums, const struct xr_metrics *metrics,
                  struct xr_err *err) XR_MUST_USE;
void xr_sums_free(struct xr_sums *sums);

/* Room of one thread. */
struct xr_metrics_room {
    struct xr_sums sums;
    uint32_t *weight; /* [n] in the order of struct xr_metrics */
    uint32_t *slots;  /* [XR_N_KINDS * (n + 1)] */
};

/* Sums of the rows counted room->weight times. */
void xr_sums_fill(struct xr_metrics_room *room, const struct xr_metrics *metrics);
/* The slots of class c of the rows counted room->weight times. */
void xr_sums_slots(struct xr_metrics_room *room, const struct xr_metrics *metrics,
                   size_t c);

/* Area and average precision from the slots of a ranking, highest score first. */
void xr_rank_figures(double *auc, double *ap, const uint32_t *slots, size_t n_segments);

/* Which bin of n a confidence is in, as XR_METRIC_ECE has it. */
size_t xr_bin_of(double confidence, size_t n_bins);

/* Log loss of a row whose own class has probability p. */
double xr_row_loss(double p);

/* Does figure f need scores in order? */
bool xr_figure_is_ranked(size_t f);

/* Figures without one row, for each row: jack [figure][n] in the order of the file. */
int xr_jackknife_rows(double *jack, const struct xr_metrics *metrics,
                      struct xr_err *err) XR_MUST_USE;

/* The texts and counts of xr_metrics_reasons and xr_metrics_shares. */
void xr_figure_reasons(const char **reasons, const double *figures,
                       const struct xr_sums *sums);
void xr_figure_shares(uint64_t *part, uint64_t *whole, const struct xr_sums *sums);

/* All figures of the sums. absent: the value of a ratio whose denominator is 0: 0 or NaN.
 */
void xr_figures_of(double *figures, const struct xr_sums *sums, double absent);

#endif
