/* Epochs with other shares of the classes. */
#include "balance.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "rng.h"

static double share(double n, enum xr_balance_kind kind, double beta)
{
    if (n <= 0)
        return 0;
    switch (kind) {
    case XR_BALANCE_CLASS:
        return 1;
    case XR_BALANCE_SQRT:
        return sqrt(n);
    case XR_BALANCE_EFFECTIVE: /* 1 - beta^n without cancelling; beta 1 is its limit */
        return beta < 1 ? n * (1 - beta) / -expm1(n * log(beta)) : 1;
    default:
        return n;
    }
}

static int check_films(const struct xr_films *f, struct xr_err *err)
{
    if (f->n_unlabelled)
        return xr_fail(err, "--balance: %zu films have no label", f->n_unlabelled);
    for (size_t i = 0; i < f->n; i++) {
        const char *at = strrchr(f->films[i].key, '@');

        if (at && at[1] && !at[1 + strspn(at + 1, "0123456789")])
            return xr_fail(err,
                           "--balance: the key '%s' ends as that of a film that comes "
                           "again (see --key-replace)",
                           f->films[i].key);
    }
    return 0;
}

int xr_balance_quotas(int64_t *quota, const struct xr_films *f, enum xr_balance_kind kind,
                      double beta, struct xr_err *err)
{
    double *want, sum = 0;
    int64_t left = (int64_t)f->n;

    if (check_films(f, err))
        return -1;
    want = xr_alloc_array(f->n_classes, sizeof *want, err);
    if (!want)
        return -1;
    for (size_t c = 0; c < f->n_classes; c++)
        sum += want[c] = share((double)f->class_counts[c], kind, beta);
    for (size_t c = 0; c < f->n_classes; c++) {
        want[c] *= (double)f->n / sum;
        quota[c] = (int64_t)floor(want[c]);
        left -= quota[c];
    }
    for (; left > 0; left--) { /* fewer than there are classes */
        size_t top = 0;

        for (size_t c = 1; c < f->n_classes; c++)
            if (want[c] - (double)quota[c] > want[top] - (double)quota[top])
                top = c;
        quota[top]++;
    }
    free(want);
    return 0;
}

int xr_balance_draw(size_t *order, size_t *repeat, const struct xr_films *f,
                    const int64_t *quota, uint64_t seed, uint64_t epoch,
                    struct xr_err *err)
{
    size_t *of = xr_alloc_array(f->n, sizeof *of, err), at = 0;
    struct xr_rng rng;

    if (!of)
        return -1;
    for (size_t c = 0; c < f->n_classes; c++) {
        size_t n = 0;

        for (size_t i = 0; i < f->n; i++)
            if (f->films[i].label == (int64_t)c)
                of[n++] = i;
        xr_rng_init(&rng, seed, epoch, f->classes[c], "balance");
        xr_rng_shuffle(&rng, of, n);
        for (int64_t k = 0; k < quota[c]; k++)
            order[at++] = of[(size_t)k % n];
    }
    xr_rng_init(&rng, seed, epoch, "", "order");
    xr_rng_shuffle(&rng, order, f->n);
    memset(of, 0, f->n * sizeof *of);
    for (size_t i = 0; i < f->n; i++)
        repeat[i] = ++of[order[i]];
    free(of);
    return 0;
}

char *xr_repeat_key(const char *key, size_t repeat, struct xr_err *err)
{
    return repeat > 1 ? xr_sprintf(err, "%s@%zu", key, repeat) : xr_strdup(key, err);
}
