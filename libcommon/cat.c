/* What xr-cat does with streams and model files. */
#include "cat.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "json.h"
#include "model.h"
#include "phi.h"
#include "stream_json.h"

struct job {
    const struct xr_cat *cat;
    struct xr_out *out;       /* text */
    struct xr_writer *writer; /* a stream */
    struct xr_phi *phi;
    char **keys; /* sorted; from options and file */
    bool *found;
    size_t n_keys;
    struct xr_buf keys_text;
    uint64_t taken;
    struct xr_part_row parts; /* of what was read */
};

/* --- models
 * -------------------------------------------------------------------------------- */

/* Is it a file with a safetensors header? Only plain files are looked into: what is read
 * from a pipe is gone. */
static bool is_model(const char *path)
{
    unsigned char start[9] = {0};
    struct stat st;
    bool plain = strcmp(path, "-") && stat(path, &st) == 0 && S_ISREG(st.st_mode);
    FILE *f = plain ? fopen(path, "rb") : NULL;
    size_t n = f ? fread(start, 1, sizeof start, f) : 0;
    size_t length = strlen(path);

    if (f)
        fclose(f);
    return (n == sizeof start && start[8] == '{' && !start[7] && !start[6]) ||
           (length > 12 && !strcmp(path + length - 12, ".safetensors"));
}

static int print_model(const struct xr_cat *cat, struct xr_out *out, const char *path,
                       struct xr_err *err)
{
    cJSON *json = cJSON_CreateObject(), *list;
    struct xr_model model;
    const cJSON *item;
    double values = 0;
    int rc;

    if (xr_model_open(&model, path, err)) {
        cJSON_Delete(json);
        return -1;
    }
    if (cat->check) {
        rc = xr_model_digest(&model, err) ||
             xr_out_printf(out, err, "%s: %zu tensors, %s\n", path, model.n_tensors,
                           model.digest);
        goto done;
    }
    for (size_t i = 0; i < model.n_tensors; i++)
        values += (double)xr_array_count(&model.tensors[i].array);
    cJSON_AddNumberToObject(json, "tensors", (double)model.n_tensors);
    cJSON_AddNumberToObject(json, "values", values);
    cJSON_ArrayForEach(item, model.meta)
    {
        cJSON *value = xr_model_json(&model, item->string);

        cJSON_AddItemToObject(json, item->string,
                              value ? value : cJSON_CreateString(item->valuestring));
    }
    if (cat->text) {
        list = cJSON_AddObjectToObject(json, "tensor");
        for (size_t i = 0; i < model.n_tensors; i++) {
            const struct xr_array *a = &model.tensors[i].array;
            cJSON *shape = cJSON_AddArrayToObject(list, model.tensors[i].name);

            cJSON_AddItemToArray(shape, cJSON_CreateString(xr_dtype_name(a->dtype)));
            for (int d = 0; d < a->n_dims; d++)
                cJSON_AddItemToArray(shape, cJSON_CreateNumber((double)a->shape[d]));
        }
    }
    rc = xr_json_write(out, json, err);
done:
    cJSON_Delete(json);
    xr_model_close(&model);
    return rc ? -1 : 0;
}

/* --- keys
 * ------------------------------------------------------------------------------------ */

static int compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int load_keys(struct job *job, struct xr_err *err)
{
    const struct xr_cat *cat = job->cat;
    size_t lines = 0, n = 0;
    char *save = NULL;

    if (cat->keys_file &&
        xr_read_file(&job->keys_text, cat->keys_file, (size_t)1 << 28, NULL, err))
        return -1;
    for (size_t i = 0; i < job->keys_text.size; i++)
        lines += job->keys_text.data[i] == '\n';
    job->keys = xr_alloc_array(cat->keys.n + lines + 1, sizeof *job->keys, err);
    job->found = xr_alloc_array(cat->keys.n + lines + 1, sizeof *job->found, err);
    if (!job->keys || !job->found)
        return -1;
    for (size_t i = 0; i < cat->keys.n; i++)
        job->keys[n++] = cat->keys.items[i];
    for (char *line = cat->keys_file ? strtok_r(job->keys_text.data, "\r\n", &save)
                                     : NULL;
         line; line = strtok_r(NULL, "\r\n", &save))
        job->keys[n++] = line;
    qsort(job->keys, n, sizeof *job->keys, compare);
    for (size_t i = 0; i < n; i++) {
        if (!job->n_keys || strcmp(job->keys[job->n_keys - 1], job->keys[i]))
            job->keys[job->n_keys++] = job->keys[i];
    }
    return 0;
}

static bool wanted(struct job *job, const char *key)
{
    char **at;

    if (job->cat->first >= 0 && job->taken >= (uint64_t)job->cat->first)
        return false;
    if (!job->cat->keys.n && !job->cat->keys_file)
        return true;
    at = bsearch(&key, job->keys, job->n_keys, sizeof *job->keys, compare);
    if (at)
        job->found[at - job->keys] = true;
    return at != NULL;
}

/* --- streams
 * -------------------------------------------------------------------------------------
 */

static int print_record(struct job *job, const struct xr_stream_header *h,
                        const struct xr_record *r, struct xr_err *err)
{
    struct xr_buf line = {0};
    const char *class =
        r->label >= 0 && (size_t)r->label < h->n_classes ? h->classes[r->label] : "";
    int rc = xr_buf_printf(&line, err, "%s\t%s\t%s", r->key, class,
                           r->image.n_dims ? xr_dtype_name(r->image.dtype) : "-");

    for (int d = 0; !rc && d < r->image.n_dims; d++)
        rc = xr_buf_printf(&line, err, "%c%zu", d ? 'x' : ' ', r->image.shape[d]);
    rc = rc || xr_buf_text(&line, "\t", err);
    for (size_t i = 0; !rc && i < r->n_members; i++)
        rc = xr_buf_printf(&line, err, "%s%s", i ? "," : "", r->members[i].suffix);
    rc = rc || xr_buf_text(&line, "\t", err) || xr_json_line(&line, r->meta, err) ||
         xr_buf_text(&line, "\n", err) ||
         xr_out_write(job->out, line.data, line.size, err);
    xr_buf_free(&line);
    return rc ? -1 : 0;
}

/* Key and SHA-256 of KEY.npy: equal for equal type, shape and pixels. */
static int print_digest(struct job *job, const struct xr_record *r, struct xr_err *err)
{
    struct xr_sha256 *sha = NULL;
    struct xr_buf npy = {0};
    char text[XR_SHA256_TEXT] = "-";
    int rc = 0;

    if (r->image.n_dims) {
        sha = xr_sha256_new(err);
        rc = !sha || xr_npy_format(&npy, &r->image, err);
        if (!rc) {
            xr_sha256_add(sha, npy.data, npy.size);
            xr_sha256_text(sha, text);
        }
    }
    rc = rc || xr_out_printf(job->out, err, "%s\t%s\n", r->key, text);
    xr_sha256_free(sha);
    xr_buf_free(&npy);
    return rc ? -1 : 0;
}

/* One member's bytes; image, class and description are made again from their values. */
static int extract(struct job *job, const struct xr_record *r, struct xr_err *err)
{
    const char *suffix = job->cat->extract;
    const struct xr_member *m = xr_record_member(r, suffix);
    struct xr_buf buf = {0};
    int rc;

    if (m)
        return xr_out_write(job->out, m->data, m->size, err);
    if (!strcmp(suffix, "npy") && r->image.n_dims)
        rc = xr_npy_format(&buf, &r->image, err);
    else if (!strcmp(suffix, "cls") && r->label >= 0)
        rc = xr_buf_printf(&buf, err, "%lld", (long long)r->label);
    else if (!strcmp(suffix, "json"))
        rc = xr_json_line(&buf, r->meta, err) || xr_buf_text(&buf, "\n", err);
    else
        rc = xr_fail(err, "record '%s' has no member '.%s'", r->key, suffix);
    rc = rc || xr_out_write(job->out, buf.data, buf.size, err);
    xr_buf_free(&buf);
    return rc ? -1 : 0;
}

static int use_record(struct job *job, const struct xr_stream_header *h,
                      const struct xr_record *r, struct xr_err *err)
{
    if (!wanted(job, r->key))
        return 0;
    job->taken++;
    if (job->cat->text)
        return print_record(job, h, r, err);
    if (job->cat->digests)
        return print_digest(job, r, err);
    if (job->phi) {
        xr_phi_record(job->phi, r, h->epochs > 1);
        return 0;
    }
    if (!job->cat->extract)
        return job->writer ? xr_writer_put(job->writer, r, err) : 0;
    if (job->taken > 1)
        return xr_fail(
            err, "--extract takes one record: name it with --key, or use --first 1");
    return extract(job, r, err);
}

/* The output begins with the first input's header: its counts hold only if all of it is
 * taken. */
static int open_writer(struct job *job, const struct xr_stream_header *h, char **inputs,
                       size_t n_inputs, const char *output, struct xr_err *err)
{
    const struct xr_cat *cat = job->cat;
    struct xr_stream_header mine;
    int rc;

    if (xr_stream_header_copy(&mine, h, err))
        return -1;
    if (cat->keys.n || cat->keys_file || cat->first >= 0) {
        xr_stream_forget(&mine);
    } else if (n_inputs > 1 && xr_stream_join(&mine, inputs, n_inputs, err)) {
        xr_stream_header_free(&mine);
        return -1;
    }
    xr_stream_no_part(&mine);
    if (job->cat->history) {
        if (!mine.history)
            mine.history = cJSON_CreateArray();
        cJSON_AddItemToArray(mine.history, cJSON_Duplicate(job->cat->history, 1));
    }
    rc = xr_writer_open(&job->writer, output, &mine, err);
    xr_stream_header_free(&mine);
    return rc;
}

static int one_stream(struct job *job, struct xr_stream_header *first, size_t index,
                      char **inputs, size_t n_inputs, const char *output,
                      struct xr_err *err)
{
    const char *path = inputs[index];
    const struct xr_cat *cat = job->cat;
    const struct xr_stream_header *h;
    struct xr_reader *reader = NULL;
    struct xr_record record = {0};
    char digest[XR_SHA256_TEXT];
    int got = -1;

    if (xr_reader_open(&reader, path, true, err))
        return -1;
    h = xr_reader_header(reader);
    if ((cat->check || !job->out) && /* who looks may look at any parts */
        xr_reader_follow(reader, &job->parts, index + 1 < n_inputs, err))
        goto done;
    if (cat->header) {
        got = h->json ? xr_json_write(job->out, h->json, err)
                      : xr_fail(err, "%s: a WebDataset shard without a header",
                                xr_input_name(path));
        goto done;
    }
    if (!job->out && !h->json) {
        xr_fail(err,
                "%s: a WebDataset shard without a header: pipe it through xr-augment",
                xr_input_name(path));
        goto done;
    }
    if (!job->out && !job->writer) {
        if (xr_stream_header_copy(first, h, err) ||
            open_writer(job, h, inputs, n_inputs, output, err))
            goto done;
    } else if (job->writer && xr_header_agree(first, h, err)) {
        xr_fail_in(err, "%s", xr_input_name(path));
        goto done;
    }
    if (job->phi)
        xr_phi_header(job->phi, h);
    while ((got = xr_reader_next(reader, &record, err)) > 0) {
        if (use_record(job, xr_reader_header(reader), &record, err)) {
            got = -1;
            break;
        }
    }
    job->parts = *xr_reader_parts(reader);
    if (got == 0 && cat->check) {
        xr_reader_digest(reader, digest);
        got = xr_out_printf(job->out, err, "%s: %llu records, %llu skipped, %s\n",
                            xr_input_name(path),
                            (unsigned long long)xr_reader_records(reader),
                            (unsigned long long)xr_reader_skipped(reader), digest);
    }
done:
    xr_record_free(&record);
    xr_reader_close(reader);
    return got;
}

int xr_cat_run(const struct xr_cat *cat, char **inputs, size_t n_inputs,
               const char *output, struct xr_err *err)
{
    struct job job = {.cat = cat};
    struct xr_stream_header first = {0};
    bool model = is_model(inputs[0]);
    int rc = -1;

    if (model && (n_inputs > 1 || cat->header || cat->digests || cat->phi ||
                  cat->extract || cat->keys.n || cat->keys_file || cat->first >= 0)) {
        xr_fail_usage(err, n_inputs > 1 ? "a model file stands alone"
                                        : "a model file has no records: only --text and "
                                          "--check go with it");
        goto done;
    }
    if ((model || cat->text || cat->header || cat->check || cat->digests || cat->phi ||
         cat->extract) &&
        xr_out_open(&job.out, output, cat->extract ? XR_OUT_BINARY : 0, err))
        goto done;
    if (model) {
        rc = print_model(cat, job.out, inputs[0], err) || xr_out_finish(job.out, err) ? -1
                                                                                      : 0;
        goto done;
    }
    if (load_keys(&job, err) || (cat->phi && xr_phi_open(&job.phi, err)))
        goto done;
    for (size_t i = 0; i < n_inputs; i++) {
        if (one_stream(&job, &first, i, inputs, n_inputs, output, err))
            goto done;
    }
    for (size_t i = 0; i < job.n_keys && !cat->header && cat->first < 0; i++) {
        if (!job.found[i]) {
            xr_fail(err, "no record with key '%s'", job.keys[i]);
            goto done;
        }
    }
    if (cat->extract && !job.taken) {
        xr_fail(err, "no record to extract from");
        goto done;
    }
    if (job.phi && xr_phi_print(job.out, job.phi, err))
        goto done;
    rc = job.out ? xr_out_finish(job.out, err) : xr_writer_finish(job.writer, err);
    if (rc == 0 && job.phi && xr_phi_found(job.phi))
        rc = xr_fail(err, "%zu kinds of what may identify somebody",
                     xr_phi_found(job.phi));
done:
    xr_phi_close(job.phi);
    xr_writer_close(job.writer);
    xr_out_close(job.out);
    xr_stream_header_free(&first);
    xr_buf_free(&job.keys_text);
    free(job.keys);
    free(job.found);
    return rc;
}
