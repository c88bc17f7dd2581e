/*
 * Nets with formula weights, and the norm that they are compared by.
 */
#ifndef TEST_NETS_H
#define TEST_NETS_H

#include "formula.h"
#include "net.h"
#include "tap.h"

static inline double l2(const float *v, size_t n)
{
    double s = 0;

    for (size_t i = 0; i < n; i++)
        s += (double)v[i] * (double)v[i];
    return sqrt(s);
}

/* The weights of golden/common; rv: scale of running variances. */
static inline void fill(struct xk_net *net, double rv)
{
    struct xr_err err = {0};

    for (size_t i = 0; i < xk_net_n_params(net); i++) {
        const struct xk_param *p = xk_net_param(net, i);
        float *v = malloc(p->count * sizeof *v);

        fm_golden(v, p->name, p->n_dims, p->shape, p->count, rv);
        if (xk_net_set(net, i, v, &err))
            ok(0, "%s", err.text);
        free(v);
    }
}

#endif
