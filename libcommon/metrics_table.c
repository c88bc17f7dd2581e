/* The JSON of xr-metrics as tables. */
#include "metrics_table.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cases.h"
#include "metrics_grid.h"

#define MOST_LISTED 12 /* numbers of a list that still stand in a line */

/* --- what an item is ------------------------------------------------------------- */

static const cJSON *member(const cJSON *object, const char *name)
{
    return cJSON_GetObjectItemCaseSensitive(object, name);
}

static bool is_figure(const cJSON *item)
{
    const cJSON *value = member(item, "value");

    return cJSON_IsObject(item) && member(item, "method") &&
           (cJSON_IsNumber(value) || cJSON_IsNull(value));
}

static bool is_plain(const cJSON *item)
{
    return !cJSON_IsObject(item) && !cJSON_IsArray(item);
}

/* Is every element of a list or member of an object, of which there is one, such? */
static bool all_are(const cJSON *list, bool (*is)(const cJSON *))
{
    const cJSON *item;

    cJSON_ArrayForEach(item, list)
    {
        if (!is(item))
            return false;
    }
    return list->child != NULL;
}

static bool is_record(const cJSON *item)
{
    return cJSON_IsObject(item) && !is_figure(item) && !all_are(item, is_figure);
}

static bool is_object(const cJSON *item)
{
    return cJSON_IsObject(item);
}

static bool is_list(const cJSON *item)
{
    return cJSON_IsArray(item) && all_are(item, is_plain);
}

/* --- what it says ---------------------------------------------------------------- */

static void round_number(char *text, size_t size, double v)
{
    if (v == floor(v) && fabs(v) < 1e15)
        snprintf(text, size, "%.0f", v);
    else if (fabs(v) < 1e6 && fabs(v) >= 0.0005)
        snprintf(text, size, "%.3f", v);
    else
        snprintf(text, size, "%.3g", v);
}

/* A figure keeps its decimals: 1.000, not 1. */
static void round_figure(char *text, size_t size, const cJSON *v)
{
    if (!cJSON_IsNumber(v))
        snprintf(text, size, "-");
    else if (fabs(v->valuedouble) < 1e6)
        snprintf(text, size, "%.3f", v->valuedouble);
    else
        snprintf(text, size, "%.6g", v->valuedouble);
}

static void say_figure(char *text, size_t size, const cJSON *f,
                       enum xr_metrics_format format)
{
    char value[40], low[40], high[40];

    round_figure(value, sizeof value, member(f, "value"));
    round_figure(low, sizeof low, member(f, "low"));
    round_figure(high, sizeof high, member(f, "high"));
    if (!strcmp(low, "-") || !strcmp(high, "-"))
        snprintf(text, size, "%s", value);
    else
        snprintf(text, size,
                 format == XR_METRICS_TEXT    ? "%s [%s, %s]"
                 : format == XR_METRICS_LATEX ? "%s (%s--%s)"
                                              : "%s (%s to %s)",
                 value, low, high);
}

static int say(struct xr_buf *buf, const cJSON *item, enum xr_metrics_format format,
               struct xr_err *err)
{
    const cJSON *each;
    char text[160] = "-";

    if (cJSON_IsString(item) && !strncmp(item->valuestring, "sha256:", 7))
        return xr_buf_printf(buf, err, "%.15s", item->valuestring);
    if (cJSON_IsString(item))
        return xr_buf_text(buf, item->valuestring, err);
    if (cJSON_IsArray(item)) {
        cJSON_ArrayForEach(each, item)
        {
            if ((each != item->child && xr_buf_text(buf, ", ", err)) ||
                say(buf, each, format, err))
                return -1;
        }
        return 0;
    }
    if (cJSON_IsBool(item))
        snprintf(text, sizeof text, "%s", cJSON_IsTrue(item) ? "yes" : "no");
    else if (cJSON_IsNumber(item))
        round_number(text, sizeof text, item->valuedouble);
    else if (is_figure(item))
        say_figure(text, sizeof text, item, format);
    return xr_buf_text(buf, text, err);
}

static int put(struct xr_grid *g, size_t row, size_t col, const cJSON *item,
               enum xr_metrics_format format, struct xr_err *err)
{
    struct xr_buf buf = {0};
    int status = say(&buf, item, format, err) ||
                 xr_grid_put(g, row, col, buf.data ? buf.data : "", err);

    xr_buf_free(&buf);
    return status ? -1 : 0;
}

/* --- what is collected ----------------------------------------------------------- */

/* Names with what stands there, in order. */
struct found {
    char **names;
    const cJSON **items;
    size_t n, room;
};

struct page {
    struct xr_buf *buf;
    enum xr_metrics_format format;
    const cJSON *json;
    struct found facts, figures, by_file;
    struct xr_buf tables, notes;
    struct xr_err *err;
};

static void found_free(struct found *f)
{
    for (size_t i = 0; i < f->n; i++)
        free(f->names[i]);
    free(f->names);
    free(f->items);
}

/* Takes the name over. */
static int add(struct found *f, char *name, const cJSON *item, struct xr_err *err)
{
    if (name && f->n == f->room) {
        size_t room = 2 * f->room + 32;
        char **names = realloc(f->names, room * sizeof *names);
        const cJSON **items = realloc(f->items, room * sizeof *items);

        f->names = names ? names : f->names;
        f->items = items ? items : f->items;
        if (!names || !items) {
            free(name);
            return xr_fail(err, "out of memory");
        }
        f->room = room;
    }
    if (!name)
        return -1;
    f->names[f->n] = name;
    f->items[f->n++] = item;
    return 0;
}

static char *path_of(const char *path, const char *name, struct xr_err *err)
{
    return *path ? xr_sprintf(err, "%s.%s", path, name) : xr_strdup(name, err);
}

static int note(struct page *p, const char *path, const cJSON *figure)
{
    static const char *const names[] = {"reason", "note"};

    for (int i = 0; i < 2; i++) {
        const cJSON *text = member(figure, names[i]);

        if (!cJSON_IsString(text))
            continue;
        if (p->format == XR_METRICS_MARKDOWN && xr_buf_text(&p->notes, "- ", p->err))
            return -1;
        if (xr_grid_escape(&p->notes, path, p->format, p->err) ||
            xr_buf_text(&p->notes, ": ", p->err) ||
            xr_grid_escape(&p->notes, text->valuestring, p->format, p->err) ||
            xr_buf_text(&p->notes, p->format == XR_METRICS_LATEX ? "\\par\n" : "\n",
                        p->err))
            return -1;
    }
    return 0;
}

/* The plain values, short lists and figures in an object, by their names; what is deeper
 * has the names on its way before it. */
static int flatten(struct page *p, struct found *f, const cJSON *object, const char *path,
                   const char *whole)
{
    const cJSON *item;
    int status = 0;

    cJSON_ArrayForEach(item, object)
    {
        char *name = path_of(path, item->string ? item->string : "", p->err),
             *said = path_of(whole, item->string ? item->string : "", p->err);

        if (!name || !said)
            status = -1;
        else if (is_figure(item))
            status = note(p, said, item) || add(f, name, item, p->err);
        else if (is_plain(item) ||
                 (is_list(item) && cJSON_GetArraySize(item) <= MOST_LISTED))
            status = add(f, name, item, p->err);
        else {
            status = cJSON_IsObject(item) ? flatten(p, f, item, name, said) : 0;
            free(name);
        }
        free(said);
        if (status)
            return -1;
    }
    return 0;
}

/* --- tables ---------------------------------------------------------------------- */

/* Rows of records, a column for each name that one of them has. key: the name of the
 * first column, which has their names; NULL: they have none. */
static int write_records(struct page *p, const cJSON *list, const char *title,
                         const char *key)
{
    size_t n = (size_t)cJSON_GetArraySize(list), row = 0, first = key ? 1 : 0;
    struct found *of = xr_alloc_array(n, sizeof *of, p->err);
    struct xr_texts columns = {0};
    struct xr_grid g = {0};
    const cJSON *item;
    uint32_t col;
    int status = of ? 0 : -1;

    cJSON_ArrayForEach(item, list)
    {
        char number[32];

        snprintf(number, sizeof number, "%zu", row + 1);
        if (!status) {
            char *said = path_of(title, key ? item->string : number, p->err);

            status = !said || flatten(p, &of[row], item, "", said);
            free(said);
        }
        for (size_t i = 0; !status && i < of[row].n; i++)
            status = xr_texts_put(&columns, &col, of[row].names[i], p->err) < 0;
        row++;
    }
    if (!status)
        status = xr_grid_make(&g, title, n + 1, columns.n + first, p->err);
    for (size_t i = 0; !status && i < columns.n; i++)
        status = xr_grid_put(&g, 0, i + first, columns.text[i], p->err);
    if (!status && key) {
        status = xr_grid_put(&g, 0, 0, key, p->err);
        g.text[0] = true;
    }
    row = 0;
    cJSON_ArrayForEach(item, list)
    {
        if (!status && key)
            status = xr_grid_put(&g, row + 1, 0, item->string, p->err);
        for (size_t i = 0; !status && i < of[row].n; i++) {
            status = xr_texts_put(&columns, &col, of[row].names[i], p->err) < 0 ||
                     put(&g, row + 1, col + first, of[row].items[i], p->format, p->err);
            if (!status && cJSON_IsString(of[row].items[i]))
                g.text[col + first] = true;
        }
        row++;
    }
    while (!status && g.n_keys < g.n_cols && g.text[g.n_keys])
        g.n_keys++;
    if (!status && g.n_cols)
        status = xr_grid_write(&p->tables, &g, p->format, p->err);
    for (size_t i = 0; of && i < n; i++)
        found_free(&of[i]);
    free(of);
    xr_texts_free(&columns);
    xr_grid_free(&g);
    return status ? -1 : 0;
}

/* A matrix; its rows and columns are classes, where there are as many. */
static int write_matrix(struct page *p, const cJSON *rows, const char *title)
{
    const cJSON *classes = member(p->json, "classes"), *row, *item;
    size_t n = (size_t)cJSON_GetArraySize(rows), most = 0, r = 0;
    struct xr_grid g = {0};
    bool named = (size_t)cJSON_GetArraySize(classes) == n;
    int status;

    cJSON_ArrayForEach(row, rows)
    {
        size_t own = (size_t)cJSON_GetArraySize(row);

        most = own > most ? own : most;
    }
    status = xr_grid_make(&g, title, n + 1, most + 1, p->err) ||
             xr_grid_put(&g, 0, 0, named ? "truth \\ predicted" : "", p->err);
    for (size_t c = 0; !status && named && c < most; c++)
        status =
            put(&g, 0, c + 1, cJSON_GetArrayItem(classes, (int)c), p->format, p->err);
    if (!status) {
        g.text[0] = true;
        g.n_keys = 1;
    }
    cJSON_ArrayForEach(row, rows)
    {
        size_t c = 1;

        if (!status && named)
            status =
                put(&g, r + 1, 0, cJSON_GetArrayItem(classes, (int)r), p->format, p->err);
        cJSON_ArrayForEach(item, row)
        {
            if (!status)
                status = put(&g, r + 1, c++, item, p->format, p->err);
        }
        r++;
    }
    if (!status)
        status = xr_grid_write(&p->tables, &g, p->format, p->err);
    xr_grid_free(&g);
    return status ? -1 : 0;
}

/* Two columns: names and what stands there. */
static int write_found(struct page *p, const struct found *f, const char *title,
                       const char *name, const char *value)
{
    struct xr_grid g = {0};
    int status;

    if (!f->n)
        return 0;
    status = xr_grid_make(&g, title, f->n + 1, 2, p->err) ||
             xr_grid_put(&g, 0, 0, name, p->err) || xr_grid_put(&g, 0, 1, value, p->err);
    if (!status)
        g.text[0] = g.text[1] = true;
    for (size_t i = 0; !status && i < f->n; i++)
        status = xr_grid_put(&g, i + 1, 0, f->names[i], p->err) ||
                 put(&g, i + 1, 1, f->items[i], p->format, p->err);
    if (!status)
        status = xr_grid_write(p->buf, &g, p->format, p->err);
    xr_grid_free(&g);
    return status ? -1 : 0;
}

/* Figures that come once a file, with the names of the files as columns. */
static int write_by_file(struct page *p)
{
    const struct found *f = &p->by_file;
    const cJSON *files = member(p->json, "files"), *item;
    size_t most = 0;
    struct xr_grid g = {0};
    char number[32];
    int status;

    if (!f->n)
        return 0;
    for (size_t i = 0; i < f->n; i++) {
        size_t own = (size_t)cJSON_GetArraySize(f->items[i]);

        most = own > most ? own : most;
    }
    status = xr_grid_make(&g, "figures by file", f->n + 1, most + 1, p->err) ||
             xr_grid_put(&g, 0, 0, "figure", p->err);
    for (size_t c = 0; !status && c < most; c++) {
        const cJSON *file = cJSON_GetArrayItem(files, (int)c);

        snprintf(number, sizeof number, "%zu", c + 1);
        status = xr_grid_put(&g, 0, c + 1,
                             cJSON_IsString(file) ? file->valuestring : number, p->err);
    }
    for (size_t i = 0; !status && i < f->n; i++) {
        size_t c = 1;

        status = xr_grid_put(&g, i + 1, 0, f->names[i], p->err);
        cJSON_ArrayForEach(item, f->items[i])
        {
            if (!status)
                status = note(p, f->names[i], item) ||
                         put(&g, i + 1, c++, item, p->format, p->err);
        }
    }
    if (!status) {
        g.text[0] = true;
        g.n_keys = 1;
        status = xr_grid_write(p->buf, &g, p->format, p->err);
    }
    xr_grid_free(&g);
    return status ? -1 : 0;
}

/* --- walking --------------------------------------------------------------------- */

static int walk(struct page *p, const cJSON *object, const char *path);

static int walk_member(struct page *p, const cJSON *item, const char *path)
{
    if (is_figure(item))
        return note(p, path, item) ||
                       add(&p->figures, xr_strdup(path, p->err), item, p->err)
                   ? -1
                   : 0;
    if (is_plain(item) || (is_list(item) && cJSON_GetArraySize(item) <= MOST_LISTED))
        return add(&p->facts, xr_strdup(path, p->err), item, p->err);
    if (cJSON_IsArray(item)) {
        if (all_are(item, is_figure))
            return add(&p->by_file, xr_strdup(path, p->err), item, p->err);
        if (all_are(item, is_list))
            return write_matrix(p, item, path);
        return all_are(item, is_object) ? write_records(p, item, path, NULL) : 0;
    }
    return all_are(item, is_record) ? write_records(p, item, path, "name")
                                    : walk(p, item, path);
}

static int walk(struct page *p, const cJSON *object, const char *path)
{
    const cJSON *item;

    cJSON_ArrayForEach(item, object)
    {
        char *name;
        int status;

        if (!*path && !strcmp(item->string, "history"))
            continue;
        name = path_of(path, item->string, p->err);
        status = name ? walk_member(p, item, name) : -1;
        free(name);
        if (status)
            return -1;
    }
    return 0;
}

static int write_page(struct page *p)
{
    const char *head = p->format == XR_METRICS_MARKDOWN ? "### notes\n\n"
                       : p->format == XR_METRICS_TEXT
                           ? "notes\n"
                           : "{\\footnotesize\\raggedright\nNotes.\\par\n";

    if (walk(p, p->json, ""))
        return -1;
    if (p->format == XR_METRICS_LATEX &&
        xr_buf_text(p->buf, "% \\usepackage{booktabs,longtable}\n", p->err))
        return -1;
    if (write_found(p, &p->facts, "what was measured", "name", "value") ||
        write_found(p, &p->figures, "figures", "figure", "value with interval") ||
        write_by_file(p) || xr_buf_put(p->buf, p->tables.data, p->tables.size, p->err))
        return -1;
    if (!p->notes.size)
        return 0;
    return xr_buf_text(p->buf, head, p->err) ||
                   xr_buf_put(p->buf, p->notes.data, p->notes.size, p->err) ||
                   (p->format == XR_METRICS_LATEX && xr_buf_text(p->buf, "}\n", p->err))
               ? -1
               : 0;
}

/* --- CSV ------------------------------------------------------------------------- */

static int csv_value(struct xr_buf *buf, const cJSON *item, struct xr_err *err)
{
    char *text;
    int status;

    if (!item || cJSON_IsNull(item))
        return xr_csv_put(buf, false, "", err);
    if (cJSON_IsString(item))
        return xr_csv_put(buf, false, item->valuestring, err);
    text = cJSON_PrintUnformatted(item);
    status = text ? xr_csv_put(buf, false, text, err) : xr_fail(err, "out of memory");
    free(text);
    return status;
}

static int csv_leaf(struct xr_buf *buf, const char *path, const cJSON *item,
                    struct xr_err *err)
{
    static const char *const names[] = {"value", "low", "high", "method"};
    bool figure = is_figure(item);
    const cJSON *text = member(item, "reason");

    if (xr_csv_put(buf, true, path, err))
        return -1;
    for (int i = 0; i < 4; i++)
        if (csv_value(buf, figure ? member(item, names[i]) : i ? NULL : item, err))
            return -1;
    if (csv_value(buf, figure ? (text ? text : member(item, "note")) : NULL, err))
        return -1;
    return xr_buf_text(buf, "\n", err);
}

static int csv_walk(struct xr_buf *buf, const char *path, const cJSON *item,
                    struct xr_err *err)
{
    const cJSON *each;
    size_t n = 0;

    if (is_figure(item) || is_plain(item))
        return csv_leaf(buf, path, item, err);
    cJSON_ArrayForEach(each, item)
    {
        char number[32], *name;
        int status;

        if (!*path && each->string && !strcmp(each->string, "history"))
            continue;
        snprintf(number, sizeof number, "%zu", ++n);
        name = path_of(path, each->string ? each->string : number, err);
        status = name ? csv_walk(buf, name, each, err) : -1;
        free(name);
        if (status)
            return -1;
    }
    return 0;
}

int xr_metrics_table(struct xr_buf *buf, const cJSON *json, enum xr_metrics_format format,
                     struct xr_err *err)
{
    struct page page = {.buf = buf, .format = format, .json = json, .err = err};
    int status;

    if (format == XR_METRICS_CSV)
        return xr_buf_text(buf, "figure,value,low,high,method,note\n", err) ||
                       csv_walk(buf, "", json, err)
                   ? -1
                   : 0;
    status = write_page(&page);
    found_free(&page.facts);
    found_free(&page.figures);
    found_free(&page.by_file);
    xr_buf_free(&page.tables);
    xr_buf_free(&page.notes);
    return status ? -1 : 0;
}
