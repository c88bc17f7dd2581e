/*
 * The inside of a net, for net.c, init.c and optim.c.
 */
#ifndef XK_NET_IMPL_H
#define XK_NET_IMPL_H

#include "plan.h"

struct xk_net {
    struct xk_spec spec;
    const struct xk_arch *arch;
    struct xk_device *dev;
    struct xk_graph graph; /* as built */
    struct xk_plan infer, train;
    struct xk_plan *ran; /* by the last forward pass */
    int keep;            /* node, -1: none */
    float *values, *grads, *d_logits;
    void *input, *d_map; /* of spec.dtype; d_map NULL: no second head */
    char *arena;
    size_t arena_bytes;
    uint64_t version; /* of the values */
    size_t n;         /* images of the current batch, 0: no input yet */
    bool frozen, can_backward, backward_done;
    struct xk_pass pass;
};

/* xk_net_open of a network that need not be in the list. */
int xk_net_open_family(struct xk_net **net, const struct xk_family *family, size_t row,
                       const struct xk_spec *spec, struct xr_err *err) XR_MUST_USE;

static inline float *xk_net_value_at(struct xk_net *net, size_t i)
{
    return net->values + net->graph.params[i].offset;
}

#endif
