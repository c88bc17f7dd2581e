/*
 * Optimisers, gradient clipping, EMA of the weights. They run on the net's device.
 */
#ifndef XK_OPTIM_H
#define XK_OPTIM_H

#include "formula.h"
#include "net.h"

/* An optimiser is a row of the table in optim.c, a formula in formula.h and a kernel in
 * every device. These are the defaults of timm and PyTorch but for AdamW's and SGD's
 * decay. */
struct xk_optim_row {
    const char *name;
    double lr, decay, beta1, beta2, eps, clip;
};
#define XK_OPTIM_NAMES "adamw|sgd|lamb|lion" /* in the order of enum xk_optim_kind */
const struct xk_optim_row *xk_optim_row(enum xk_optim_kind kind);

struct xk_optim_spec {
    enum xk_optim_kind kind;
    double momentum; /* SGD */
    bool nesterov;
    double beta1, beta2, eps; /* the others; Lion has no eps */
    double decay;       /* weight decay: added to the gradient (SGD) or to the direction
                         * (LAMB), decoupled (AdamW, Lion) */
    bool decay_1d;      /* false: tensors with one dimension (biases, norms) are spared */
    double layer_decay; /* the rate's factor for every block below the head; 0: none */
    double clip;        /* largest global L2 norm of the gradients, 0: none */
    double ema;         /* decay of the moving average of all state, 0: none */
    bool ema_warmup;    /* at most 1 - k^(-2/3) in update k, as timm's ModelEmaV3 */
};

struct xk_optim;
int xk_optim_open(struct xk_optim **optim, struct xk_net *net,
                  const struct xk_optim_spec *spec, struct xr_err *err) XR_MUST_USE;
void xk_optim_close(struct xk_optim *optim);

/* One step with this learning rate. *norm (may be NULL) is the gradients' norm before
 * clipping. A norm that is not finite is an error, and nothing moves. LAMB leaves its
 * direction where the gradients were. */
int xk_optim_step(struct xk_optim *optim, double lr, double *norm,
                  struct xr_err *err) XR_MUST_USE;

/* Momentum (SGD) or beta1 (others) of the steps that follow. */
void xk_optim_set_momentum(struct xk_optim *optim, double momentum);

/* What gradients are multiplied by before anything is done with them, 1 at first: for
 * sums over batches. */
void xk_optim_set_scale(struct xk_optim *optim, double scale);
/* L2 norm of the gradients as they are. */
double xk_optim_norm(struct xk_optim *optim);

/* Exchange the net's values with the moving average (evaluation with EMA); again to
 * change back. Nothing happens without EMA. */
int xk_optim_swap_ema(struct xk_optim *optim, struct xr_err *err) XR_MUST_USE;

/* The state for a checkpoint: "optimizer.step", "optimizer.exp_avg.NAME", "ema.NAME", ...
 * in a fixed order, in timm's layout. All a continued run needs besides the net's own
 * values. */
size_t xk_optim_n_state(const struct xk_optim *optim);
const char *xk_optim_state_name(const struct xk_optim *optim, size_t i);
void xk_optim_state_shape(const struct xk_optim *optim, size_t i, int *n_dims,
                          size_t shape[4]);
int xk_optim_get(struct xk_optim *optim, size_t i, float *dst,
                 struct xr_err *err) XR_MUST_USE;
int xk_optim_set(struct xk_optim *optim, size_t i, const float *src,
                 struct xr_err *err) XR_MUST_USE;

#endif
