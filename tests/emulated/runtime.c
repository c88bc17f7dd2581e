/*
 * The runtime and the libraries of the CUDA device on the host: memory is memory,
 * products are loops, cuDNN has no engine (so that the direct convolutions run), and
 * passes can be "recorded": XR_EMULATED_RECORD=1 refuses them at their end, which must
 * run them again.
 */
#include "cuda.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct xk_rt_event {
    int unused;
};

static int the_stream;

int xk_rt_open(xk_stream *stream, char *text, size_t size, int index, struct xr_err *err)
{
    (void)err;
    *stream = (xk_stream)(void *)&the_stream;
    snprintf(text, size, "an emulated GPU (cuda:%d)", index);
    return 0;
}

void xk_rt_close(xk_stream stream)
{
    (void)stream;
}

void *xk_rt_alloc(size_t bytes, struct xr_err *err)
{
    return xr_alloc_array(bytes ? bytes : 1, 1, err);
}

void xk_rt_free(void *mem)
{
    free(mem);
}

void *xk_rt_pinned(size_t bytes, struct xr_err *err)
{
    return xr_alloc_array(bytes ? bytes : 1, 1, err);
}

void xk_rt_unpin(void *mem)
{
    free(mem);
}

int xk_rt_upload(xk_stream s, void *dst, const void *src, size_t bytes,
                 struct xr_err *err)
{
    (void)s;
    (void)err;
    memcpy(dst, src, bytes);
    return 0;
}

int xk_rt_download(xk_stream s, void *dst, const void *src, size_t bytes,
                   struct xr_err *err)
{
    return xk_rt_upload(s, dst, src, bytes, err);
}

int xk_rt_zero(xk_stream s, void *dst, size_t bytes, struct xr_err *err)
{
    (void)s;
    (void)err;
    memset(dst, 0, bytes);
    return 0;
}

int xk_rt_wait(xk_stream s, struct xr_err *err)
{
    (void)s;
    (void)err;
    return 0;
}

int xk_rt_check(struct xr_err *err)
{
    (void)err;
    return 0;
}

struct xk_rt_event *xk_rt_event(struct xr_err *err)
{
    return xr_alloc_array(1, sizeof(struct xk_rt_event), err);
}

void xk_rt_event_free(struct xk_rt_event *event)
{
    free(event);
}

void xk_rt_mark(struct xk_rt_event *event, xk_stream s)
{
    (void)event;
    (void)s;
}

void xk_rt_wait_for(struct xk_rt_event *event)
{
    (void)event;
}

float xk_rt_between(struct xk_rt_event *from, struct xk_rt_event *to)
{
    (void)from;
    (void)to;
    return 0;
}

/* Nothing is recorded: steps run at once, and once more where the recording is refused,
 * as a GPU would run them only then. For passes that may run twice (inference). */
int xk_rt_record(xk_stream s)
{
    const char *record = getenv("XR_EMULATED_RECORD");

    (void)s;
    return record && *record ? 0 : -1;
}

void *xk_rt_recorded(xk_stream s)
{
    (void)s;
    return NULL;
}

int xk_rt_replay(xk_stream s, void *recording, struct xr_err *err)
{
    (void)s;
    (void)recording;
    return xr_fail(err, "nothing was recorded");
}

void xk_rt_forget(void *recording)
{
    (void)recording;
}

/* --- products ---------------------------------------------------------------------- */

int xk_gemm_open(struct xk_gemm_lib **lib, const struct xk_device_spec *spec,
                 struct xr_err *err)
{
    (void)spec;
    (void)err;
    *lib = NULL;
    return 0;
}

void xk_gemm_close(struct xk_gemm_lib *lib)
{
    (void)lib;
}

void xk_gemm_plan_free(struct xk_gemm_plan *plan)
{
    (void)plan;
}

static void put(void *to, enum xk_dtype t, size_t i, float v)
{
    if (t == XK_BF16)
        ((uint16_t *)to)[i] = xk_f32_to_bf16(v);
    else
        ((float *)to)[i] = v;
}

int xk_gemm(struct xk_cuda *cuda, struct xk_gemm_plan **plan, const struct xk_gemm *g,
            struct xr_err *err)
{
    const void *c = g->c ? g->c : g->d;

    (void)cuda;
    (void)plan;
    (void)err;
    for (size_t i = 0; i < g->m; i++)
        for (size_t j = 0; j < g->n; j++) {
            double sum = 0;
            float v;

            for (size_t k = 0; k < g->k; k++)
                sum += (double)xk_value_at(g->a, g->factors,
                                           g->ta ? k * g->m + i : i * g->k + k) *
                       (double)xk_value_at(g->b, g->factors,
                                           g->tb ? j * g->k + k : k * g->n + j);
            v = (float)sum;
            if (g->beta != 0)
                v += g->beta * xk_value_at(c, g->result, i * g->n + j);
            if (g->bias)
                v += xk_value_at(g->bias, g->result, j);
            put(g->d, g->result, i * g->n + j, g->relu && !(v > 0) ? 0 : v);
        }
    return 0;
}

/* --- convolutions ------------------------------------------------------------------- */

int xk_dnn_open(struct xk_dnn_lib **lib, xk_stream stream, struct xr_err *err)
{
    (void)stream;
    (void)err;
    *lib = NULL;
    return 0;
}

void xk_dnn_close(struct xk_dnn_lib *lib)
{
    (void)lib;
}

int xk_dnn_plan(struct xk_dnn_plan **plan, struct xk_cuda *cuda,
                const struct xk_dnn_shape *shape, void *x, void *w, void *y,
                struct xr_err *err)
{
    (void)cuda;
    (void)shape;
    (void)x;
    (void)w;
    (void)y;
    (void)err;
    *plan = NULL;
    return 1;
}

int xk_dnn_run(struct xk_cuda *cuda, const struct xk_dnn_plan *plan, void *x, void *w,
               void *y, struct xr_err *err)
{
    (void)cuda;
    (void)plan;
    (void)x;
    (void)w;
    (void)y;
    return xr_fail(err, "there is no engine");
}

void xk_dnn_plan_free(struct xk_dnn_plan *plan)
{
    (void)plan;
}
