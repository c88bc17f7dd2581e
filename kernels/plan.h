/*
 * A plan: the steps of a graph bound to one arena, planned by lifetime.
 */
#ifndef XK_PLAN_H
#define XK_PLAN_H

#include "device.h"

struct xk_plan {
    struct xk_graph graph; /* fused */
    struct xk_step *steps; /* one a node; NONE and INPUT have nothing to run */
    int n_steps;
    size_t bytes; /* of the arena */
    struct xk_buffer *buffers;
    int n_buffers;
    int *y, *dy, *dx, *g,
        *saved; /* buffers of each step: [n], [n][XK_MAX_GRADS], [n][2], [n], [n] */
    int *again; /* [n]: input 0, made once more for the backward pass */
    int *merge; /* [n][2][3], see xk_step */
    double *seconds[2]; /* spent forward and backward by each step, for profiles */
};

/*
 * Plan graph (taken over: the plan frees it; its types are set) for batches up to
 * `batch`. backward: everything the backward pass needs stays alive, and gradients have
 * places. makes_again: but what the device makes again. keep: node whose activation and
 * gradient live to the end, or -1.
 */
int xk_plan_init(struct xk_plan *plan, struct xk_graph *graph, size_t batch,
                 bool backward, bool makes_again, int keep,
                 struct xr_err *err) XR_MUST_USE;
/* Put the steps' pointers into an arena of plan->bytes. input and d_logits live outside
 * of it, as does d_map (NULL: the graph has no second head). */
void xk_plan_bind(struct xk_plan *plan, char *arena, void *input, float *d_logits,
                  void *d_map);
void xk_plan_free(struct xk_plan *plan);

#endif
