/* Predictions of a classifier over a record stream. */
#include "predict.h"

#include <stdlib.h>
#include <string.h>

#include "certificate.h"
#include "csv.h"
#include "devices.h"
#include "json.h"
#include "loss.h"
#include "stats_calibration.h"

/* The columns every predictions table begins with. */
static const char *const first_columns[] = {"key", "label", "split", "fold", "group"};
enum {
    N_FIRST = sizeof first_columns / sizeof *first_columns
};

struct job {
    struct xr_classifier c;
    struct xr_reader *in;
    struct xr_out *out;
    struct xr_batch batch;
    float *logits, *p, *mirrored; /* mirrored: of the mirror images, or NULL */
    char **columns;               /* the others, as the first record has them */
    size_t n_columns;
    uint64_t done;
    struct xr_calibration calibration;
    char *calibrated; /* what the column of it says; NULL: not calibrated */
};

static bool taken(const struct job *job, const char *name)
{
    for (size_t i = 0; i < N_FIRST; i++) {
        if (!strcmp(name, first_columns[i]))
            return true;
    }
    for (size_t i = 0; i < job->c.n_classes; i++) {
        if (!strncmp(name, "p_", 2) && !strcmp(name + 2, job->c.classes[i]))
            return true;
    }
    return !strcmp(name, "pred") || (job->calibrated && !strcmp(name, "calibration"));
}

/* The row of the table a record came from: an object of texts, or NULL. */
static const cJSON *row_of(const struct xr_record *r)
{
    const cJSON *row = cJSON_GetObjectItemCaseSensitive(r->meta, "row");

    return cJSON_IsObject(row) ? row : NULL;
}

static int write_header(struct job *job, struct xr_err *err)
{
    const cJSON *row = job->batch.n ? row_of(&job->batch.records[0]) : NULL, *item;
    struct xr_buf name = {0};
    int rc = 0;

    for (size_t i = 0; !rc && i < N_FIRST; i++)
        rc = xr_csv_field(job->out, !i, first_columns[i], err);
    for (size_t i = 0; !rc && i < job->c.n_classes; i++) {
        name.size = 0;
        rc = xr_buf_printf(&name, err, "p_%s", job->c.classes[i]) ||
             xr_csv_field(job->out, false, name.data, err);
    }
    xr_buf_free(&name);
    if (rc || xr_csv_field(job->out, false, "pred", err) ||
        (job->calibrated && xr_csv_field(job->out, false, "calibration", err)))
        return -1;
    job->columns = xr_alloc_array(row ? (size_t)cJSON_GetArraySize(row) : 0,
                                  sizeof *job->columns, err);
    if (!job->columns)
        return -1;
    cJSON_ArrayForEach(item, row)
    {
        if (taken(job, item->string))
            continue;
        job->columns[job->n_columns] = xr_strdup(item->string, err);
        if (!job->columns[job->n_columns])
            return -1;
        job->n_columns++;
        if (xr_csv_field(job->out, false, item->string, err))
            return -1;
    }
    return xr_csv_end(job->out, err);
}

/* The key of a film that passes once has no epoch folder; with several epochs the folder
 * stays. */
static int write_row(struct job *job, size_t i, struct xr_err *err)
{
    const struct xr_record *r = &job->batch.records[i];
    const cJSON *row = row_of(r);
    size_t k = job->c.n_classes, best = 0;
    const float *p = job->p + i * k;
    char text[40];

    if (xr_csv_field(job->out, true, r->key, err) ||
        xr_csv_field(job->out, false, r->label < 0 ? "" : job->c.classes[r->label], err))
        return -1;
    for (size_t c = 2; c < N_FIRST; c++) {
        if (xr_csv_field(job->out, false, xr_json_text(row, first_columns[c], ""), err))
            return -1;
    }
    for (size_t c = 0; c < k; c++) {
        snprintf(text, sizeof text, "%.9g", (double)p[c]);
        if (xr_csv_field(job->out, false, text, err))
            return -1;
        best = p[c] > p[best] ? c : best;
    }
    if (xr_csv_field(job->out, false, job->c.classes[best], err) ||
        (job->calibrated && xr_csv_field(job->out, false, job->calibrated, err)))
        return -1;
    for (size_t c = 0; c < job->n_columns; c++) {
        if (xr_csv_field(job->out, false, xr_json_text(row, job->columns[c], ""), err))
            return -1;
    }
    return xr_csv_end(job->out, err);
}

/* Probabilities of the batch as it is, into p. */
static int probabilities(float *p, struct job *job, struct xr_err *err)
{
    const struct xr_batch *b = &job->batch;

    if (xr_batch_input(b, job->c.net, &job->c.pre, err) ||
        xk_net_forward(job->c.net, job->logits, false, 0, 0, err))
        return -1;
    xk_softmax(p, job->logits, b->n, job->c.n_classes);
    return 0;
}

/* The file's classes are the model's, in their order. */
static int open_calibration(struct job *job, const char *path, struct xr_err *err)
{
    struct xr_calibration *cal = &job->calibration;

    if (xr_calibration_read(cal, path, err))
        return -1;
    for (size_t c = 0; c < cal->k || c < job->c.n_classes; c++)
        if (cal->k != job->c.n_classes || strcmp(cal->classes[c], job->c.classes[c]) != 0)
            return xr_fail(err, "%s: its classes are not those of the model",
                           xr_input_name(path));
    job->calibrated =
        xr_sprintf(err, "%s %s", xr_calibration_name(cal->method), cal->digest);
    return job->calibrated ? 0 : -1;
}

static void calibrate(float *p, const struct xr_calibration *cal, size_t n)
{
    double row[XR_CALIBRATION_CLASSES];

    for (size_t i = 0; i < n; i++) {
        for (size_t c = 0; c < cal->k; c++)
            row[c] = (double)p[i * cal->k + c];
        xr_calibration_apply(cal, row);
        for (size_t c = 0; c < cal->k; c++)
            p[i * cal->k + c] = (float)row[c];
    }
}

static int one_batch(struct job *job, struct xr_err *err)
{
    struct xr_batch *b = &job->batch;
    size_t n = b->n * job->c.n_classes;

    if (probabilities(job->p, job, err))
        return -1;
    if (job->mirrored) {
        xr_batch_mirror(b);
        if (probabilities(job->mirrored, job, err))
            return -1;
        for (size_t i = 0; i < n; i++)
            job->p[i] = (job->p[i] + job->mirrored[i]) / 2;
    }
    if (job->calibrated)
        calibrate(job->p, &job->calibration, b->n);
    if (!job->done && write_header(job, err))
        return -1;
    for (size_t i = 0; i < b->n; i++) {
        if (write_row(job, i, err))
            return -1;
    }
    job->done += b->n;
    return xr_out_flush(job->out, err);
}

int xr_predict_run(const struct xr_predict *set, struct xr_cli *cli, const char *input,
                   struct xr_err *err)
{
    struct xr_run run = {.device = cli->device,
                         .tf32 = cli->tf32,
                         .deterministic = cli->deterministic,
                         .threads = (int)cli->jobs,
                         .batch = (size_t)set->batch,
                         .precision = set->precision};
    struct job job = {0};
    size_t room;
    int64_t records;
    int got = -1;

    if (xr_reader_open(&job.in, input, false, err))
        goto done;
    if (set->certificate &&
        xr_certificate_stream(set->certificate, xr_input_name(input),
                              xr_reader_header(job.in)->history,
                              xr_reader_header(job.in)->split, NULL, NULL, err))
        goto done;
    /* one film does not pay for a batch: memory and first use of it are what a start
     * costs */
    records = xr_reader_header(job.in)->records_per_epoch;
    if (records > 0 && (uint64_t)records < run.batch)
        run.batch = (size_t)records;
    if (xr_classifier_open(&job.c, set->weights, &run, err) ||
        xr_classifier_accepts(&job.c, xr_reader_header(job.in), xr_input_name(input),
                              err) ||
        xr_batch_open(&job.batch, xr_reader_header(job.in), run.batch, err) ||
        (set->calibration && open_calibration(&job, set->calibration, err)))
        goto done;
    xr_device_say(cli, job.c.net);
    room = run.batch * job.c.n_classes;
    job.logits = xr_alloc_array(room, sizeof *job.logits, err);
    job.p = xr_alloc_array(room, sizeof *job.p, err);
    if (set->tta)
        job.mirrored = xr_alloc_array(room, sizeof *job.mirrored, err);
    if (!job.logits || !job.p || (set->tta && !job.mirrored) ||
        xr_out_open(&job.out, cli->output, 0, err))
        goto done;
    while ((got = xr_batch_next(&job.batch, job.in, err)) > 0) {
        if (one_batch(&job, err)) {
            got = -1;
            break;
        }
        xr_cli_progress(cli, "films", job.done, 0);
    }
    if (got == 0)
        xr_batch_warn(cli, job.in, input);
    if (got == 0 && !job.done)
        got = write_header(&job, err);
    if (got == 0)
        got = xr_out_finish(job.out, err);
done:
    for (size_t i = 0; i < job.n_columns; i++)
        free(job.columns[i]);
    free(job.columns);
    xr_out_close(job.out);
    xr_reader_close(job.in);
    xr_batch_close(&job.batch);
    xr_device_say_peak(cli, job.c.net);
    xr_classifier_close(&job.c);
    free(job.logits);
    free(job.p);
    free(job.mirrored);
    free(job.calibrated);
    xr_calibration_free(&job.calibration);
    return got;
}
