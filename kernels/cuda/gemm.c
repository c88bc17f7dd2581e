/*
 * Matrix products by cuBLASLt. It counts columns first: the product here is that of the
 * transposed factors in the other order there.
 */
#include "cuda.h"

#include <cublasLt.h>
#include <stdlib.h>
#include <string.h>

enum {
    WORKSPACE = 32 << 20
};

struct xk_gemm_lib {
    cublasLtHandle_t handle;
    bool tf32, deterministic;
};

struct xk_gemm_plan {
    struct xk_gemm shape; /* pointers are not looked at */
    cublasLtMatmulDesc_t op;
    cublasLtMatrixLayout_t a, b, d;
    cublasLtMatmulAlgo_t algo;
    size_t workspace;
};

static int failed(cublasStatus_t rc, struct xr_err *err)
{
    return rc == CUBLAS_STATUS_SUCCESS
               ? 0
               : xr_fail(err, "cuBLASLt: %s", cublasLtGetStatusString(rc));
}

int xk_gemm_open(struct xk_gemm_lib **out, const struct xk_device_spec *spec,
                 struct xr_err *err)
{
    struct xk_gemm_lib *lib = xr_alloc_array(1, sizeof *lib, err);

    *out = NULL;
    if (!lib)
        return -1;
    lib->tf32 = spec->tf32;
    lib->deterministic = spec->deterministic;
    if (failed(cublasLtCreate(&lib->handle), err)) {
        free(lib);
        return -1;
    }
    *out = lib;
    return 0;
}

void xk_gemm_close(struct xk_gemm_lib *lib)
{
    if (lib)
        (void)cublasLtDestroy(lib->handle);
    free(lib);
}

void xk_gemm_plan_free(struct xk_gemm_plan *plan)
{
    if (!plan)
        return;
    if (plan->a)
        (void)cublasLtMatrixLayoutDestroy(plan->a);
    if (plan->b)
        (void)cublasLtMatrixLayoutDestroy(plan->b);
    if (plan->d)
        (void)cublasLtMatrixLayoutDestroy(plan->d);
    if (plan->op)
        (void)cublasLtMatmulDescDestroy(plan->op);
    free(plan);
}

static cudaDataType_t type_of(enum xk_dtype t)
{
    return t == XK_BF16 ? CUDA_R_16BF : CUDA_R_32F;
}

#define SET(op, name, value)                                                             \
    failed(cublasLtMatmulDescSetAttribute(op, name, &(value), sizeof(value)), err)

static int describe(struct xk_gemm_plan *p, const struct xk_gemm_lib *lib,
                    const struct xk_gemm *g, struct xr_err *err)
{
    cublasComputeType_t compute = lib->tf32 && g->factors == XK_F32
                                      ? CUBLAS_COMPUTE_32F_FAST_TF32
                                      : CUBLAS_COMPUTE_32F;
    cublasOperation_t ta = g->tb ? CUBLAS_OP_T : CUBLAS_OP_N,
                      tb = g->ta ? CUBLAS_OP_T : CUBLAS_OP_N;
    cublasLtEpilogue_t epilogue =
        g->bias   ? (g->relu ? CUBLASLT_EPILOGUE_RELU_BIAS : CUBLASLT_EPILOGUE_BIAS)
        : g->relu ? CUBLASLT_EPILOGUE_RELU
                  : CUBLASLT_EPILOGUE_DEFAULT;
    cudaDataType_t bias = type_of(g->result);
    /* as stored there: b [k][n] is n x k, or k x n if it was transposed */
    uint64_t b_rows = g->tb ? g->k : g->n, b_cols = g->tb ? g->n : g->k;
    uint64_t a_rows = g->ta ? g->m : g->k, a_cols = g->ta ? g->k : g->m;

    if (failed(cublasLtMatmulDescCreate(&p->op, compute, CUDA_R_32F), err) ||
        SET(p->op, CUBLASLT_MATMUL_DESC_TRANSA, ta) ||
        SET(p->op, CUBLASLT_MATMUL_DESC_TRANSB, tb) ||
        SET(p->op, CUBLASLT_MATMUL_DESC_EPILOGUE, epilogue))
        return -1;
    if (g->bias && (SET(p->op, CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE, bias) ||
                    SET(p->op, CUBLASLT_MATMUL_DESC_BIAS_POINTER, g->bias)))
        return -1;
    return failed(cublasLtMatrixLayoutCreate(&p->a, type_of(g->factors), b_rows, b_cols,
                                             (int64_t)b_rows),
                  err) ||
                   failed(cublasLtMatrixLayoutCreate(&p->b, type_of(g->factors), a_rows,
                                                     a_cols, (int64_t)a_rows),
                          err) ||
                   failed(cublasLtMatrixLayoutCreate(&p->d, type_of(g->result), g->n,
                                                     g->m, (int64_t)g->n),
                          err)
               ? -1
               : 0;
}

/* Tensors begin at multiples of 64 bytes. */
static int choose(struct xk_gemm_plan *p, const struct xk_gemm_lib *lib,
                  struct xr_err *err)
{
    cublasLtMatmulPreference_t want = NULL;
    cublasLtMatmulHeuristicResult_t found;
    size_t workspace = WORKSPACE;
    uint32_t align = 64,
             /* parts that are added as they come differ from run to run */
        schemes = CUBLASLT_REDUCTION_SCHEME_NONE | CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE;
    cublasStatus_t status;
    int n = 0, rc;

    if (failed(cublasLtMatmulPreferenceCreate(&want), err))
        return -1;
#define PREFER(name, value)                                                              \
    failed(cublasLtMatmulPreferenceSetAttribute(want, name, &(value), sizeof(value)), err)
    rc = PREFER(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, workspace) ||
         PREFER(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, align) ||
         PREFER(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, align) ||
         PREFER(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, align) ||
         PREFER(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, align) ||
         (lib->deterministic &&
          PREFER(CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK, schemes));
#undef PREFER
    if (rc) {
        (void)cublasLtMatmulPreferenceDestroy(want);
        return -1;
    }
    status = cublasLtMatmulAlgoGetHeuristic(lib->handle, p->op, p->a, p->b, p->d, p->d,
                                            want, 1, &found, &n);
    (void)cublasLtMatmulPreferenceDestroy(want);
    if (status == CUBLAS_STATUS_NOT_SUPPORTED ||
        (status == CUBLAS_STATUS_SUCCESS && n < 1)) {
        (void)xr_fail(err, "cuBLASLt has no way to multiply %zux%zu by %zux%zu",
                      p->shape.m, p->shape.k, p->shape.k, p->shape.n);
        return 1;
    }
    if (failed(status, err))
        return -1;
    p->algo = found.algo;
    p->workspace = found.workspaceSize;
    return 0;
}

static bool same(const struct xk_gemm *a, const struct xk_gemm *b)
{
    return a->factors == b->factors && a->result == b->result && a->m == b->m &&
           a->n == b->n && a->k == b->k && a->ta == b->ta && a->tb == b->tb &&
           a->relu == b->relu && !a->bias == !b->bias;
}

int xk_gemm(struct xk_cuda *cuda, struct xk_gemm_plan **plan, const struct xk_gemm *g,
            struct xr_err *err)
{
    struct xk_gemm_lib *lib = cuda->gemm;
    const float alpha = 1;
    struct xk_gemm_plan *p = *plan;
    void *workspace = NULL;
    int rc;

    if (!p || !same(&p->shape, g)) {
        xk_gemm_plan_free(p);
        *plan = p = xr_alloc_array(1, sizeof *p, err);
        if (!p)
            return -1;
        p->shape = *g;
        rc = describe(p, lib, g, err) ? -1 : choose(p, lib, err);
        if (rc) {
            xk_gemm_plan_free(p);
            *plan = NULL;
            return rc;
        }
    }
    if (g->bias && SET(p->op, CUBLASLT_MATMUL_DESC_BIAS_POINTER, g->bias))
        return -1;
    if (p->workspace) {
        workspace = xk_cuda_workspace(cuda, p->workspace, err);
        if (!workspace)
            return -1;
    }
    return failed(cublasLtMatmul(lib->handle, p->op, &alpha, g->b, p->a, g->a, p->b,
                                 &g->beta, g->c ? g->c : g->d, p->d, g->d, p->d, &p->algo,
                                 workspace, p->workspace, cuda->stream),
                  err);
}
