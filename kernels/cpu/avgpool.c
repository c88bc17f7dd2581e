/*
 * Average pooling, over fixed windows and over those that divide the image.
 */
#include "cpu.h"

#include <omp.h>
#include <string.h>

struct window {
    size_t y0, y1, x0, x1; /* rows y0..y1-1, columns x0..x1-1 of the input */
    float share;           /* one by their number */
};

static struct window window_at(const struct xk_step *step, size_t oy, size_t ox)
{
    const struct xk_node *node = step->node;
    struct window v;

    xk_window(&v.y0, &v.y1, node->kernel, node->stride, oy, step->in.h, node->shape.h,
              node->pad_h);
    xk_window(&v.x0, &v.x1, node->kernel, node->stride, ox, step->in.w, node->shape.w,
              node->pad_w);
    v.share = 1.0f / (float)((v.y1 - v.y0) * (v.x1 - v.x0));
    return v;
}

/* A window that holds no pixel of the image has no mean. */
static int avgpool_prepare(struct xk_cpu *cpu, struct xk_step *step, struct xr_err *err)
{
    if (step->node->kernel && 2 * step->node->pad > step->node->kernel)
        return xr_fail(err, "average pooling over %zu pixels, padded by %zu",
                       step->node->kernel, step->node->pad);
    return xk_cpu_scratch(cpu, (size_t)cpu->n_threads * xk_padded(step->in.c), err);
}

static int avgpool_forward(struct xk_cpu *cpu, struct xk_step *step,
                           const struct xk_pass *pass, struct xr_err *err)
{
    const float *x = step->x[0];
    float *out = step->y;
    struct xk_shape s = step->node->shape;
    size_t rows = pass->n * s.h, c = s.c;

    (void)err;
#pragma omp parallel for num_threads(cpu->n_threads) schedule(static)
    for (size_t r = 0; r < rows; r++) {
        for (size_t ox = 0; ox < s.w; ox++) {
            struct window v = window_at(step, r % s.h, ox);
            float *y = out + (r * s.w + ox) * c;

            memset(y, 0, c * sizeof *y);
            for (size_t iy = v.y0; iy < v.y1; iy++)
                for (size_t ix = v.x0; ix < v.x1; ix++) {
                    size_t at = (r / s.h * step->in.h + iy) * step->in.w + ix;

                    cpu->simd[XK_F32]->add(y, y, x + at * c, c);
                }
            for (size_t i = 0; i < c; i++)
                y[i] *= v.share;
        }
    }
    return 0;
}

static int avgpool_backward(struct xk_cpu *cpu, struct xk_step *step,
                            const struct xk_pass *pass, struct xr_err *err)
{
    const float *dy = step->dy[0];
    float *dx = step->dx[0];
    struct xk_shape s = step->node->shape;
    size_t c = s.c, size = step->in.h * step->in.w * c;

    (void)err;
    if (!dx)
        return 0;
#pragma omp parallel for num_threads(cpu->n_threads) schedule(static)
    for (size_t n = 0; n < pass->n; n++) {
        memset(dx + n * size, 0, size * sizeof *dx);
        for (size_t o = 0; o < s.h * s.w; o++) {
            struct window v = window_at(step, o / s.w, o % s.w);
            const float *g = dy + (n * s.h * s.w + o) * c;
            float *part = cpu->scratch + (size_t)omp_get_thread_num() * xk_padded(c);

            for (size_t i = 0; i < c; i++)
                part[i] = g[i] * v.share;

            for (size_t iy = v.y0; iy < v.y1; iy++)
                for (size_t ix = v.x0; ix < v.x1; ix++) {
                    float *to = dx + n * size + (iy * step->in.w + ix) * c;

                    cpu->simd[XK_F32]->add(to, to, part, c);
                }
        }
    }
    return 0;
}

const struct xk_cpu_op xk_cpu_avgpool = {avgpool_prepare, NULL, avgpool_forward,
                                         avgpool_backward, false};
