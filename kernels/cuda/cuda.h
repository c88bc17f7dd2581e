/*
 * The CUDA device: what its files share.
 */
#ifndef XK_CUDA_H
#define XK_CUDA_H

#include "geometry.h"
#include "runtime.h"

enum {
    XK_STAGES = 2,         /* pinned buffers: one is filled while the other is read */
    XK_MAX_RECORDINGS = 16 /* passes of other kinds run step by step */
};

/* A pass that has run before, and perhaps was recorded. */
struct xk_recording {
    struct xk_step *steps;
    int from;
    bool backward;
    enum xk_mode mode;
    size_t n;
    uint64_t version, generation;
    bool seen, refused;
    void *exec;
};

struct xk_cuda {
    struct xk_device base;
    struct xk_device_spec spec;
    xk_stream stream;
    char text[256];
    size_t taken, peak;  /* bytes of the GPU */
    struct xr_err error; /* of a call that could not say so */
    bool failed;

    char *scratch; /* shared by all steps: one runs at a time */
    size_t scratch_bytes;
    char *workspace; /* the libraries' */
    size_t workspace_bytes;
    uint64_t generation; /* grows when something moves that recordings point to */

    struct { /* inputs on their way */
        char *host;
        size_t bytes;
        struct xk_rt_event *read;
    } stage[XK_STAGES];
    int next_stage;
    char *raw;
    size_t raw_bytes;

    struct xk_drop **drops; /* steps that draw, in order of their slots */
    size_t n_drops, room_drops, room_rngs;
    struct xr_rng *rngs_host, *rngs; /* one a slot, for the pass that runs */

    char *spans; /* the optimiser's, on the device */
    size_t spans_bytes;
    double *sums; /* of squares, then of chunks */
    size_t sums_doubles;
    struct xk_cu_chunk *chunks;
    size_t room_chunks;

    struct xk_recording recordings[XK_MAX_RECORDINGS];
    size_t n_recordings;
    struct xk_recording *now; /* being recorded */
    bool broken;              /* and cannot be */
    bool no_recordings;

    struct xk_gemm_lib *gemm;
    struct xk_dnn_lib *dnn;
};

/* At least so much scratch; NULL with *err. It is the caller's until its step ends, or
 * asks again. workspace: of a call into a library. */
void *xk_cuda_scratch(struct xk_cuda *cuda, size_t bytes, struct xr_err *err) XR_MUST_USE;
void *xk_cuda_workspace(struct xk_cuda *cuda, size_t bytes,
                        struct xr_err *err) XR_MUST_USE;
/* Memory that counts towards the peak. */
void *xk_cuda_take(struct xk_cuda *cuda, size_t bytes, struct xr_err *err) XR_MUST_USE;
void xk_cuda_give(struct xk_cuda *cuda, void *mem, size_t bytes);

/* A step that draws random numbers: dropout, drop path, a batch norm with it. */
struct xk_drop {
    const struct xk_node *node;
    size_t slot;
};

int xk_cuda_drop_prepare(struct xk_cuda *cuda, struct xk_step *step,
                         struct xr_err *err) XR_MUST_USE;
void xk_cuda_drop_release(struct xk_cuda *cuda, struct xk_step *step);
/* n factors of this step and pass; all 1 but in training. */
void xk_cuda_drop_factors(struct xk_cuda *cuda, const struct xk_step *step,
                          const struct xk_pass *pass, float *factor, size_t n);

extern const struct xk_backend xk_backend_cuda;

/* One operation of the device. */
struct xk_cuda_op {
    int (*prepare)(struct xk_cuda *cuda, struct xk_step *step, struct xr_err *err);
    void (*release)(struct xk_cuda *cuda, struct xk_step *step);
    int (*forward)(struct xk_cuda *cuda, struct xk_step *step, const struct xk_pass *pass,
                   struct xr_err *err);
    int (*backward)(struct xk_cuda *cuda, struct xk_step *step,
                    const struct xk_pass *pass, struct xr_err *err);
};

/* NULL: it has no such operation. */
const struct xk_cuda_op *xk_cuda_op(enum xk_op op);
extern const struct xk_cuda_op xk_cuda_conv;
struct xk_cu_window xk_cuda_window(const struct xk_step *step, size_t n);

/* --- gemm.c: products, by cuBLASLt ------------------------------------------------- */

/* Row-major d[m][n] = a[m][k] b[k][n] + beta c (+ bias[n], then relu); a and b are of
 * type `factors`, bias of `result`. a stored as [k][m] if ta, b as [n][k] if tb. c may be
 * d. */
struct xk_gemm {
    enum xk_dtype factors, result;
    void *d;
    const void *a, *b, *c, *bias;
    size_t m, n, k;
    bool ta, tb, relu;
    float beta;
};

struct xk_gemm_plan; /* made for one shape, kept by who uses it: *plan is NULL at first */
int xk_gemm_open(struct xk_gemm_lib **lib, const struct xk_device_spec *spec,
                 struct xr_err *err) XR_MUST_USE;
void xk_gemm_close(struct xk_gemm_lib *lib);
/* 0; 1 with *err: the library has no way for this shape; -1 with *err. */
int xk_gemm(struct xk_cuda *cuda, struct xk_gemm_plan **plan, const struct xk_gemm *g,
            struct xr_err *err) XR_MUST_USE;
void xk_gemm_plan_free(struct xk_gemm_plan *plan);

/* --- dnn.c: convolutions, by cuDNN -------------------------------------------------- */

enum xk_dnn_kind {
    XK_DNN_FORWARD,
    XK_DNN_DATA,   /* x from w and y, all gradients */
    XK_DNN_WEIGHTS /* w from x and y */
};

struct xk_dnn_shape {
    enum xk_dnn_kind kind;
    struct xk_cu_direct conv;
    enum xk_dtype dtype, w_dtype; /* of x and y; of w, [out][taps][c / groups] */
};

struct xk_dnn_plan;
int xk_dnn_open(struct xk_dnn_lib **lib, xk_stream stream,
                struct xr_err *err) XR_MUST_USE;
void xk_dnn_close(struct xk_dnn_lib *lib);
/* An engine for this shape, the fastest of some by trying them on these tensors, which
 * the kind's result among them is written to. 0; 1: there is none; -1 with *err. */
int xk_dnn_plan(struct xk_dnn_plan **plan, struct xk_cuda *cuda,
                const struct xk_dnn_shape *shape, void *x, void *w, void *y,
                struct xr_err *err) XR_MUST_USE;
int xk_dnn_run(struct xk_cuda *cuda, const struct xk_dnn_plan *plan, void *x, void *w,
               void *y, struct xr_err *err) XR_MUST_USE;
void xk_dnn_plan_free(struct xk_dnn_plan *plan);

/* --- tuned.c: what was found by trying, for the next run ---------------------------- */

/* The file ~/.cache/xr/NAME (XDG_CACHE_HOME), lines "key<blank>number"; what cannot be
 * read or written is found again. -1: not there. */
int xk_tuned_get(const char *name, const char *key);
void xk_tuned_put(const char *name, const char *key, int value);

#endif
