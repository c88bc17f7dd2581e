/*
 * Operations that only move values: channels behind each other, pixels to one.
 */
#include "cpu.h"

#include <omp.h>
#include <string.h>

/* --- concatenation of channels ----------------------------------------------------- */

static int concat_forward(struct xk_cpu *cpu, struct xk_step *step,
                          const struct xk_pass *pass, struct xr_err *err)
{
    const float *x = step->x[0], *behind = step->x[1];
    float *y = step->y;
    size_t c = step->node->shape.c, c0 = step->in.c, c1 = c - c0;
    size_t rows = pass->n * step->in.h * step->in.w;

    (void)err;
#pragma omp parallel for num_threads(cpu->n_threads) schedule(static)
    for (size_t r = 0; r < rows; r++) {
        memcpy(y + r * c, x + r * c0, c0 * sizeof *y);
        memcpy(y + r * c + c0, behind + r * c1, c1 * sizeof *y);
    }
    return 0;
}

static int concat_backward(struct xk_cpu *cpu, struct xk_step *step,
                           const struct xk_pass *pass, struct xr_err *err)
{
    const float *dy = step->dy[0];
    size_t c = step->node->shape.c, c0 = step->in.c;
    size_t rows = pass->n * step->in.h * step->in.w;

    (void)err;
    for (int k = 0; k < 2; k++) {
        float *dx = step->dx[k];
        size_t from = k ? c0 : 0, n = k ? c - c0 : c0;

        if (!dx)
            continue;
#pragma omp parallel for num_threads(cpu->n_threads) schedule(static)
        for (size_t r = 0; r < rows; r++)
            memcpy(dx + r * n, dy + r * c + from, n * sizeof *dx);
    }
    return 0;
}

const struct xk_cpu_op xk_cpu_concat = {NULL, NULL, concat_forward, concat_backward,
                                        false};

/* --- flattening -------------------------------------------------------------------- */

void xk_cpu_to_chw(float *dst, const float *src, size_t pixels, size_t c)
{
    for (size_t p = 0; p < pixels; p++)
        for (size_t i = 0; i < c; i++)
            dst[i * pixels + p] = src[p * c + i];
}

void xk_cpu_to_hwc(float *dst, const float *src, size_t pixels, size_t c)
{
    for (size_t p = 0; p < pixels; p++)
        for (size_t i = 0; i < c; i++)
            dst[p * c + i] = src[i * pixels + p];
}

static int flatten_forward(struct xk_cpu *cpu, struct xk_step *step,
                           const struct xk_pass *pass, struct xr_err *err)
{
    const float *x = step->x[0];
    float *y = step->y;
    size_t pixels = step->in.h * step->in.w, size = pixels * step->in.c;

    (void)err;
#pragma omp parallel for num_threads(cpu->n_threads) schedule(static)
    for (size_t n = 0; n < pass->n; n++)
        xk_cpu_to_chw(y + n * size, x + n * size, pixels, step->in.c);
    return 0;
}

static int flatten_backward(struct xk_cpu *cpu, struct xk_step *step,
                            const struct xk_pass *pass, struct xr_err *err)
{
    const float *dy = step->dy[0];
    float *dx = step->dx[0];
    size_t pixels = step->in.h * step->in.w, size = pixels * step->in.c;

    (void)err;
    if (!dx)
        return 0;
#pragma omp parallel for num_threads(cpu->n_threads) schedule(static)
    for (size_t n = 0; n < pass->n; n++)
        xk_cpu_to_hwc(dx + n * size, dy + n * size, pixels, step->in.c);
    return 0;
}

const struct xk_cpu_op xk_cpu_flatten = {NULL, NULL, flatten_forward, flatten_backward,
                                         false};
