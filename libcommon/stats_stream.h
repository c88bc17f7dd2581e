/*
 * The classifier's figures of rows that memory does not hold: rows are dealt to blocks by
 * their key (or group), and every block keeps sums. Figures that need all scores in order
 * (areas, average precision, bins of equal mass) are undefined.
 *
 * Blocks are resampled whole instead of rows. They are sums of independent rows (or
 * groups, which are in one block whole), so that the intervals are those of the rows but
 * for what a thousand units instead of n lose.
 */
#ifndef XR_STATS_STREAM_H
#define XR_STATS_STREAM_H

#include "stats_metrics.h"

#define XR_STREAM_BLOCKS 1000
#define XR_STREAM_CLASSES 64 /* at most */

struct xr_stream_sums;

/* k classes, n_bins and top_k as in struct xr_scored, but not 0. */
int xr_stream_sums_open(struct xr_stream_sums **sums, size_t k, size_t n_bins,
                        size_t top_k, struct xr_err *err) XR_MUST_USE;
void xr_stream_sums_close(struct xr_stream_sums *sums);

/* One row: p [k] finite, label below k, unit: its key or group, whose block it goes to.
 */
void xr_stream_sums_add(struct xr_stream_sums *sums, const double *p, uint32_t label,
                        const char *unit);

size_t xr_stream_sums_n_blocks(const struct xr_stream_sums *sums); /* with a row */
/* confusion [k][k]; n, right, confidence [n_bins] as of xr_metrics_bins. */
void xr_stream_sums_counts(uint64_t *confusion, uint64_t *n, uint64_t *right,
                           double *confidence, const struct xr_stream_sums *sums);

/*
 * All figures [xr_n_metrics(k)] with intervals and reasons; proportions as in
 * stats_intervals.h, or XR_CI_NONE for the bootstrap.
 */
int xr_stream_sums_figures(struct xr_figure *figures, const struct xr_stream_sums *sums,
                           const struct xr_bootstrap *bootstrap,
                           enum xr_ci_method proportions, struct xr_err *err) XR_MUST_USE;

#endif
