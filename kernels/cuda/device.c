/*
 * The CUDA device: memory, inputs, recordings, dispatch, optimiser spans.
 */
#include "cuda.h"
#include "plugin.h"

#include <stdlib.h>
#include <string.h>

/* A call that returns nothing keeps its first error for the next check. */
static void keep(struct xk_cuda *cuda, int rc, const struct xr_err *err)
{
    if (rc && !cuda->failed) {
        cuda->failed = true;
        cuda->error = *err;
    }
}

/* --- memory ------------------------------------------------------------------------ */

void *xk_cuda_take(struct xk_cuda *cuda, size_t bytes, struct xr_err *err)
{
    void *mem;

    if (bytes > SIZE_MAX / 2) {
        xr_fail(err, "out of memory");
        return NULL;
    }
    mem = xk_rt_alloc(bytes, err);
    if (!mem)
        return NULL;
    cuda->taken += bytes;
    if (cuda->taken > cuda->peak)
        cuda->peak = cuda->taken;
    return mem;
}

void xk_cuda_give(struct xk_cuda *cuda, void *mem, size_t bytes)
{
    if (!mem)
        return;
    xk_rt_free(mem);
    cuda->taken -= bytes;
}

/* Grown by giving back first: the largest need counts, not the sum of all. */
static void *grown(struct xk_cuda *cuda, char **mem, size_t *have, size_t want,
                   struct xr_err *err)
{
    if (want <= *have)
        return *mem;
    if (xk_rt_wait(cuda->stream, err)) /* which may still use the old one */
        return NULL;
    xk_cuda_give(cuda, *mem, *have);
    *have = 0;
    cuda->generation++;
    *mem = xk_cuda_take(cuda, want, err);
    *have = *mem ? want : 0;
    return *mem;
}

void *xk_cuda_scratch(struct xk_cuda *cuda, size_t bytes, struct xr_err *err)
{
    return grown(cuda, &cuda->scratch, &cuda->scratch_bytes, bytes ? bytes : 1, err);
}

void *xk_cuda_workspace(struct xk_cuda *cuda, size_t bytes, struct xr_err *err)
{
    return grown(cuda, &cuda->workspace, &cuda->workspace_bytes, bytes, err);
}

static void *cuda_alloc(struct xk_device *dev, size_t bytes, struct xr_err *err)
{
    return xk_cuda_take((struct xk_cuda *)dev, bytes, err);
}

static void cuda_free(struct xk_device *dev, void *mem, size_t bytes)
{
    xk_cuda_give((struct xk_cuda *)dev, mem, bytes);
}

static void cuda_upload(struct xk_device *dev, void *dst, const void *src, size_t bytes)
{
    struct xk_cuda *cuda = (struct xk_cuda *)dev;
    struct xr_err err;

    keep(cuda, xk_rt_upload(cuda->stream, dst, src, bytes, &err), &err);
}

static void cuda_download(struct xk_device *dev, void *dst, const void *src, size_t bytes)
{
    struct xk_cuda *cuda = (struct xk_cuda *)dev;
    struct xr_err err;
    int rc = xk_rt_download(cuda->stream, dst, src, bytes, &err);

    if (rc)
        memset(dst, 0, bytes); /* and not what was there before */
    keep(cuda, rc, &err);
}

static void cuda_zero(struct xk_device *dev, float *dst, size_t n)
{
    struct xk_cuda *cuda = (struct xk_cuda *)dev;
    struct xr_err err;

    keep(cuda, xk_rt_zero(cuda->stream, dst, n * sizeof *dst, &err), &err);
}

static int cuda_check(struct xk_device *dev, struct xr_err *err)
{
    struct xk_cuda *cuda = (struct xk_cuda *)dev;

    if (cuda->failed) {
        cuda->failed = false;
        *err = cuda->error;
        return -1;
    }
    return xk_rt_check(err);
}

/* --- opening ----------------------------------------------------------------------- */

static void forget(struct xk_recording *r)
{
    xk_rt_forget(r->exec);
    r->exec = NULL;
    r->seen = false;
}

static void cuda_close(struct xk_device *dev)
{
    struct xk_cuda *cuda = (struct xk_cuda *)dev;
    struct xr_err none;

    if (!cuda)
        return;
    if (cuda->stream)
        (void)!xk_rt_wait(cuda->stream, &none);
    for (size_t i = 0; i < cuda->n_recordings; i++)
        forget(&cuda->recordings[i]);
    for (int i = 0; i < XK_STAGES; i++) {
        xk_rt_unpin(cuda->stage[i].host);
        xk_rt_event_free(cuda->stage[i].read);
    }
    xk_rt_free(cuda->raw);
    xk_rt_free(cuda->scratch);
    xk_rt_free(cuda->workspace);
    xk_rt_free(cuda->rngs);
    xk_rt_free(cuda->spans);
    xk_rt_free(cuda->sums);
    free(cuda->rngs_host);
    free(cuda->drops);
    free(cuda->chunks);
    xk_gemm_close(cuda->gemm);
    xk_dnn_close(cuda->dnn);
    xk_rt_close(cuda->stream);
    free(cuda);
}

static int cuda_open(struct xk_device **dev, const struct xk_device_spec *spec,
                     struct xr_err *err)
{
    struct xk_cuda *cuda = xr_alloc_array(1, sizeof *cuda, err);
    const char *recordings = getenv("XR_CUDA_GRAPHS");

    *dev = NULL;
    if (!cuda)
        return -1;
    cuda->base.backend = &xk_backend_cuda;
    cuda->spec = *spec;
    cuda->generation = 1;
    cuda->no_recordings = recordings && strcmp(recordings, "0") == 0;
    if (xk_rt_open(&cuda->stream, cuda->text, sizeof cuda->text, spec->index, err) ||
        xk_gemm_open(&cuda->gemm, spec, err) ||
        xk_dnn_open(&cuda->dnn, cuda->stream, err)) {
        cuda_close(&cuda->base);
        return -1;
    }
    for (int i = 0; i < XK_STAGES; i++) {
        cuda->stage[i].read = xk_rt_event(err);
        if (!cuda->stage[i].read) {
            cuda_close(&cuda->base);
            return -1;
        }
    }
    *dev = &cuda->base;
    return 0;
}

static const char *cuda_describe(const struct xk_device *dev)
{
    return ((const struct xk_cuda *)dev)->text;
}

static size_t cuda_peak(const struct xk_device *dev)
{
    return ((const struct xk_cuda *)dev)->peak;
}

/* --- random numbers ---------------------------------------------------------------- */

int xk_cuda_drop_prepare(struct xk_cuda *cuda, struct xk_step *step, struct xr_err *err)
{
    struct xk_drop *drop, **more;
    size_t room = cuda->room_drops ? 2 * cuda->room_drops : 32;

    if (cuda->n_drops == cuda->room_drops) {
        more = xr_alloc_array(room, sizeof(struct xk_drop *), err);
        if (!more)
            return -1;
        if (cuda->drops)
            memcpy(more, cuda->drops, cuda->n_drops * sizeof(struct xk_drop *));
        free(cuda->drops);
        cuda->drops = more;
        cuda->room_drops = room;
    }
    drop = xr_alloc_array(1, sizeof *drop, err);
    if (!drop)
        return -1;
    *drop = (struct xk_drop){step->node, cuda->n_drops};
    cuda->drops[cuda->n_drops++] = drop;
    step->impl = drop;
    return 0;
}

void xk_cuda_drop_release(struct xk_cuda *cuda, struct xk_step *step)
{
    struct xk_drop *drop = step->impl;

    if (!drop)
        return;
    cuda->drops[drop->slot] = NULL;
    free(drop);
}

void xk_cuda_drop_factors(struct xk_cuda *cuda, const struct xk_step *step,
                          const struct xk_pass *pass, float *factor, size_t n)
{
    const struct xk_drop *drop = step->impl;
    bool draws = drop && pass->mode == XK_TRAIN && step->node->rate > 0;

    xk_cu_drop(cuda->stream, factor, draws ? cuda->rngs + drop->slot : NULL,
               step->node->rate, n);
}

/* The generators of this pass lie where its kernels, recorded or not, look for them. */
static int set_generators(struct xk_cuda *cuda, const struct xk_pass *pass,
                          struct xr_err *err)
{
    size_t n = cuda->n_drops;

    if (!n || pass->mode != XK_TRAIN)
        return 0;
    if (n > cuda->room_rngs) {
        free(cuda->rngs_host);
        xk_cuda_give(cuda, cuda->rngs, cuda->room_rngs * sizeof *cuda->rngs);
        cuda->room_rngs = 0;
        cuda->generation++;
        cuda->rngs_host = xr_alloc_array(n, sizeof *cuda->rngs_host, err);
        cuda->rngs = xk_cuda_take(cuda, n * sizeof *cuda->rngs, err);
        if (!cuda->rngs_host || !cuda->rngs)
            return -1;
        cuda->room_rngs = n;
    }
    for (size_t i = 0; i < n; i++)
        if (cuda->drops[i])
            xr_rng_init(&cuda->rngs_host[i], pass->seed, pass->step,
                        cuda->drops[i]->node->name, "drop");
    return xk_rt_upload(cuda->stream, cuda->rngs, cuda->rngs_host, n * sizeof *cuda->rngs,
                        err);
}

/* --- recordings -------------------------------------------------------------------- */

/*
 * A pass of a kind is run step by step the first time (engines are chosen, memory is
 * taken), recorded the second time, and replayed from then on. What changes from pass to
 * pass lies in memory that the recording points to.
 */
static struct xk_recording *recording_of(struct xk_cuda *cuda, const struct xk_run *run,
                                         const struct xk_pass *pass)
{
    struct xk_recording *r;

    for (size_t i = 0; i < cuda->n_recordings; i++) {
        r = &cuda->recordings[i];
        if (r->steps == run->steps && r->from == run->from &&
            r->backward == run->backward && r->mode == pass->mode && r->n == pass->n)
            return r;
    }
    if (cuda->n_recordings == XK_MAX_RECORDINGS)
        return NULL;
    r = &cuda->recordings[cuda->n_recordings++];
    *r = (struct xk_recording){.steps = run->steps,
                               .from = run->from,
                               .backward = run->backward,
                               .mode = pass->mode,
                               .n = pass->n,
                               .generation = cuda->generation};
    return r;
}

static int cuda_begin(struct xk_device *dev, const struct xk_run *run,
                      const struct xk_pass *pass, struct xr_err *err)
{
    struct xk_cuda *cuda = (struct xk_cuda *)dev;
    struct xk_recording *r;
    bool packed; /* weights are packed in the pass, or are from the last one */

    if (cuda->now) { /* a pass that was broken off */
        xk_rt_forget(xk_rt_recorded(cuda->stream));
        cuda->now = NULL;
    }
    if (!run->backward && set_generators(cuda, pass, err))
        return -1;
    r = cuda->no_recordings || run->frozen ? NULL : recording_of(cuda, run, pass);
    if (!r || r->refused)
        return 0;
    if (r->generation != cuda->generation) {
        forget(r);
        r->generation = cuda->generation;
    }
    packed = pass->mode == XK_TRAIN || run->backward || r->version == pass->version;
    r->version = pass->version;
    if (r->exec && packed)
        return xk_rt_replay(cuda->stream, r->exec, err) ? -1 : 1;
    if (r->seen && packed && !r->exec && xk_rt_record(cuda->stream) == 0) {
        cuda->now = r;
        cuda->broken = false;
    }
    r->seen = true;
    return 0;
}

static int cuda_end(struct xk_device *dev, struct xr_err *err)
{
    struct xk_cuda *cuda = (struct xk_cuda *)dev;
    struct xk_recording *r = cuda->now;
    void *exec;

    if (!r)
        return xk_rt_check(err);
    cuda->now = NULL;
    exec = xk_rt_recorded(cuda->stream);
    if (!exec || cuda->broken) { /* step by step it is, and once more now */
        xk_rt_forget(exec);
        r->refused = true;
        return 1;
    }
    r->exec = exec;
    r->generation = cuda->generation;
    return xk_rt_replay(cuda->stream, exec, err);
}

/* --- steps ------------------------------------------------------------------------- */

static int cuda_prepare(struct xk_device *dev, struct xk_step *step, struct xr_err *err)
{
    const struct xk_cuda_op *op = xk_cuda_op(step->node->op);

    if (!op)
        return xr_fail(err, "the GPU has no operation '%s'", xk_op_name(step->node->op));
    return op->prepare ? op->prepare((struct xk_cuda *)dev, step, err) : 0;
}

static void cuda_release(struct xk_device *dev, struct xk_step *step)
{
    const struct xk_cuda_op *op = xk_cuda_op(step->node->op);

    if (op && op->release && step->impl)
        op->release((struct xk_cuda *)dev, step);
    step->impl = NULL;
}

/* What cannot be recorded is found out here, and run in cuda_end's second try. */
static int result(struct xk_cuda *cuda, int rc)
{
    if (rc && cuda->now) {
        cuda->broken = true;
        return 0;
    }
    return rc;
}

static int cuda_forward(struct xk_device *dev, struct xk_step *step,
                        const struct xk_pass *pass, struct xr_err *err)
{
    struct xk_cuda *cuda = (struct xk_cuda *)dev;

    return result(cuda, xk_cuda_op(step->node->op)->forward(cuda, step, pass, err));
}

static int cuda_backward(struct xk_device *dev, struct xk_step *step,
                         const struct xk_pass *pass, struct xr_err *err)
{
    struct xk_cuda *cuda = (struct xk_cuda *)dev;

    return result(cuda, xk_cuda_op(step->node->op)->backward(cuda, step, pass, err));
}

static void cuda_sum(struct xk_device *dev, enum xk_dtype t, void *dst, const void *a,
                     const void *b, size_t n)
{
    xk_cu_add(((struct xk_cuda *)dev)->stream, t, dst, a, b, n);
}

/* --- inputs ------------------------------------------------------------------------ */

/*
 * The host's images on the device: copied into a pinned buffer, from which the GPU takes
 * them while the caller goes on; two of them, so that the next batch does not wait.
 */
static char *staged(struct xk_cuda *cuda, const void *src, size_t bytes,
                    struct xr_err *err)
{
    int i = cuda->next_stage;

    cuda->next_stage = (i + 1) % XK_STAGES;
    xk_rt_wait_for(cuda->stage[i].read);
    if (bytes > cuda->stage[i].bytes) {
        xk_rt_unpin(cuda->stage[i].host);
        cuda->stage[i].bytes = 0;
        cuda->stage[i].host = xk_rt_pinned(bytes, err);
        if (!cuda->stage[i].host)
            return NULL;
        cuda->stage[i].bytes = bytes;
    }
    if (!grown(cuda, &cuda->raw, &cuda->raw_bytes, bytes, err))
        return NULL;
    memcpy(cuda->stage[i].host, src, bytes);
    if (xk_rt_upload(cuda->stream, cuda->raw, cuda->stage[i].host, bytes, err))
        return NULL;
    xk_rt_mark(cuda->stage[i].read, cuda->stream);
    return cuda->raw;
}

static void cuda_input_u8(struct xk_device *dev, enum xk_dtype t, void *dst,
                          const uint8_t *src, size_t pixels, size_t src_channels,
                          size_t channels, const float *mean, const float *std)
{
    struct xk_cuda *cuda = (struct xk_cuda *)dev;
    struct xr_err err;
    char *raw = staged(cuda, src, pixels * src_channels, &err);

    keep(cuda, raw == NULL, &err);
    if (raw)
        xk_cu_input_u8(cuda->stream, t, dst, (const uint8_t *)raw, pixels, src_channels,
                       channels, mean, std);
}

static void cuda_input_f32(struct xk_device *dev, enum xk_dtype t, void *dst,
                           const float *src, size_t n, struct xk_shape shape)
{
    struct xk_cuda *cuda = (struct xk_cuda *)dev;
    struct xr_err err;
    char *raw = staged(cuda, src, n * shape.h * shape.w * shape.c * sizeof(float), &err);

    keep(cuda, raw == NULL, &err);
    if (raw)
        xk_cu_input_f32(cuda->stream, t, dst, (const float *)raw, n, shape);
}

/* --- optimiser --------------------------------------------------------------------- */

/* Spans and their chunks on the device; 0 chunks: nothing to do, or an error was kept. */
static size_t send_spans(struct xk_cuda *cuda, const struct xk_span *spans, size_t n,
                         const struct xk_span **on, const struct xk_cu_chunk **chunks)
{
    size_t count = 0, k = 0, first = n * sizeof *spans;
    struct xr_err err;

    for (size_t i = 0; i < n; i++)
        count += (spans[i].n + XK_CHUNK - 1) / XK_CHUNK;
    if (!count)
        return 0;
    if (count > cuda->room_chunks) {
        free(cuda->chunks);
        cuda->room_chunks = 0;
        cuda->chunks = xr_alloc_array(count, sizeof *cuda->chunks, &err);
        keep(cuda, !cuda->chunks, &err);
        if (!cuda->chunks)
            return 0;
        cuda->room_chunks = count;
    }
    for (size_t i = 0; i < n; i++) {
        size_t begin = k;

        for (size_t at = 0; at < spans[i].n; at += XK_CHUNK) {
            size_t end = at + XK_CHUNK < spans[i].n ? at + XK_CHUNK : spans[i].n;

            cuda->chunks[k++] =
                (struct xk_cu_chunk){(uint32_t)i, (uint32_t)begin, at, end};
        }
    }
    first = (first + 63) / 64 * 64;
    if (!grown(cuda, &cuda->spans, &cuda->spans_bytes,
               first + count * sizeof *cuda->chunks, &err) ||
        xk_rt_upload(cuda->stream, cuda->spans, spans, n * sizeof *spans, &err) ||
        xk_rt_upload(cuda->stream, cuda->spans + first, cuda->chunks,
                     count * sizeof *cuda->chunks, &err)) {
        keep(cuda, -1, &err);
        return 0;
    }
    *on = (const struct xk_span *)(void *)cuda->spans;
    *chunks = (const struct xk_cu_chunk *)(void *)(cuda->spans + first);
    return count;
}

static void cuda_sum_squares(struct xk_device *dev, double *sums,
                             const struct xk_span *spans, size_t n)
{
    struct xk_cuda *cuda = (struct xk_cuda *)dev;
    const struct xk_span *on;
    const struct xk_cu_chunk *chunks;
    size_t count, have = cuda->sums_doubles * sizeof *cuda->sums;
    struct xr_err err;
    char *room;

    memset(sums, 0, n * sizeof *sums); /* of spans without elements, too */
    count = send_spans(cuda, spans, n, &on, &chunks);
    if (!count)
        return;
    room = (char *)cuda->sums;
    room = grown(cuda, &room, &have, (n + count) * sizeof *sums, &err);
    cuda->sums = (double *)(void *)room;
    cuda->sums_doubles = have / sizeof *cuda->sums;
    keep(cuda, !room, &err);
    if (!room)
        return;
    xk_cu_sum_squares(cuda->stream, cuda->sums, on, chunks, count, n, cuda->sums + n);
    cuda_download(dev, sums, cuda->sums, n * sizeof *sums);
}

static void cuda_update(struct xk_device *dev, enum xk_optim_kind kind,
                        const struct xk_span *spans, size_t n, float scale)
{
    struct xk_cuda *cuda = (struct xk_cuda *)dev;
    const struct xk_span *on;
    const struct xk_cu_chunk *chunks;
    size_t count = send_spans(cuda, spans, n, &on, &chunks);

    if (count)
        xk_cu_update(cuda->stream, kind, on, chunks, count, scale);
}

static void cuda_ema(struct xk_device *dev, const struct xk_span *spans, size_t n,
                     float decay)
{
    struct xk_cuda *cuda = (struct xk_cuda *)dev;
    const struct xk_span *on;
    const struct xk_cu_chunk *chunks;
    size_t count = send_spans(cuda, spans, n, &on, &chunks);

    if (count)
        xk_cu_ema(cuda->stream, on, chunks, count, decay);
}

static void cuda_swap(struct xk_device *dev, float *a, float *b, size_t n)
{
    xk_cu_swap(((struct xk_cuda *)dev)->stream, a, b, n);
}

const struct xk_backend xk_backend_cuda = {
    .name = "cuda",
    .open = cuda_open,
    .close = cuda_close,
    .describe = cuda_describe,
    .peak = cuda_peak,
    .alloc = cuda_alloc,
    .free = cuda_free,
    .upload = cuda_upload,
    .download = cuda_download,
    .zero = cuda_zero,
    .begin = cuda_begin,
    .end = cuda_end,
    .prepare = cuda_prepare,
    .release = cuda_release,
    .forward = cuda_forward,
    .backward = cuda_backward,
    .sum = cuda_sum,
    .input_u8 = cuda_input_u8,
    .input_f32 = cuda_input_f32,
    .sum_squares = cuda_sum_squares,
    .update = cuda_update,
    .ema = cuda_ema,
    .swap = cuda_swap,
    .check = cuda_check,
};

#ifndef XK_BUILT
#define XK_BUILT "?"
#endif

__attribute__((visibility("default"))) extern const struct xk_plugin xk_plugin;
const struct xk_plugin xk_plugin = {.abi = XK_PLUGIN_ABI,
                                    .sizes = XK_PLUGIN_SIZES,
                                    .version = XR_VERSION,
                                    .built = XK_BUILT,
                                    .backend = &xk_backend_cuda};
