/*
 * Epochs in which the classes have other shares than in the table: films of rare classes
 * come more often, films of frequent ones not every time.
 */
#ifndef XR_BALANCE_H
#define XR_BALANCE_H

#include "films.h"

#define XR_BALANCES "none|class|sqrt|effective"
enum xr_balance_kind {
    XR_BALANCE_NONE,
    XR_BALANCE_CLASS,     /* equal shares */
    XR_BALANCE_SQRT,      /* as the square roots of the counts n */
    XR_BALANCE_EFFECTIVE, /* as n / E(n), E(n) = (1 - beta^n) / (1 - beta): Cui et al.,
                           * "Class-balanced loss based on effective number of samples",
                           * CVPR 2019 */
};

/*
 * quota[n_classes]: films of each class in an epoch, as many together as there are films;
 * shares are rounded by largest remainders. A class without films gets none. Refused:
 * films without a label, and keys that end as those of repeated films do (xr_repeat_key).
 */
int xr_balance_quotas(int64_t *quota, const struct xr_films *films,
                      enum xr_balance_kind kind, double beta,
                      struct xr_err *err) XR_MUST_USE;

/*
 * order[films->n]: the films of an epoch, a function of seed and epoch alone. Every film
 * of a class comes equally often but for one time, and those that come once more are
 * drawn. repeat[films->n]: how often the film has come in this epoch, from 1.
 */
int xr_balance_draw(size_t *order, size_t *repeat, const struct xr_films *films,
                    const int64_t *quota, uint64_t seed, uint64_t epoch,
                    struct xr_err *err) XR_MUST_USE;

/* The key of a film that comes again: "KEY", "KEY@2", "KEY@3". Free with free(). */
char *xr_repeat_key(const char *key, size_t repeat, struct xr_err *err) XR_MUST_USE;

#endif
