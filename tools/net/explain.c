/* Heat maps of a classifier over a record stream. */
#include "explain.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "certificate.h"
#include "csv.h"
#include "devices.h"
#include "json.h"
#include "loss.h"
#include "pixels/overlay.h"
#include "pixels/pixels.h"

struct job {
    const struct xr_explain *set;
    const struct xk_cam *method;
    struct xr_classifier c;
    char digest[XR_SHA256_TEXT]; /* of the model file */
    struct xr_reader *in;
    struct xr_writer *out;
    struct xr_out *scores;
    struct xr_batch batch;
    const char *layer;
    int64_t target;  /* class index, or -1: of the prediction, -2: the label */
    size_t shape[4]; /* of the kept layer */
    float *logits, *p, *d_logits;
    float *activation, *gradient, *raw, *heat;
};

enum {
    PREDICTED = -1,
    TRUE_CLASS = -2
};

/* --- one record
 * ------------------------------------------------------------------------------ */

/* Where the map is hottest, and how much of it lies in the mask. Without a mask that has
 * a lesion both stay undefined (NaN). */
static int mask_scores(double *pointing, double *energy, const struct xr_record *r,
                       const float *heat, size_t h, size_t w, struct xr_err *err)
{
    struct xr_array mask;
    double in = 0, all = 0;
    size_t hot = 0, inside = 0;
    const uint8_t *m;
    int got = xr_record_array(&mask, r, "mask.npy", err);

    *pointing = *energy = NAN;
    if (got <= 0)
        return got;
    m = mask.data;
    if (mask.dtype != XR_U8 || mask.n_dims != 2 || mask.shape[0] != h ||
        mask.shape[1] != w) {
        xr_array_free(&mask);
        return xr_fail(err, "record '%s': its mask is not of its image's size", r->key);
    }
    for (size_t i = 0; i < h * w; i++) {
        inside += m[i] != 0;
        all += heat[i];
        in += m[i] ? heat[i] : 0;
        hot = heat[i] > heat[hot] ? i : hot;
    }
    if (inside) {
        *pointing = all > 0 && m[hot] != 0;
        *energy = all > 0 ? in / all : 0;
    }
    xr_array_free(&mask);
    return 0;
}

static int field(struct xr_out *out, double v, const char *format, struct xr_err *err)
{
    char text[40] = "";

    if (!isnan(v))
        snprintf(text, sizeof text, format, v);
    return xr_csv_field(out, false, text, err);
}

static int score_row(struct job *job, const struct xr_record *r, size_t target,
                     double raw_max, struct xr_err *err)
{
    size_t h = job->c.pre.height, w = job->c.pre.width;
    double pointing, energy;

    if (!job->scores)
        return 0;
    if (mask_scores(&pointing, &energy, r, job->heat, h, w, err))
        return -1;
    return xr_csv_field(job->scores, true, r->key, err) ||
                   xr_csv_field(job->scores, false,
                                r->label < 0 ? "" : job->c.classes[r->label], err) ||
                   xr_csv_field(job->scores, false, job->c.classes[target], err) ||
                   xr_csv_field(job->scores, false, job->method->name, err) ||
                   xr_csv_field(job->scores, false, job->layer, err) ||
                   field(job->scores, pointing, "%.0f", err) ||
                   field(job->scores, energy, "%.9g", err) ||
                   field(job->scores, raw_max, "%.9g", err) ||
                   xr_csv_end(job->scores, err)
               ? -1
               : 0;
}

/* KEY.png: the map over the film, of which 8 bits are shown. */
static int put_overlay(struct job *job, struct xr_record *r, const struct xr_image *film,
                       struct xr_err *err)
{
    struct xr_image image = {0}, shown = {0};
    struct xr_buf png = {0};
    int rc;

    if (film->depth == 16) {
        rc = xr_window(&shown, film, 0, 0, film->width, film->height, err) ||
             xr_to8(&shown, err) || put_overlay(job, r, &shown, err);
        xr_image_free(&shown);
        return rc ? -1 : 0;
    }
    if (xr_overlay(&image, film, job->heat, job->set->colormap, job->set->film_weight,
                   err))
        return -1;
    rc = xr_image_png(&png, &image, err) ||
         xr_record_put(r, "png", png.data, png.size, err);
    xr_image_free(&image);
    return rc ? -1 : 0;
}

static int put_map(struct job *job, struct xr_record *r, struct xr_err *err)
{
    struct xr_array a = {.dtype = XR_F32,
                         .n_dims = 2,
                         .shape = {job->c.pre.height, job->c.pre.width},
                         .data = job->heat};
    struct xr_buf npy = {0};

    if (xr_npy_format(&npy, &a, err)) {
        xr_buf_free(&npy);
        return -1;
    }
    return xr_record_put(r, "cam.npy", npy.data, npy.size, err);
}

/* A film that was normalised upstream is shown by its own range. */
static int film_of(struct xr_image *film, const struct job *job, size_t i,
                   struct xr_err *err)
{
    const struct xr_batch *b = &job->batch;
    const char *pixels = (const char *)b->pixels + i * b->image_bytes;
    size_t h = job->c.pre.height, w = job->c.pre.width, n = h * w;
    const float *f = (const float *)pixels;
    float low, high;
    uint8_t *out;

    if (b->dtype != XR_F32) {
        if (xr_image_alloc(film, w, h, b->channels, b->dtype == XR_U16 ? 16 : 8, err))
            return -1;
        memcpy(film->data, pixels, b->image_bytes);
        return 0;
    }
    if (xr_image_alloc(film, w, h, 1, 8, err))
        return -1;
    out = film->data;
    low = high = f[0];
    for (size_t k = 0; k < n; k++) {
        low = f[k] < low ? f[k] : low;
        high = f[k] > high ? f[k] : high;
    }
    for (size_t k = 0; k < n; k++)
        out[k] = (uint8_t)(255 * (f[k] - low) / (high > low ? high - low : 1));
    return 0;
}

static int put_facts(const struct job *job, struct xr_record *r, size_t i, size_t target,
                     size_t pred, double raw_max, struct xr_err *err)
{
    cJSON *cam = cJSON_AddObjectToObject(r->meta, "cam"), *p;

    if (!cam)
        return xr_fail(err, "record '%s': its .json has a 'cam' already", r->key);
    cJSON_AddStringToObject(cam, "method", job->method->name);
    cJSON_AddStringToObject(cam, "layer", job->layer);
    cJSON_AddStringToObject(cam, "target", job->c.classes[target]);
    cJSON_AddStringToObject(cam, "pred", job->c.classes[pred]);
    cJSON_AddNumberToObject(cam, "raw_max", raw_max);
    p = cJSON_AddObjectToObject(cam, "p");
    for (size_t k = 0; k < job->c.n_classes; k++) {
        char text[32]; /* float32: nine digits read back to it */

        snprintf(text, sizeof text, "%.9g", (double)job->p[i * job->c.n_classes + k]);
        cJSON_AddNumberToObject(p, job->c.classes[k], strtod(text, NULL));
    }
    return 0;
}

static size_t largest(const float *p, size_t k)
{
    size_t best = 0;

    for (size_t i = 1; i < k; i++)
        best = p[i] > p[best] ? i : best;
    return best;
}

static int target_of(size_t *target, const struct job *job, size_t i, struct xr_err *err)
{
    const struct xr_record *r = &job->batch.records[i];

    if (job->target == TRUE_CLASS && r->label < 0)
        return xr_fail(
            err, "record '%s' has no label, so it has no map of the true class", r->key);
    *target = job->target == PREDICTED
                  ? largest(job->logits + i * job->c.n_classes, job->c.n_classes)
              : job->target == TRUE_CLASS ? (size_t)r->label
                                          : (size_t)job->target;
    return 0;
}

static int one_record(struct job *job, size_t i, size_t target, struct xr_err *err)
{
    size_t c = job->shape[1], sh = job->shape[2], sw = job->shape[3], hw = sh * sw;
    size_t h = job->c.pre.height, w = job->c.pre.width;
    struct xr_record *r = &job->batch.records[i];
    struct xr_image film = {0};
    double raw_max = 0;
    int rc;

    job->method->map(job->raw, job->activation + i * c * hw, job->gradient + i * c * hw,
                     c, hw);
    for (size_t k = 0; k < hw; k++)
        raw_max = job->raw[k] > raw_max || !k ? job->raw[k] : raw_max;
    xk_cam_scale(job->raw, hw);
    if (xr_resize_f32(job->heat, h, w, job->raw, sh, sw, XR_BILINEAR, err))
        return -1;
    xk_cam_scale(job->heat, h * w);
    if (score_row(job, r, target, raw_max, err) || film_of(&film, job, i, err))
        return -1;
    rc = put_facts(job, r, i, target,
                   largest(job->logits + i * job->c.n_classes, job->c.n_classes), raw_max,
                   err) ||
         put_map(job, r, err) || put_overlay(job, r, &film, err);
    if (!rc && job->batch.dtype != XR_F32) { /* the film itself goes along */
        r->image = (struct xr_array){.dtype = job->batch.dtype,
                                     .n_dims = film.channels == 3 ? 3 : 2,
                                     .shape = {h, w, film.channels},
                                     .data = film.data};
        film.data = NULL;
    }
    rc = rc || xr_writer_put(job->out, r, err);
    xr_image_free(&film);
    return rc ? -1 : 0;
}

/* --- a batch
 * -------------------------------------------------------------------------------------
 */

static int one_batch(struct job *job, struct xr_err *err)
{
    size_t n = job->batch.n, k = job->c.n_classes, target;

    if (xr_batch_input(&job->batch, job->c.net, &job->c.pre, err) ||
        xk_net_forward_keep(job->c.net, job->logits, err))
        return -1;
    xk_softmax(job->p, job->logits, n, k);
    memset(job->d_logits, 0, n * k * sizeof *job->d_logits);
    for (size_t i = 0; i < n; i++) {
        if (target_of(&target, job, i, err))
            return -1;
        job->d_logits[i * k + target] = 1; /* the score is the logit of the class */
    }
    if (xk_net_zero_grad(job->c.net, err) ||
        xk_net_backward(job->c.net, job->d_logits, err) ||
        xk_net_kept(job->c.net, job->activation, job->gradient, job->shape, err))
        return -1;
    for (size_t i = 0; i < n; i++) {
        if (target_of(&target, job, i, err) || one_record(job, i, target, err))
            return -1;
    }
    return 0;
}

/* --- a run
 * ---------------------------------------------------------------------------------------
 */

static int find_target(struct job *job, struct xr_err *err)
{
    const char *text = job->set->target;

    if (!strcmp(text, "pred") || !strcmp(text, "true")) {
        job->target = *text == 'p' ? PREDICTED : TRUE_CLASS;
        return 0;
    }
    for (size_t i = 0; i < job->c.n_classes; i++) {
        if (!strcmp(job->c.classes[i], text)) {
            job->target = (int64_t)i;
            return 0;
        }
    }
    return xr_fail_usage(err, "--target: '%s' is not pred, true or a class of the model",
                         text);
}

/* The layer must be known before the net is built: from the option, else from the
 * architecture. */
static int open_net(struct job *job, struct xr_cli *cli, struct xr_err *err)
{
    struct xr_run run = {.device = cli->device,
                         .tf32 = cli->tf32,
                         .deterministic = cli->deterministic,
                         .threads = (int)cli->jobs,
                         .batch = (size_t)job->set->batch,
                         .training = true};
    const struct xk_arch *arch;
    struct xr_model model;
    int rc;

    if (xr_model_open(&model, job->set->weights, err))
        return -1;
    arch = xk_arch_find(xr_json_text(model.meta, "architecture", ""));
    rc = xr_model_digest(&model, err);
    memcpy(job->digest, model.digest, sizeof job->digest);
    xr_model_close(&model);
    if (rc)
        return -1;
    job->layer = job->set->layer ? job->set->layer : arch ? arch->cam_layer : NULL;
    run.keep = job->layer;
    if (xr_classifier_open(&job->c, job->set->weights, &run, err))
        return -1;
    xr_device_say(cli, job->c.net);
    return 0;
}

static int open_output(struct job *job, struct xr_cli *cli, cJSON *inputs,
                       struct xr_err *err)
{
    struct xr_stream_header header;
    cJSON *entry;
    int rc;

    if (xr_stream_header_copy(&header, xr_reader_header(job->in), err))
        return -1;
    xr_stream_no_part(&header);
    cJSON_AddStringToObject(inputs, xr_last_part(job->set->weights), job->digest);
    entry = xr_cli_history(cli, inputs);
    if (entry) {
        cJSON_AddNumberToObject(entry, "threads",
                                (double)(cli->jobs ? cli->jobs : xr_cpus()));
        if (!header.history)
            header.history = cJSON_CreateArray();
        cJSON_AddItemToArray(header.history, entry);
    }
    rc = xr_writer_open(&job->out, cli->output, &header, err);
    xr_stream_header_free(&header);
    return rc;
}

/* inputs: of the history, beside the model. */
static int open_all(struct job *job, struct xr_cli *cli, const char *input, cJSON *inputs,
                    struct xr_err *err)
{
    size_t n = (size_t)job->set->batch, k, layer;

    job->method = xk_cam_at((size_t)job->set->method);
    if (xr_reader_open(&job->in, input, false, err))
        return -1;
    if (job->set->certificate &&
        xr_certificate_stream(job->set->certificate, xr_input_name(input),
                              xr_reader_header(job->in)->history,
                              xr_reader_header(job->in)->split, NULL, inputs, err))
        return -1;
    if (open_net(job, cli, err) ||
        xr_classifier_accepts(&job->c, xr_reader_header(job->in), xr_input_name(input),
                              err) ||
        find_target(job, err) || xk_net_kept(job->c.net, NULL, NULL, job->shape, err) ||
        xr_batch_open(&job->batch, xr_reader_header(job->in), n, err))
        return -1;
    k = job->c.n_classes;
    layer = job->shape[1] * job->shape[2] * job->shape[3];
    job->logits = xr_alloc_array(n * k, sizeof *job->logits, err);
    job->p = xr_alloc_array(n * k, sizeof *job->p, err);
    job->d_logits = xr_alloc_array(n * k, sizeof *job->d_logits, err);
    job->activation = xr_alloc_array(n * layer, sizeof *job->activation, err);
    job->gradient = xr_alloc_array(n * layer, sizeof *job->gradient, err);
    job->raw = xr_alloc_array(layer, sizeof *job->raw, err);
    job->heat =
        xr_alloc_array(job->c.pre.height * job->c.pre.width, sizeof *job->heat, err);
    if (!job->logits || !job->p || !job->d_logits || !job->activation || !job->gradient ||
        !job->raw || !job->heat)
        return -1;
    if (job->set->scores &&
        (xr_out_open(&job->scores, job->set->scores, 0, err) ||
         xr_out_printf(job->scores, err,
                       "key,label,target,method,layer,pointing,energy_in_mask,"
                       "raw_max\n")))
        return -1;
    return open_output(job, cli, inputs, err);
}

int xr_explain_run(const struct xr_explain *set, struct xr_cli *cli, const char *input,
                   struct xr_err *err)
{
    struct job job = {.set = set};
    cJSON *inputs = cJSON_CreateObject();
    uint64_t done = 0;
    int got = -1;

    if (open_all(&job, cli, input, inputs, err))
        goto done;
    while ((got = xr_batch_next(&job.batch, job.in, err)) > 0) {
        if (one_batch(&job, err)) {
            got = -1;
            break;
        }
        done += job.batch.n;
        xr_cli_progress(cli, "films", done, 0);
    }
    if (!got)
        xr_batch_warn(cli, job.in, input);
    if (!got && (xr_writer_finish(job.out, err) ||
                 (job.scores && xr_out_finish(job.scores, err))))
        got = -1;
done:
    cJSON_Delete(inputs);
    xr_writer_close(job.out);
    xr_out_close(job.scores);
    xr_reader_close(job.in);
    xr_batch_close(&job.batch);
    xr_device_say_peak(cli, job.c.net);
    xr_classifier_close(&job.c);
    free(job.logits);
    free(job.p);
    free(job.d_logits);
    free(job.activation);
    free(job.gradient);
    free(job.raw);
    free(job.heat);
    return got;
}
