/* Digests of a split by part, written and compared. */
#include "certificate.h"

#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "split.h"

#define VERSION 1

struct rows {
    const struct xr_table *table;
    int key, label, class, group, split, fold; /* columns, -1: none */
    int *columns;                              /* [n_columns] that say the part */
    size_t n_columns;
    uint32_t *order; /* [n] rows by part, then by key */
    size_t n;
};

static const char *at(const struct rows *r, size_t row, int col)
{
    return col >= 0 ? xr_cell(r->table, row, (size_t)col) : "";
}

/* "train", or the number of a fold; a row with split=test beside a fold column is held
 * out. */
static const char *part_of(const struct rows *r, size_t row)
{
    const char *split = at(r, row, r->split), *fold = at(r, row, r->fold);

    return *fold && strcmp(split, "test") ? fold : split;
}

static int cmp_rows(const void *a, const void *b, void *arg)
{
    const struct rows *r = arg;
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    int d = strcmp(part_of(r, x), part_of(r, y));

    return d ? d : strcmp(at(r, x, r->key), at(r, y, r->key));
}

static int cmp_keys(const void *a, const void *b, void *arg)
{
    const struct rows *r = arg;

    return strcmp(at(r, *(const uint32_t *)a, r->key),
                  at(r, *(const uint32_t *)b, r->key));
}

static int cmp_groups(const void *a, const void *b, void *arg)
{
    const struct rows *r = arg;

    return strcmp(at(r, *(const uint32_t *)a, r->group),
                  at(r, *(const uint32_t *)b, r->group));
}

static void close_rows(struct rows *r)
{
    free(r->columns);
    free(r->order);
}

static int open_rows(struct rows *r, const struct xr_table *table, struct xr_err *err)
{
    *r = (struct rows){.table = table, .n = table->n_rows};
    if (xr_table_need(&r->key, table, "key", err))
        return -1;
    r->label = xr_table_col(table, "label");
    r->class = xr_table_col(table, "class");
    r->group = xr_table_col(table, "group");
    r->split = xr_table_col(table, "split");
    r->fold = xr_table_col(table, "fold");
    if (r->split < 0 && r->fold < 0)
        return xr_fail(err, "%s:1: no column 'split' or 'fold'", table->name);
    r->columns = xr_alloc_array(table->n_cols, sizeof *r->columns, err);
    r->order = xr_alloc_array(r->n, sizeof *r->order, err);
    if (!r->columns || !r->order)
        return -1;
    for (size_t c = 0; c < table->n_cols; c++) {
        const char *name = table->names[c];

        if (!strcmp(name, "split") || !strcmp(name, "fold") || !strcmp(name, "subset") ||
            xr_split_is_inner(name))
            r->columns[r->n_columns++] = (int)c;
    }
    for (size_t i = 0; i < r->n; i++)
        r->order[i] = (uint32_t)i;
    qsort_r(r->order, r->n, sizeof *r->order, cmp_rows, r);
    return 0;
}

/* --- digests --------------------------------------------------------------------- */

static int digest_of(char text[XR_SHA256_TEXT], const struct rows *r,
                     const uint32_t *order, size_t n, const int *columns,
                     size_t n_columns, struct xr_err *err)
{
    struct xr_sha256 *sha = xr_sha256_new(err);
    struct xr_buf buf = {0};
    int bad = !sha;

    for (size_t i = 0; i < n && !bad; i++) {
        buf.size = 0;
        bad = xr_csv_put(&buf, true, at(r, order[i], r->key), err);
        for (size_t c = 0; c < n_columns && !bad; c++)
            bad = xr_csv_put(&buf, false, at(r, order[i], columns[c]), err);
        bad = bad || xr_buf_text(&buf, "\n", err);
        if (!bad)
            xr_sha256_add(sha, buf.data, buf.size);
    }
    if (!bad)
        xr_sha256_text(sha, text);
    xr_sha256_free(sha);
    xr_buf_free(&buf);
    return bad ? -1 : 0;
}

static int add_digest(cJSON *to, const char *name, const struct rows *r,
                      const uint32_t *order, size_t n, const int *columns,
                      size_t n_columns, struct xr_err *err)
{
    char text[XR_SHA256_TEXT];

    if (n_columns && columns[0] < 0)
        return 0;
    if (digest_of(text, r, order, n, columns, n_columns, err))
        return -1;
    return cJSON_AddStringToObject(to, name, text) ? 0 : xr_fail(err, "out of memory");
}

/* Of rows in the order of their keys. */
static int add_digests(cJSON *object, const struct rows *r, const uint32_t *order,
                       size_t n, bool parts, struct xr_err *err)
{
    cJSON *to = cJSON_AddObjectToObject(object, "digests");

    if (!to)
        return xr_fail(err, "out of memory");
    if (add_digest(to, "keys", r, order, n, NULL, 0, err) ||
        add_digest(to, "labels", r, order, n, &r->label, 1, err) ||
        add_digest(to, "groups", r, order, n, &r->group, 1, err))
        return -1;
    return parts ? add_digest(to, "parts", r, order, n, r->columns, r->n_columns, err)
                 : 0;
}

/* --- counts ---------------------------------------------------------------------- */

static int add_counts(cJSON *object, const struct rows *r, const uint32_t *order,
                      size_t n, const struct cJSON *classes, struct xr_err *err)
{
    cJSON *counts;
    const cJSON *name;

    cJSON_AddNumberToObject(object, "rows", (double)n);
    if (r->group >= 0) {
        uint32_t *by = xr_alloc_array(n, sizeof *by, err);
        size_t n_groups = n > 0;

        if (!by)
            return -1;
        memcpy(by, order, n * sizeof *by);
        qsort_r(by, n, sizeof *by, cmp_groups, (void *)r);
        for (size_t i = 1; i < n; i++)
            n_groups += cmp_groups(&by[i - 1], &by[i], (void *)r) != 0;
        free(by);
        cJSON_AddNumberToObject(object, "groups", (double)n_groups);
    }
    counts = classes ? cJSON_AddObjectToObject(object, "classes") : NULL;
    cJSON_ArrayForEach(name, classes)
    {
        size_t count = 0;

        for (size_t i = 0; i < n; i++)
            count += !strcmp(at(r, order[i], r->label), name->valuestring);
        cJSON_AddNumberToObject(counts, name->valuestring, (double)count);
    }
    return 0;
}

struct named {
    const char *label;
    long index;
};

static int cmp_named(const void *a, const void *b)
{
    const struct named *x = a, *y = b;

    if (x->index != y->index)
        return x->index < y->index ? -1 : 1;
    return strcmp(x->label, y->label);
}

/* Labels in class order, or sorted. */
static cJSON *classes_of(const struct rows *r, struct xr_err *err)
{
    struct named *named = xr_alloc_array(r->n, sizeof *named, err);
    cJSON *classes = named ? cJSON_CreateArray() : NULL;
    const char *last = NULL;

    for (size_t i = 0; i < r->n && classes; i++)
        named[i] = (struct named){at(r, i, r->label), strtol(at(r, i, r->class), 0, 10)};
    if (classes)
        qsort(named, r->n, sizeof *named, cmp_named);
    for (size_t i = 0; i < r->n && classes; i++) {
        if (*named[i].label && (!last || strcmp(named[i].label, last)))
            cJSON_AddItemToArray(classes, cJSON_CreateString(last = named[i].label));
    }
    free(named);
    return classes;
}

/* One object for each part in which there are rows. */
static int add_parts(cJSON *parts, const struct rows *r, const cJSON *classes,
                     struct xr_err *err)
{
    for (size_t i = 0, next; i < r->n; i = next) {
        const char *name = part_of(r, r->order[i]);
        cJSON *part = cJSON_CreateObject();

        next = i;
        while (next < r->n && !strcmp(part_of(r, r->order[next]), name))
            next++;
        if (!part || !cJSON_AddItemToArray(parts, part))
            return xr_fail(err, "out of memory");
        cJSON_AddStringToObject(part, "part", name);
        if (add_counts(part, r, r->order + i, next - i, classes, err) ||
            add_digests(part, r, r->order + i, next - i, false, err))
            return -1;
    }
    return 0;
}

static int fill(cJSON *json, struct rows *r, struct xr_err *err)
{
    cJSON *classes = NULL, *columns, *parts;

    if (r->label >= 0) {
        classes = classes_of(r, err);
        if (!classes || !cJSON_AddItemToObject(json, "classes", classes))
            return -1;
    }
    columns = cJSON_AddArrayToObject(json, "columns");
    for (size_t c = 0; c < r->n_columns; c++)
        cJSON_AddItemToArray(columns, cJSON_CreateString(r->table->names[r->columns[c]]));
    parts = cJSON_CreateArray();
    if (!parts || add_parts(parts, r, classes, err)) {
        cJSON_Delete(parts);
        return -1;
    }
    qsort_r(r->order, r->n, sizeof *r->order, cmp_keys, r);
    if (add_counts(json, r, r->order, r->n, NULL, err) ||
        add_digests(json, r, r->order, r->n, true, err)) {
        cJSON_Delete(parts);
        return -1;
    }
    cJSON_AddItemToObject(json, "parts", parts);
    return 0;
}

cJSON *xr_certificate_make(const struct xr_table *table, cJSON *rule, struct xr_err *err)
{
    cJSON *json = cJSON_CreateObject();
    struct rows r = {0};
    int bad = !json || open_rows(&r, table, err);

    if (json) {
        cJSON_AddNumberToObject(json, "xr_certificate", VERSION);
        if (rule)
            cJSON_AddItemToObject(json, "rule", rule);
        cJSON_AddBoolToObject(json, "grouped", xr_table_col(table, "group") >= 0);
    }
    bad = bad || fill(json, &r, err);
    close_rows(&r);
    if (bad) {
        cJSON_Delete(json);
        return NULL;
    }
    return json;
}

/* --- verifying ------------------------------------------------------------------- */

int xr_certificate_read(struct xr_certificate *certificate, const char *path,
                        struct xr_err *err)
{
    certificate->name = xr_input_name(path);
    certificate->json = xr_json_read(path, certificate->digest, err);
    if (!certificate->json)
        return -1;
    if (xr_json_number(certificate->json, "xr_certificate", 0) != VERSION ||
        !cJSON_IsArray(cJSON_GetObjectItemCaseSensitive(certificate->json, "parts")))
        return xr_fail(err, "%s: not a certificate of xr-split, or of a later version",
                       certificate->name);
    return 0;
}

void xr_certificate_free(struct xr_certificate *certificate)
{
    cJSON_Delete(certificate->json);
    certificate->json = NULL;
}

bool xr_certificate_grouped(const struct xr_certificate *certificate)
{
    return cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(certificate->json, "grouped"));
}

/* want of the certificate, got of the table; `where` names the part. */
static int compare(const cJSON *want, const cJSON *got, const char *name,
                   const char *where, const char *certificate, struct xr_err *err)
{
    static const char *const kinds[] = {"keys", "parts", "groups", "labels"};
    double rows = xr_json_number(want, "rows", -1), has = xr_json_number(got, "rows", -1);

    if (rows != has)
        return xr_fail(err, "%s: %s%.0f rows where %s has %.0f", name, where, has,
                       certificate, rows);
    want = cJSON_GetObjectItemCaseSensitive(want, "digests");
    got = cJSON_GetObjectItemCaseSensitive(got, "digests");
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        const char *a = xr_json_text(want, kinds[i], NULL);
        const char *b = xr_json_text(got, kinds[i], NULL);

        if (a && b && strcmp(a, b))
            return xr_fail(err, "%s: %s%s are not those of %s", name, where, kinds[i],
                           certificate);
    }
    return 0;
}

static const cJSON *find_part(const struct xr_certificate *certificate, const char *name)
{
    const cJSON *parts = cJSON_GetObjectItemCaseSensitive(certificate->json, "parts");
    const cJSON *part;

    cJSON_ArrayForEach(part, parts)
    {
        if (!strcmp(xr_json_text(part, "part", ""), name))
            return part;
    }
    return NULL;
}

int xr_certificate_verify(const struct xr_certificate *certificate,
                          const struct xr_table *table, bool whole, struct xr_err *err)
{
    cJSON *made = xr_certificate_make(table, NULL, err);
    const cJSON *part;
    int status = made ? 0 : -1;

    if (whole && !status)
        status =
            compare(certificate->json, made, table->name, "", certificate->name, err);
    cJSON_ArrayForEach(part, cJSON_GetObjectItemCaseSensitive(made, "parts"))
    {
        const char *name = xr_json_text(part, "part", "");
        const cJSON *want = find_part(certificate, name);
        char where[64];

        if (status)
            break;
        snprintf(where, sizeof where, "part '%.40s': ", name);
        status = want ? compare(want, part, table->name, where, certificate->name, err)
                      : xr_fail(err, "%s: %s has no part '%s'", table->name,
                                certificate->name, name);
    }
    cJSON_Delete(made);
    return status;
}

/* Is this digest one of the inputs of a tool? */
static bool seen(const char *digest, const cJSON *history)
{
    const cJSON *entry, *input;

    cJSON_ArrayForEach(entry, history)
    {
        cJSON_ArrayForEach(input, cJSON_GetObjectItemCaseSensitive(entry, "inputs"))
        {
            if (cJSON_IsString(input) && !strcmp(input->valuestring, digest))
                return true;
        }
    }
    return false;
}

int xr_certificate_stream(const char *path, const char *stream, const cJSON *history,
                          const char *split, const char *want, cJSON *inputs,
                          struct xr_err *err)
{
    struct xr_certificate c = {0};
    int status = xr_certificate_read(&c, path, err);

    if (!status && !seen(c.digest, history))
        status = xr_fail(err,
                         "%s: not verified against '%s': make it with xr-augment "
                         "--certificate",
                         stream, path);
    if (!status && want && strcmp(split, want))
        status = xr_fail(err, "%s: its split is '%s', not '%s'", stream, split, want);
    if (!status && inputs &&
        !cJSON_GetObjectItemCaseSensitive(inputs, xr_last_part(path)))
        cJSON_AddStringToObject(inputs, xr_last_part(path), c.digest);
    xr_certificate_free(&c);
    return status;
}
