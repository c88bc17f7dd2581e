/* Heat maps in a report: which are shown, and the grid. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "image.h"
#include "json.h"
#include "pixels/pixels.h"
#include "report_parts.h"
#include "rng.h"
#include "split_index.h"
#include "stream.h"

static void free_film(struct report_film *f)
{
    free(f->key);
    free(f->label);
    free(f->pred);
    free(f->target);
    free(f->method);
    free(f->layer);
    xr_buf_free(&f->overlay);
    xr_buf_free(&f->film);
    memset(f, 0, sizeof *f);
}

void xr_report_free_films(struct report_data *d)
{
    for (size_t i = 0; i < d->n_films; i++)
        free_film(&d->films[i]);
    free(d->films);
}

/*
 * The film of a record as PNG, where it is gray or RGB, not floats; 8 bits are enough to
 * look at.
 */
static int film_png(struct xr_buf *png, const struct xr_array *a, struct xr_err *err)
{
    struct xr_image image = {.depth = a->dtype == XR_U16 ? 16 : 8, .data = a->data};
    struct xr_image shown;
    int rc;

    if ((a->dtype != XR_U8 && a->dtype != XR_U16) || a->n_dims < 2 || a->n_dims > 3)
        return 0;
    image.height = a->shape[0];
    image.width = a->shape[1];
    image.channels = a->n_dims == 3 ? a->shape[2] : 1;
    if (image.channels != 1 && image.channels != 3)
        return 0;
    if (xr_window(&shown, &image, 0, 0, image.width, image.height, err))
        return -1;
    rc = xr_to8(&shown, err) || xr_image_png(png, &shown, err) ? -1 : 0;
    xr_image_free(&shown);
    return rc;
}

static double probability(const cJSON *cam, const char *class)
{
    const cJSON *p = cJSON_GetObjectItemCaseSensitive(cam, "p");

    return class ? xr_json_number(p, class, NAN) : NAN;
}

/* What can be said of a record without its pixels. */
static int describe(struct report_film *f, const struct xr_record *r,
                    const struct xr_stream_header *header, struct xr_err *err)
{
    const cJSON *cam = cJSON_GetObjectItemCaseSensitive(r->meta, "cam");
    const char *pred = xr_json_text(cam, "pred", NULL);
    const char *label = r->label >= 0 && (size_t)r->label < header->n_classes
                            ? header->classes[r->label]
                            : NULL;

    memset(f, 0, sizeof *f);
    f->class = label ? r->label : -1;
    f->p_pred = probability(cam, pred);
    f->p_label = probability(cam, label);
    f->wrong = pred && label && strcmp(pred, label);
    /* wrong calls: the most confident first; right ones: drawn by key, so that nobody
     * picked them */
    f->rank = f->wrong && isfinite(f->p_pred)
                  ? (uint64_t)((1 - fmin(1, fmax(0, f->p_pred))) * 1e15)
                  : xr_fnv1a64(r->key) * UINT64_C(0x9E3779B97F4A7C15);
    f->key = xr_strdup(r->key, err);
    f->label = xr_strdup(label ? label : "", err);
    f->pred = xr_strdup(pred ? pred : "", err);
    f->target = xr_strdup(xr_json_text(cam, "target", ""), err);
    f->method = xr_strdup(xr_json_text(cam, "method", ""), err);
    f->layer = xr_strdup(xr_json_text(cam, "layer", ""), err);
    return f->key && f->label && f->pred && f->target && f->method && f->layer ? 0 : -1;
}

static bool before(const struct report_film *a, const struct report_film *b)
{
    return a->rank != b->rank ? a->rank < b->rank : strcmp(a->key, b->key) < 0;
}

/* Where the film may go: a new place, or that of the last one of its kind; NULL: nowhere.
 */
static struct report_film *place(struct report_data *d, const struct report_film *f,
                                 size_t most, struct xr_err *err)
{
    struct report_film *last = NULL, *films;
    size_t n = 0;

    for (size_t i = 0; i < d->n_films; i++) {
        struct report_film *other = &d->films[i];

        if (other->class != f->class || other->wrong != f->wrong)
            continue;
        n++;
        if (!last || before(last, other))
            last = other;
    }
    if (n >= most) {
        if (!last || !before(f, last))
            return NULL;
        free_film(last);
        return last;
    }
    films = realloc(d->films, (d->n_films + 1) * sizeof *films);
    if (!films) {
        xr_fail(err, "out of memory");
        return NULL;
    }
    d->films = films;
    memset(&films[d->n_films], 0, sizeof *films);
    return &films[d->n_films++];
}

static int take(struct report_data *d, const struct xr_record *r,
                const struct xr_stream_header *header, struct xr_err *err)
{
    const struct xr_member *png = xr_record_member(r, "png");
    size_t most = header->n_classes > 8 ? 2 + 2 * d->in->max_images / header->n_classes
                                        : d->in->max_images;
    struct report_film f, *at;

    if (!png)
        return 0;
    err->text[0] = '\0';
    if (describe(&f, r, header, err)) {
        free_film(&f);
        return -1;
    }
    if (!d->cam_method && *f.method) {
        d->cam_method = xr_strdup(f.method, err);
        d->cam_layer = xr_strdup(f.layer, err);
        if (!d->cam_method || !d->cam_layer) {
            free_film(&f);
            return -1;
        }
    }
    d->cam_seen++;
    d->cam_wrong += f.wrong;
    at = place(d, &f, most, err);
    if (!at) {
        free_film(&f);
        return err->text[0] ? -1 : 0;
    }
    *at = f;
    return xr_buf_put(&at->overlay, png->data, png->size, err) ||
                   film_png(&at->film, &r->image, err)
               ? -1
               : 0;
}

static int cmp_films(const void *a, const void *b)
{
    const struct report_film *x = a, *y = b;

    if (x->wrong != y->wrong)
        return x->wrong ? 1 : -1;
    return before(x, y) ? -1 : before(y, x);
}

/* The order of the page: right calls before wrong ones, by class, then by rank. */
static int cmp_shown(const void *a, const void *b)
{
    const struct report_film *x = a, *y = b;

    if (x->wrong == y->wrong && x->class != y->class)
        return x->class < y->class ? -1 : 1;
    return cmp_films(a, b);
}

/* Keep n of films[from..to): the classes in turn, the first of each class first. */
static size_t in_turn(struct report_film *films, size_t from, size_t to, size_t n,
                      bool *keep)
{
    size_t kept = 0;

    for (int64_t round = 0; kept < n && kept < to - from; round++) {
        for (int64_t c = -1; c < XR_MAX_CLASSES && kept < n; c++) {
            int64_t seen = 0;

            for (size_t i = from; i < to; i++) {
                if (films[i].class == c && seen++ == round) {
                    keep[i] = true;
                    kept++;
                    break;
                }
            }
        }
    }
    return kept;
}

/* Right calls first, then wrong ones, half of each where there are enough. */
static int choose(struct report_data *d, struct xr_err *err)
{
    size_t most = d->in->max_images, n_right = 0, n_wrong, n = 0;
    bool *keep = xr_alloc_array(d->n_films, sizeof *keep, err);

    if (!keep)
        return -1;
    if (d->n_films)
        qsort(d->films, d->n_films, sizeof *d->films, cmp_films);
    while (n_right < d->n_films && !d->films[n_right].wrong)
        n_right++;
    n_wrong = d->n_films - n_right;
    if (n_wrong > most / 2)
        n_wrong = n_right < most - most / 2 ? most - n_right : most / 2;
    in_turn(d->films, 0, n_right, most - (n_wrong < most ? n_wrong : most), keep);
    in_turn(d->films, n_right, d->n_films, n_wrong, keep);
    for (size_t i = 0; i < d->n_films; i++) {
        if (keep[i])
            d->films[n++] = d->films[i];
        else
            free_film(&d->films[i]);
    }
    d->n_films = n;
    if (n)
        qsort(d->films, n, sizeof *d->films, cmp_shown);
    free(keep);
    return 0;
}

/* --- the same probabilities as in the predictions? -------------------------------- */

struct known {
    struct xr_index index; /* ids are rows of the predictions that were kept */
    struct xr_index_column cell;
};

static int open_known(struct known *k, const struct report_data *d, struct xr_err *err)
{
    const struct xr_predictions *p = &d->pred;
    int col = p->n ? xr_table_col(&p->table, "key") : -1;
    uint32_t id;

    *k = (struct known){.cell = {&p->table, (size_t)col}};
    for (size_t i = 0; col >= 0 && i < p->n; i++) {
        if (xr_index_put(&k->index, &id, xr_cell(&p->table, p->row[i], (size_t)col),
                         p->row[i], xr_index_same_cell, &k->cell, err) < 0)
            return -1;
    }
    return 0;
}

static int compare(struct report_data *d, struct known *k, const struct xr_record *r,
                   struct xr_err *err)
{
    const cJSON *cam = cJSON_GetObjectItemCaseSensitive(r->meta, "cam");
    const struct xr_predictions *p = &d->pred;
    double far = 0;
    uint32_t id;

    if (!k->index.n || !xr_index_get(&k->index, r->key, xr_index_same_cell, &k->cell))
        return 0;
    if (xr_index_put(&k->index, &id, r->key, 0, xr_index_same_cell, &k->cell, err) < 0)
        return -1;
    for (size_t c = 0; c < p->k; c++)
        far = fmax(far, fabs(probability(cam, p->classes[c]) - p->p[id * p->k + c]));
    for (size_t c = 0; c < p->k; c++) {
        if (!isfinite(probability(cam, p->classes[c])))
            return 0; /* the stream does not say */
    }
    d->cam_compared++;
    d->cam_far = fmax(d->cam_far, far);
    return 0;
}

int xr_report_read_cam(struct report_data *d, struct xr_err *err)
{
    struct xr_reader *reader = NULL;
    struct xr_record record = {0};
    struct known known;
    int got = -1;

    if (open_known(&known, d, err) || xr_reader_open(&reader, d->in->cam, false, err)) {
        xr_index_free(&known.index);
        return -1;
    }
    while ((got = xr_reader_next(reader, &record, err)) > 0) {
        if (compare(d, &known, &record, err) ||
            take(d, &record, xr_reader_header(reader), err)) {
            got = -1;
            break;
        }
    }
    if (got == 0) {
        const cJSON *history = xr_reader_header(reader)->history;
        struct report_file *file = &d->files[d->n_files++];

        d->cam_history = history ? cJSON_Duplicate(history, 1) : NULL;
        file->role = "heat maps";
        file->name = xr_last_part(xr_input_name(d->in->cam));
        xr_reader_digest(reader, file->digest);
        got = choose(d, err);
    }
    xr_index_free(&known.index);
    xr_record_free(&record);
    xr_reader_close(reader);
    return got;
}

static void png_image(struct xr_html *h, const struct xr_buf *png, const char *what,
                      const char *key)
{
    xr_html_raw(h, "<img loading=\"lazy\" alt=\"");
    xr_html_text(h, what);
    xr_html_text(h, key);
    xr_html_raw(h, "\" src=\"");
    xr_html_data(h, "image/png", png->data, png->size);
    xr_html_raw(h, "\">");
}

static void caption(struct xr_html *h, const struct report_film *f)
{
    xr_html_element(h, "b", f->key);
    xr_html_raw(h, "<br>");
    if (*f->label) {
        xr_html_raw(h, "truth ");
        xr_html_text(h, f->label);
        if (f->wrong && isfinite(f->p_label))
            xr_html_rawf(h, " (p&#160;%.2f)", f->p_label);
        xr_html_raw(h, ", ");
    }
    if (*f->pred) {
        xr_html_rawf(h, "called <span class=\"%s\">",
                     !*f->label ? ""
                     : f->wrong ? "wrong"
                                : "right");
        xr_html_text(h, f->pred);
        xr_html_raw(h, "</span>");
        if (isfinite(f->p_pred))
            xr_html_rawf(h, " (p&#160;%.2f)", f->p_pred);
    }
    if (*f->target && strcmp(f->target, f->pred)) {
        xr_html_raw(h, "<br>map of class ");
        xr_html_text(h, f->target);
    }
}

static void grid(struct report_data *d, bool wrong)
{
    struct xr_html *h = &d->h;
    size_t n = 0;

    for (size_t i = 0; i < d->n_films; i++)
        n += d->films[i].wrong == wrong;
    if (!n)
        return;
    xr_html_rawf(h, "<h3>%s</h3>\n<div class=\"films\">\n",
                 wrong ? "Wrong calls" : "Right calls");
    for (size_t i = 0; i < d->n_films; i++) {
        const struct report_film *f = &d->films[i];

        if (f->wrong != wrong)
            continue;
        xr_html_raw(h, "<figure class=\"film\"><div>");
        if (f->film.size)
            png_image(h, &f->film, "film ", f->key);
        png_image(h, &f->overlay, "heat map of ", f->key);
        xr_html_raw(h, "</div><figcaption>");
        caption(h, f);
        xr_html_raw(h, "</figcaption></figure>\n");
    }
    xr_html_raw(h, "</div>\n");
}

/* --- scores against masks
 * ---------------------------------------------------------------- */

struct score {
    size_t n, hits, n_pointing;
    double energy;
    size_t n_energy;
};

static void add_score(struct score *s, const char *pointing, const char *energy)
{
    char *end;
    double e = strtod(energy, &end);

    s->n++;
    if (!strcmp(pointing, "1") || !strcmp(pointing, "0")) {
        s->n_pointing++;
        s->hits += pointing[0] == '1';
    }
    if (end != energy && isfinite(e)) {
        s->energy += e;
        s->n_energy++;
    }
}

static void score_row(struct xr_doc *doc, const char *name, const struct score *s)
{
    if (!s->n)
        return;
    xr_doc_row(doc);
    xr_doc_cell_text(doc, false, name);
    xr_doc_cell(doc, true);
    xr_doc_textf(doc, "%zu", s->n);
    xr_doc_cell_end(doc, true);
    xr_doc_cell(doc, true);
    if (s->n_pointing)
        xr_doc_textf(doc, "%.3f (%zu of %zu)", (double)s->hits / (double)s->n_pointing,
                     s->hits, s->n_pointing);
    xr_doc_cell_end(doc, true);
    xr_doc_cell(doc, true);
    if (s->n_energy)
        xr_doc_textf(doc, "%.3f", s->energy / (double)s->n_energy);
    xr_doc_cell_end(doc, true);
    xr_doc_row_end(doc);
}

/* right[i]: the film of row i of the scores was called as it is labelled. */
static int find_right(bool *right, struct report_data *d)
{
    const struct xr_predictions *p = &d->pred;
    int key = xr_table_col(&d->scores, "key"), bad;
    struct known known;
    uint32_t id;

    bad = open_known(&known, d, d->err);
    for (size_t i = 0; key >= 0 && i < d->scores.n_rows && !bad; i++) {
        const char *name = xr_cell(&d->scores, i, (size_t)key);
        size_t best = 0;
        const double *row;

        if (!known.index.n ||
            !xr_index_get(&known.index, name, xr_index_same_cell, &known.cell))
            continue; /* a film without a prediction */
        bad = xr_index_put(&known.index, &id, name, 0, xr_index_same_cell, &known.cell,
                           d->err) < 0;
        if (bad)
            break;
        row = p->p + id * p->k;
        for (size_t c = 1; c < p->k; c++)
            best = row[c] > row[best] ? c : best;
        right[i] = p->label[id] == best;
    }
    xr_index_free(&known.index);
    return bad ? -1 : 0;
}

void xr_report_scores(struct report_data *d)
{
    static const char *const names[] = {"films", ">n", ">pointing game",
                                        ">energy in mask"};
    const struct xr_table *t = &d->scores;
    int label = xr_table_col(t, "label"), pointing = xr_table_col(t, "pointing"),
        energy = xr_table_col(t, "energy_in_mask");
    struct score all = {0}, right = {0};
    const char *seen[16];
    size_t n_seen = 0;
    bool *called;

    if (!t->n_cols || pointing < 0 || energy < 0)
        return;
    called = xr_alloc_array(t->n_rows, sizeof *called, d->err);
    if (!called || find_right(called, d)) {
        free(called);
        d->h.failed = 1;
        return;
    }
    for (size_t i = 0; i < t->n_rows; i++) {
        const char *p = xr_cell(t, i, (size_t)pointing),
                   *e = xr_cell(t, i, (size_t)energy);

        if (!*p && !*e)
            continue; /* a film without a mask */
        add_score(&all, p, e);
        if (called[i])
            add_score(&right, p, e);
    }
    free(called);
    xr_doc_table(
        &d->doc,
        "Pointing game: the hottest point lies in the lesion. Energy: the share of "
        "the map's sum that does.",
        names, 4);
    score_row(&d->doc, "all with a mask", &all);
    score_row(&d->doc, "rightly called", &right);
    for (size_t i = 0; label >= 0 && i < t->n_rows && n_seen < 16; i++) {
        const char *name = xr_cell(t, i, (size_t)label);
        struct score one = {0};
        size_t s = 0;

        while (s < n_seen && strcmp(seen[s], name))
            s++;
        if (s < n_seen)
            continue;
        seen[n_seen++] = name;
        for (size_t j = i; j < t->n_rows; j++) {
            const char *p = xr_cell(t, j, (size_t)pointing),
                       *e = xr_cell(t, j, (size_t)energy);

            if ((*p || *e) && !strcmp(name, xr_cell(t, j, (size_t)label)))
                add_score(&one, p, e);
        }
        score_row(&d->doc, name, &one);
    }
    xr_doc_table_end(&d->doc);
}

void xr_report_films(struct report_data *d)
{
    struct xr_html *h = &d->h;

    if (!d->in->cam && !d->scores.n_cols)
        return;
    xr_html_raw(h, "<section id=\"maps\">\n<h2>Heat maps</h2>\n");
    if (d->in->cam) {
        xr_html_rawf(h, "<p>%zu of %zu films of the stream", d->n_films, d->cam_seen);
        if (d->cam_method) {
            xr_html_raw(h, ", ");
            xr_html_text(h, d->cam_method);
            xr_html_raw(h, " at layer ");
            xr_html_element(h, "code", d->cam_layer);
        }
        xr_html_rawf(
            h,
            "; %zu were called wrongly. Right calls are drawn by a hash of their keys, "
            "wrong calls are the most confident ones, the classes in turn. A map shows "
            "what the network reacts to; it does not prove why.</p>\n",
            d->cam_wrong);
    }
    if (d->scores.n_cols) {
        xr_html_raw(h, "<h3>Against the lesion masks</h3>\n");
        xr_report_scores(d);
    }
    grid(d, false);
    grid(d, true);
    xr_html_raw(h, "</section>\n");
}
