/* Reading what a report is made of, and the proofs that go with it. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "frames.h"
#include "json.h"
#include "report_parts.h"
#include "split.h"

#define MAX_PLOT ((size_t)64 << 20)

static int add_file(struct report_data *d, const char *role, const char *path,
                    const char *digest, struct xr_err *err)
{
    struct report_file *f = &d->files[d->n_files];

    if (d->n_files == MAX_FILES)
        return xr_fail(err, "more than %d files", MAX_FILES);
    f->role = role;
    f->name = xr_last_part(xr_input_name(path));
    snprintf(f->digest, sizeof f->digest, "%s", digest);
    d->n_files++;
    return 0;
}

static int read_table(struct report_data *d, struct xr_table *t, const char *role,
                      const char *path, struct xr_err *err)
{
    if (!path)
        return 0;
    return xr_table_read(t, path, err) || add_file(d, role, path, t->digest, err) ? -1
                                                                                  : 0;
}

/* The split, and its proof: classes by part. */
static int read_split(struct report_data *d, struct xr_err *err)
{
    struct xr_buf summary = {0};

    if (!d->in->split)
        return 0;
    if (read_table(d, &d->split, "split", d->in->split, err) ||
        xr_split_check(&summary, &d->grouped, &d->split, NULL, false, err)) {
        xr_buf_free(&summary);
        return -1;
    }
    return xr_table_parse(&d->parts, &summary, "classes by part", err);
}

static int read_predictions(struct report_data *d, struct xr_err *err)
{
    struct xr_predictions_options options = {.keep_unlabelled = true};

    if (!d->in->predictions)
        return 0;
    return xr_predictions_read(&d->pred, d->in->predictions, &options, err) ||
                   add_file(d, "predictions", d->in->predictions, d->pred.table.digest,
                            err)
               ? -1
               : 0;
}

/* The split must be the certificate's, the predictions whole parts of it. */
static int read_certificate(struct report_data *d, struct xr_err *err)
{
    if (!d->in->certificate)
        return 0;
    if (xr_certificate_read(&d->certificate, d->in->certificate, err) ||
        add_file(d, "certificate", d->in->certificate, d->certificate.digest, err))
        return -1;
    if (d->in->split && xr_certificate_verify(&d->certificate, &d->split, true, err))
        return -1;
    if (d->in->predictions &&
        xr_certificate_verify(&d->certificate, &d->pred.table, false, err))
        return -1;
    return 0;
}

static int read_json(struct report_data *d, cJSON **json, const char *role,
                     const char *path, struct xr_err *err)
{
    char digest[XR_SHA256_TEXT];

    if (!path)
        return 0;
    *json = xr_json_read(path, digest, err);
    if (!*json)
        return -1;
    if (!cJSON_IsObject(*json))
        return xr_fail(err, "%s: not the JSON of xr-metrics: no object", path);
    return add_file(d, role, path, digest, err);
}

static int read_model(struct report_data *d, struct xr_err *err)
{
    if (!d->in->model)
        return 0;
    if (xr_model_open(&d->model, d->in->model, err))
        return -1;
    if (xr_model_digest(&d->model, err))
        return -1;
    for (size_t i = 0; i < d->model.n_tensors; i++) {
        const char *name = d->model.tensors[i].name, *dot = strrchr(name, '.');

        dot = dot ? dot + 1 : name; /* running statistics are no parameters */
        if (!strcmp(dot, "weight") || !strcmp(dot, "bias"))
            d->n_params += xr_array_count(&d->model.tensors[i].array);
    }
    d->classes = xr_model_json(&d->model, "classes");
    d->preprocessing = xr_model_json(&d->model, "preprocessing");
    d->training = xr_model_json(&d->model, "training");
    d->model_history = xr_model_json(&d->model, "history");
    return add_file(d, "model", d->in->model, d->model.digest, err);
}

/* SVG and PNG by content: an <img> runs no script of an SVG and asks for nothing. */
static int read_plot(struct report_data *d, const char *path, struct xr_err *err)
{
    struct report_plot *p = &d->plots[d->n_plots];
    char digest[XR_SHA256_TEXT];

    if (xr_read_file(&p->data, path, MAX_PLOT, digest, err))
        return -1;
    d->n_plots++;
    p->name = xr_last_part(xr_input_name(path));
    if (p->data.size > 8 && !memcmp(p->data.data, "\x89PNG\r\n\x1a\n", 8)) {
        p->type = "image/png";
    } else {
        char *svg = strstr(p->data.data, "<svg");

        if (!svg || svg - p->data.data > 4096)
            return xr_fail(err, "%s: neither SVG nor PNG", path);
        p->type = "image/svg+xml";
    }
    return add_file(d, "plot", path, digest, err);
}

/* --- the films -------------------------------------------------------------------- */

static int cmp_paths(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int hash_film(char text[XR_SHA256_TEXT], uint64_t *bytes, const char *path,
                     char *room, size_t size, struct xr_err *err)
{
    struct xr_sha256 *sha = xr_sha256_new(err);
    int fd = sha ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    ssize_t got = -1;

    if (sha && fd < 0)
        xr_fail_errno(err, "%s: cannot open", path);
    while (fd >= 0 && (got = read(fd, room, size)) > 0) {
        xr_sha256_add(sha, room, (size_t)got);
        *bytes += (uint64_t)got;
    }
    if (fd >= 0 && got < 0)
        xr_fail_errno(err, "%s: cannot read", path);
    if (fd >= 0)
        close(fd);
    if (got == 0)
        xr_sha256_text(sha, text);
    xr_sha256_free(sha);
    return got == 0 ? 0 : -1;
}

/* Add "HEX  PATH" of each path, once, as sha256sum prints it. */
static int hash_films(struct xr_sha256 *all, struct report_data *d, char **paths,
                      size_t n, struct xr_err *err)
{
    size_t size = 1 << 20;
    char *room = xr_alloc_array(size, 1, err);
    int bad = !room;

    for (size_t i = 0; i < n && !bad; i++) {
        char digest[XR_SHA256_TEXT], *path, *line = NULL;

        if (i && !strcmp(paths[i], paths[i - 1]))
            continue; /* frames of one file */
        path = xr_sprintf(err, "%s/%s", d->in->root, paths[i]);
        bad = !path || hash_film(digest, &d->film_bytes, path, room, size, err);
        line = bad ? NULL : xr_sprintf(err, "%s  %s\n", digest + 7, paths[i]);
        bad = bad || !line;
        if (line)
            xr_sha256_add(all, line, strlen(line));
        d->n_split_films++;
        free(line);
        free(path);
    }
    free(room);
    return bad ? -1 : 0;
}

/* The file of a path of the table, less a choice of frame. */
static char *file_of(const char *root, const char *path, struct xr_err *err)
{
    char *whole = xr_sprintf(err, "%s/%s", root, path), *file = NULL;
    size_t n, skip = strlen(root) + 1;
    struct xr_pick pick;

    if (whole) {
        n = xr_frames_find(&pick, whole);
        file = xr_sprintf(err, "%.*s", (int)(n - skip), whole + skip);
    }
    free(whole);
    return file;
}

int xr_report_read_root(struct report_data *d, struct xr_err *err)
{
    const struct xr_table *t = &d->split;
    struct xr_sha256 *all;
    char **paths;
    int col, bad;
    size_t n = 0;

    if (xr_table_need(&col, t, "path", err))
        return -1;
    paths = xr_alloc_array(t->n_rows, sizeof *paths, err);
    all = xr_sha256_new(err);
    bad = !paths || !all;
    for (size_t i = 0; i < t->n_rows && !bad; i++) {
        if (!*xr_cell(t, i, (size_t)col))
            continue;
        paths[n] = file_of(d->in->root, xr_cell(t, i, (size_t)col), err);
        bad = !paths[n];
        n += !bad;
    }
    if (!bad)
        qsort(paths, n, sizeof *paths, cmp_paths);
    bad = bad || hash_films(all, d, paths, n, err);
    if (!bad)
        xr_sha256_text(all, d->films_digest);
    for (size_t i = 0; i < n; i++)
        free(paths[i]);
    free(paths);
    xr_sha256_free(all);
    return bad ? -1 : 0;
}

/* --- everything ------------------------------------------------------------------- */

int xr_report_read(struct report_data *d, struct xr_err *err)
{
    const struct xr_report *in = d->in;

    d->plots = xr_alloc_array(in->n_plots, sizeof *d->plots, err);
    if (!d->plots || read_split(d, err) || read_table(d, &d->log, "log", in->log, err) ||
        read_model(d, err) || read_predictions(d, err) ||
        read_json(d, &d->metrics, "metrics", in->metrics, err) ||
        read_json(d, &d->comparison, "comparison", in->comparison, err) ||
        read_table(d, &d->scores, "map scores", in->cam_scores, err) ||
        read_certificate(d, err) ||
        read_table(d, &d->demographics, "demographics", in->demographics, err) ||
        read_table(d, &d->flow, "flow", in->flow, err))
        return -1;
    if (in->root && xr_report_read_root(d, err))
        return -1;
    if (in->cam) {
        if (d->n_files == MAX_FILES)
            return xr_fail(err, "more than %d files", MAX_FILES);
        if (xr_report_read_cam(d, err))
            return -1;
    }
    for (size_t i = 0; i < in->n_plots; i++) {
        if (read_plot(d, in->plots[i], err))
            return -1;
    }
    return 0;
}

void xr_report_free(struct report_data *d)
{
    struct xr_table *tables[] = {&d->split,  &d->parts,        &d->log,
                                 &d->scores, &d->demographics, &d->flow};
    cJSON *jsons[] = {d->metrics,  d->comparison,    d->classes,    d->preprocessing,
                      d->training, d->model_history, d->cam_history};

    for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
        xr_table_free(tables[i]);
    for (size_t i = 0; i < sizeof jsons / sizeof *jsons; i++)
        cJSON_Delete(jsons[i]);
    xr_predictions_free(&d->pred);
    xr_certificate_free(&d->certificate);
    if (d->model.path)
        xr_model_close(&d->model);
    for (size_t i = 0; i < d->n_plots; i++)
        xr_buf_free(&d->plots[i].data);
    free(d->plots);
    free(d->cam_method);
    free(d->cam_layer);
    xr_report_free_films(d);
}
