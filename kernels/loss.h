/*
 * Losses on logits. Small: they run on the host in double.
 */
#ifndef XK_LOSS_H
#define XK_LOSS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"

enum xk_loss_kind {
    XK_LOSS_CROSS_ENTROPY,
    XK_LOSS_FOCAL
};

struct xk_loss {
    enum xk_loss_kind kind;
    const double *weights; /* [n_classes] or NULL: class weights; focal: alpha */
    double smoothing;      /* label smoothing 0..1, cross-entropy only */
    double gamma;          /* focal */
    bool sum; /* the gradient is that of the sum, not of the mean: for batches that are
               * added before they are divided */
};

/*
 * Mean loss of a batch and its gradient.
 *
 *   d_logits  [n][k]  written; NULL if not wanted
 *   logits    [n][k]
 *   labels    [n]     0..k-1
 *
 * Cross-entropy as torch.nn.functional.cross_entropy(weight=, label_smoothing=): the
 * weighted mean. Focal: mean over n of -w_y (1-p_y)^gamma log p_y (Lin et al. 2017, eq.
 * 5). *weight (may be NULL) is what the mean was divided by, so that means of batches can
 * be joined.
 */
double xk_loss_forward(float *d_logits, const float *logits, const int64_t *labels,
                       size_t n, size_t k, const struct xk_loss *loss, double *weight);

/*
 * The same for a batch that was mixed: lam times the loss of the row's own label and
 * 1 - lam times that of row n-1-i's. Without weights this is timm's
 * SoftTargetCrossEntropy on mixup_target(labels, k, lam, smoothing).
 */
double xk_loss_mixed(float *d_logits, const float *logits, const int64_t *labels,
                     size_t n, size_t k, const struct xk_loss *loss, double lam,
                     double *weight);

/*
 * Of the second head (xk_net_map): binary cross-entropy of each cell, with targets from 0
 * to 1, as torch.nn.functional.binary_cross_entropy_with_logits: the mean. d_map
 * [count] is its gradient times `scale`.
 */
double xk_loss_map(float *d_map, const float *map, const float *target, size_t count,
                   double scale);

/* Softmax of each row, in double, rounded once. */
void xk_softmax(float *p, const float *logits, size_t n, size_t k);

#endif
