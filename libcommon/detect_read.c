/* Boxes from tables and from COCO's JSON. */
#include "detect_read.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "json.h"
#include "stats_boxes.h"

#define MAX_FILE ((size_t)1 << 28)
#define MAX_COORDINATE 1e7

/* What is being read into what. */
struct reading {
    struct xr_detect_data *data;
    const char *name, *one_class;
    bool truth;
};

/* --- one box --------------------------------------------------------------------- */

static int put_truth(struct xr_detect_data *d, const struct xr_truth_box *box,
                     struct xr_err *err)
{
    if (d->n_truth == d->room_truth) {
        size_t room = 2 * d->room_truth + 256;
        struct xr_truth_box *more = realloc(d->truth, room * sizeof *more);

        if (!more)
            return xr_fail(err, "out of memory");
        d->truth = more;
        d->room_truth = room;
    }
    d->truth[d->n_truth++] = *box;
    return 0;
}

static int put_found(struct xr_detect_data *d, const struct xr_found_box *box,
                     struct xr_err *err)
{
    if (d->n_found == d->room_found) {
        size_t room = 2 * d->room_found + 256;
        struct xr_found_box *more = realloc(d->found, room * sizeof *more);

        if (!more)
            return xr_fail(err, "out of memory");
        d->found = more;
        d->room_found = room;
    }
    d->found[d->n_found++] = *box;
    return 0;
}

/* What a row or an annotation says. */
struct said {
    uint32_t image, class;
    double box[4], area, score;
    bool crowd;
};

static int put(struct reading *r, const struct said *s, struct xr_err *err)
{
    struct xr_truth_box truth = {.image = s->image, .class = s->class, .crowd = s->crowd};
    struct xr_found_box found = {.image = s->image, .class = s->class, .score = s->score};

    for (int i = 0; i < 4; i++)
        if (!(fabs(s->box[i]) <= MAX_COORDINATE))
            return xr_fail(err, "a coordinate that is none");
    if (!(s->box[2] >= s->box[0] && s->box[3] >= s->box[1]))
        return xr_fail(err, "a box whose second corner is before its first");
    if (!r->truth && !isfinite(s->score))
        return xr_fail(err, "a score that is none");
    truth.area = s->area;
    memcpy(truth.box, s->box, sizeof truth.box);
    memcpy(found.box, s->box, sizeof found.box);
    return r->truth ? put_truth(r->data, &truth, err) : put_found(r->data, &found, err);
}

static int class_of(struct reading *r, uint32_t *class, const char *name,
                    struct xr_err *err)
{
    if (!*name)
        return xr_fail(err, "no class");
    return xr_texts_put(&r->data->classes, class, r->one_class ? r->one_class : name,
                        err) < 0
               ? -1
               : 0;
}

/* --- tables ---------------------------------------------------------------------- */

struct columns {
    int key, class, box[4], score;
    bool is_path;
};

static int find_columns(struct columns *at, const struct xr_table *t, bool truth,
                        struct xr_err *err)
{
    static const char *const names[] = {"x1", "y1", "x2", "y2"};

    *at = (struct columns){
        .key = xr_table_col(t, "key"), .class = xr_table_col(t, "class"), .score = -1};
    for (int i = 0; i < 2 && at->key < 0; i++) {
        at->key = xr_table_col(t, i ? "path" : "image");
        at->is_path = at->key >= 0;
    }
    if (at->class < 0)
        at->class = xr_table_col(t, "label");
    if (at->key < 0 || at->class < 0)
        return xr_fail(err, "%s:1: no column '%s'", t->name,
                       at->key < 0 ? "key" : "class");
    for (int i = 0; i < 4; i++)
        if (xr_table_need(&at->box[i], t, names[i], err))
            return -1;
    return truth ? 0 : xr_table_need(&at->score, t, "score", err);
}

static int number(double *v, const struct xr_table *t, size_t row, int col,
                  struct xr_err *err)
{
    struct xr_err why; /* which would be one of usage */

    if (xr_parse_real(v, xr_cell(t, row, (size_t)col), -MAX_COORDINATE, MAX_COORDINATE,
                      &why))
        return xr_fail(err, "%s: %s", t->names[col], why.text);
    return 0;
}

static int read_row(struct reading *r, const struct xr_table *t, size_t row,
                    const struct columns *at, struct xr_err *err)
{
    const char *cell = xr_cell(t, row, (size_t)at->key);
    char *key = at->is_path ? xr_case_key(cell, err) : xr_strdup(cell, err);
    struct said s = {0};
    int got, empty = 0;

    if (!key)
        return -1;
    got = *key ? xr_cases_number(&r->data->cases, &s.image, key, NULL, err)
               : xr_fail(err, "no key");
    free(key);
    if (got < 1) {
        r->data->n_left_out += got == 0;
        return got;
    }
    for (int i = 0; i < 4; i++)
        empty += !*xr_cell(t, row, (size_t)at->box[i]);
    if (empty == 4)
        return 0;
    for (int i = 0; i < 4; i++)
        if (number(&s.box[i], t, row, at->box[i], err))
            return -1;
    s.area = xr_box_area(s.box);
    if ((!r->truth && number(&s.score, t, row, at->score, err)) ||
        class_of(r, &s.class, xr_cell(t, row, (size_t)at->class), err))
        return -1;
    return put(r, &s, err);
}

static int read_table(struct reading *r, struct xr_buf *text, struct xr_err *err)
{
    struct xr_table t = {0};
    struct columns at;
    int status;

    if (xr_table_parse(&t, text, r->name, err))
        return -1;
    status = find_columns(&at, &t, r->truth, err);
    for (size_t row = 0; row < t.n_rows && status == 0; row++) {
        status = read_row(r, &t, row, &at, err);
        if (status)
            xr_fail_in(err, "%s:%u", t.name, t.lines[row]);
    }
    xr_table_free(&t);
    return status;
}

/* --- COCO ------------------------------------------------------------------------ */

static int by_id(const void *a, const void *b)
{
    const struct xr_coco_ids *x = a, *y = b;

    return (x->id > y->id) - (x->id < y->id);
}

/* The number of an id; UINT32_MAX: of an image that is left out. */
static int find_id(uint32_t *number, const struct xr_coco_ids *ids, size_t n,
                   const cJSON *item, const char *name, struct xr_err *err)
{
    struct xr_coco_ids wanted = {xr_json_number(item, name, -1), 0};
    const struct xr_coco_ids *found =
        n ? bsearch(&wanted, ids, n, sizeof *ids, by_id) : NULL;

    if (!found)
        return xr_fail(err, "%s %.15g is not among those of the truth", name, wanted.id);
    *number = found->number;
    return 0;
}

/* The ids of images or categories, with the number of the case or class of each. */
static int read_ids(struct reading *r, struct xr_coco_ids **ids, size_t *n,
                    const cJSON *json, bool images, struct xr_err *err)
{
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(json, images ? "images"
                                                                      : "categories"),
                *item;

    free(*ids);
    *n = 0;
    *ids = xr_alloc_array((size_t)cJSON_GetArraySize(list), sizeof **ids, err);
    if (!*ids)
        return -1;
    cJSON_ArrayForEach(item, list)
    {
        struct xr_coco_ids *id = &(*ids)[(*n)++];
        const char *name = xr_json_text(item, images ? "file_name" : "name", "");
        char *key = images ? xr_case_key(name, err) : NULL;
        int got = 1;

        id->id = xr_json_number(item, "id", -1);
        if (images)
            got =
                key ? xr_cases_number(&r->data->cases, &id->number, key, NULL, err) : -1;
        else if (class_of(r, &id->number, name, err))
            got = -1;
        if (got == 0)
            id->number = UINT32_MAX;
        free(key);
        if (got < 0)
            return xr_fail_in(err, "%s: %s %zu", r->name, images ? "image" : "category",
                              *n);
    }
    if (*n)
        qsort(*ids, *n, sizeof **ids, by_id);
    for (size_t i = 1; i < *n; i++)
        if ((*ids)[i].id == (*ids)[i - 1].id)
            return xr_fail(err, "%s: two %s with the id %.15g", r->name,
                           images ? "images" : "categories", (*ids)[i].id);
    return 0;
}

static int read_annotation(struct reading *r, const cJSON *item, struct xr_err *err)
{
    const struct xr_detect_data *d = r->data;
    const cJSON *box = cJSON_GetObjectItemCaseSensitive(item, "bbox"),
                *crowd = cJSON_GetObjectItemCaseSensitive(item, "iscrowd");
    struct said s = {0};

    if (find_id(&s.image, d->images, d->n_images, item, "image_id", err) ||
        find_id(&s.class, d->categories, d->n_categories, item, "category_id", err))
        return -1;
    if (s.image == UINT32_MAX) {
        r->data->n_left_out++;
        return 0;
    }
    if (cJSON_GetArraySize(box) != 4)
        return xr_fail(err, "no bbox of four numbers");
    for (int i = 0; i < 4; i++) {
        const cJSON *v = cJSON_GetArrayItem(box, i);

        s.box[i] = cJSON_IsNumber(v) ? v->valuedouble : NAN;
    }
    s.area = xr_json_number(item, "area", s.box[2] * s.box[3]);
    s.box[2] += s.box[0];
    s.box[3] += s.box[1];
    s.crowd = cJSON_IsTrue(crowd) || xr_json_number(item, "iscrowd", 0) != 0;
    s.score = xr_json_number(item, "score", NAN);
    if (!r->truth && isnan(s.score))
        return xr_fail(err, "no score");
    return put(r, &s, err);
}

static int read_list(struct reading *r, const cJSON *list, struct xr_err *err)
{
    const cJSON *item;
    size_t n = 0;

    cJSON_ArrayForEach(item, list)
    {
        n++;
        if (read_annotation(r, item, err))
            return xr_fail_in(err, "%s: annotation %zu", r->name, n);
    }
    return 0;
}

/* An object of COCO, or a list of results whose ids are those of the truth. */
static int read_coco(struct reading *r, const cJSON *json, struct xr_err *err)
{
    struct xr_detect_data *d = r->data;

    if (cJSON_IsArray(json))
        return d->images ? read_list(r, json, err)
                         : xr_fail(err,
                                   "%s: a list of results, whose ids mean nothing "
                                   "without a truth in COCO's JSON",
                                   r->name);
    if (!cJSON_IsArray(cJSON_GetObjectItemCaseSensitive(json, "annotations")))
        return xr_fail(err, "%s: not COCO: no list \"annotations\"", r->name);
    if (read_ids(r, &d->images, &d->n_images, json, true, err) ||
        read_ids(r, &d->categories, &d->n_categories, json, false, err))
        return -1;
    d->all_images = true;
    return read_list(r, cJSON_GetObjectItemCaseSensitive(json, "annotations"), err);
}

/* --- both ------------------------------------------------------------------------ */

static int read_one(struct xr_detect_data *d, const char *path, bool truth,
                    const char *one_class, struct xr_err *err)
{
    struct reading r = {d, xr_input_name(path), one_class, truth};
    struct xr_buf buf = {0};
    size_t first;
    cJSON *json;
    int status = -1;

    if (xr_read_file(&buf, path, MAX_FILE, d->digest[!truth], err))
        return -1;
    first = strspn(buf.data, " \t\r\n");
    if (buf.data[first] != '{' && buf.data[first] != '[')
        return read_table(&r, &buf, err);
    json = xr_json_parse(buf.data, buf.size, r.name, err);
    xr_buf_free(&buf);
    if (json)
        status = read_coco(&r, json, err);
    cJSON_Delete(json);
    return status;
}

/* Classes in the order of their names: the order of rows does not matter. */
struct named {
    const char *name;
    uint32_t number;
};

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct named *)a)->name, ((const struct named *)b)->name);
}

static int sort_classes(struct xr_detect_data *d, struct xr_err *err)
{
    struct named *named = xr_alloc_array(d->classes.n, sizeof *named, err);
    uint32_t *again = xr_alloc_array(d->classes.n, sizeof *again, err);
    char **sorted = xr_alloc_array(d->classes.n, sizeof *sorted, err);
    int status = named && again && sorted ? 0 : -1;

    for (size_t i = 0; i < d->classes.n && !status; i++)
        named[i] = (struct named){d->classes.text[i], (uint32_t)i};
    if (!status && d->classes.n)
        qsort(named, d->classes.n, sizeof *named, by_name);
    for (size_t i = 0; i < d->classes.n && !status; i++) {
        sorted[i] = d->classes.text[named[i].number];
        again[named[i].number] = (uint32_t)i;
    }
    if (!status && d->classes.n)
        memcpy(d->classes.text, sorted, d->classes.n * sizeof *sorted);
    for (size_t i = 0; i < d->n_truth && !status; i++)
        d->truth[i].class = again[d->truth[i].class];
    for (size_t i = 0; i < d->n_found && !status; i++)
        d->found[i].class = again[d->found[i].class];
    free(named);
    free(again);
    free(sorted);
    return status;
}

int xr_detect_read(struct xr_detect_data *d, const char *truth, const char *prediction,
                   const char *one_class, struct xr_err *err)
{
    if (read_one(d, truth, true, one_class, err) ||
        read_one(d, prediction, false, one_class, err))
        return -1;
    d->all_images = d->all_images || d->cases.closed;
    if (!d->cases.keys.n || !d->classes.n)
        return xr_fail(err, "%s: %s", truth,
                       d->cases.keys.n ? "no box in it or in the predictions"
                                       : "no image in it or in the predictions");
    return sort_classes(d, err);
}

void xr_detect_data_free(struct xr_detect_data *d)
{
    xr_cases_free(&d->cases);
    xr_texts_free(&d->classes);
    free(d->truth);
    free(d->found);
    free(d->images);
    free(d->categories);
    memset(d, 0, sizeof *d);
}

/* --- suppression ----------------------------------------------------------------- */

static int by_image(const void *a, const void *b)
{
    const struct xr_found_box *x = a, *y = b;

    return (x->image > y->image) - (x->image < y->image);
}

int xr_detect_suppress(struct xr_detect_data *d, double threshold, struct xr_err *err)
{
    double(*box)[4] = xr_alloc_array(d->n_found, sizeof *box, err);
    double *score = xr_alloc_array(d->n_found, sizeof *score, err);
    uint32_t *class = xr_alloc_array(d->n_found, sizeof *class, err);
    size_t *keep = xr_alloc_array(d->n_found, sizeof *keep, err), n_kept = 0;
    struct xr_found_box *kept = xr_alloc_array(d->n_found, sizeof *kept, err);
    int status = box && score && class && keep && kept ? 0 : -1;

    if (!status && d->n_found)
        qsort(d->found, d->n_found, sizeof *d->found, by_image);
    for (size_t from = 0, n; from < d->n_found && !status; from += n) {
        const struct xr_found_box *f = d->found + from;
        size_t left;

        for (n = 0; from + n < d->n_found && f[n].image == f->image; n++) {
            memcpy(box[n], f[n].box, sizeof box[n]);
            score[n] = f[n].score;
            class[n] = f[n].class;
        }
        status =
            xr_nms(keep, &left, (const double(*)[4])box, score, class, n, threshold, err);
        for (size_t i = 0; i < left && !status; i++)
            kept[n_kept++] = f[keep[i]];
    }
    if (!status) {
        free(d->found);
        d->found = kept;
        d->n_found = d->room_found = n_kept;
        kept = NULL;
    }
    free(box);
    free(score);
    free(class);
    free(keep);
    free(kept);
    return status;
}
