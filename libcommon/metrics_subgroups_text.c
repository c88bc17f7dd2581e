/* Subgroups and gaps for people. */
#include "metrics_subgroups.h"

#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "metrics_parts.h"

#define PER_BLOCK 3

/* The figures that text shows; JSON has all. */
static const char *const whole[] = {"accuracy", "balanced_accuracy", "roc_auc_ovr_macro",
                                    "macro_avg.f1", "ece"};
static const char *const own[] = {"recall", "specificity", "precision", "roc_auc"};

static const cJSON *get(const cJSON *object, const char *key)
{
    return cJSON_GetObjectItemCaseSensitive(object, key);
}

/* Path of the i-th figure shown; free with free(). NULL with *last: there are no more. */
static char *path_of(const cJSON *json, size_t i, bool *last, struct xr_err *err)
{
    size_t n_whole = sizeof whole / sizeof *whole, n_own = sizeof own / sizeof *own;
    const cJSON *classes = get(json, "classes");

    *last = i >= n_whole + n_own * (size_t)cJSON_GetArraySize(classes);
    if (*last)
        return NULL;
    if (i < n_whole)
        return xr_strdup(whole[i], err);
    i -= n_whole;
    return xr_sprintf(err, "per_class.%s.%s",
                      cJSON_GetArrayItem(classes, (int)(i / n_own))->valuestring,
                      own[i % n_own]);
}

/* The level after `at` (NULL: the first) of the column. */
static const cJSON *next_level(const cJSON *json, const cJSON *at, const char *column)
{
    const cJSON *groups = get(json, "subgroups");

    for (at = at ? at->next : groups->child; at; at = at->next)
        if (!strcmp(xr_json_text(at, "column", ""), column))
            return at;
    return NULL;
}

static int shown_name(struct xr_buf *buf, const char *value, int width,
                      struct xr_err *err)
{
    return xr_text_pad(buf, *value ? value : "(empty)", width, false, err);
}

/* A row of a block: a figure of up to three levels. */
static int put_row(struct xr_buf *buf, const cJSON *const *levels, size_t n,
                   const char *path, int first, struct xr_err *err)
{
    if (xr_text_pad(buf, path, first, false, err))
        return -1;
    for (size_t l = 0; l < n; l++) {
        size_t from;

        if (xr_buf_text(buf, "  ", err))
            return -1;
        from = buf->size;
        if (xr_text_figure(buf, get(get(levels[l], "figures"), path), false, err) ||
            xr_text_fill(buf, from, XR_FIGURE_WIDTH, err))
            return -1;
    }
    return xr_buf_text(buf, "\n", err);
}

static int put_block(struct xr_buf *buf, const cJSON *json, const cJSON *const *levels,
                     size_t n, const char *column, int first, struct xr_err *err)
{
    bool last = false;

    if (xr_text_pad(buf, column, first, false, err))
        return -1;
    for (size_t l = 0; l < n; l++)
        if (xr_buf_text(buf, "  ", err) ||
            shown_name(buf, xr_json_text(levels[l], "value", ""), XR_FIGURE_WIDTH, err))
            return -1;
    if (xr_buf_text(buf, "\n", err) || xr_text_pad(buf, "rows", first, false, err))
        return -1;
    for (size_t l = 0; l < n; l++)
        if (xr_buf_printf(buf, err, "  %-*.0f", XR_FIGURE_WIDTH,
                          xr_json_number(levels[l], "n", 0)))
            return -1;
    if (xr_buf_text(buf, "\n", err))
        return -1;
    for (size_t i = 0;; i++) {
        char *path = path_of(json, i, &last, err);
        int status = path ? put_row(buf, levels, n, path, first, err) : -1;

        free(path);
        if (last)
            break;
        if (status)
            return -1;
    }
    return xr_buf_text(buf, "\n", err);
}

static const cJSON *gap_of(const cJSON *json, const char *column, const char *path)
{
    const cJSON *gap;

    cJSON_ArrayForEach(gap, get(json, "gaps"))
    {
        if (!strcmp(xr_json_text(gap, "column", ""), column) &&
            !strcmp(xr_json_text(gap, "figure", ""), path))
            return gap;
    }
    return NULL;
}

static int put_gap(struct xr_buf *buf, const cJSON *gap, const char *path, int first,
                   struct xr_err *err)
{
    const cJSON *between = get(gap, "between");
    size_t from;

    if (xr_text_pad(buf, path, first + 2, false, err))
        return -1;
    from = buf->size;
    if (xr_text_figure(buf, get(gap, "largest"), true, err) ||
        xr_text_fill(buf, from, XR_FIGURE_WIDTH + 2, err))
        return -1;
    if (cJSON_GetArraySize(between) == 2 &&
        (shown_name(buf, cJSON_GetArrayItem(between, 0)->valuestring, 0, err) ||
         xr_buf_text(buf, " over ", err) ||
         shown_name(buf, cJSON_GetArrayItem(between, 1)->valuestring, 0, err)))
        return -1;
    return xr_buf_text(buf, "\n", err);
}

static int put_gaps(struct xr_buf *buf, const cJSON *json, const char *column, int first,
                    struct xr_err *err)
{
    size_t from = buf->size;
    bool last = false;

    if (xr_buf_text(buf, "largest gaps by ", err) ||
        xr_text_pad(buf, column, 0, false, err) ||
        xr_text_fill(buf, from, first + 2, err) || xr_buf_text(buf, "difference\n", err))
        return -1;
    for (size_t i = 0;; i++) {
        char *path = path_of(json, i, &last, err);
        int status =
            path ? put_gap(buf, gap_of(json, column, path), path, first, err) : -1;

        free(path);
        if (last)
            break;
        if (status)
            return -1;
    }
    return xr_buf_text(buf, "\n", err);
}

static int put_column(struct xr_buf *buf, const cJSON *json, const char *column,
                      int first, struct xr_err *err)
{
    const cJSON *levels[PER_BLOCK], *at = NULL;
    size_t n = 0;

    while ((at = next_level(json, at, column)) || n) {
        if (at)
            levels[n++] = at;
        if (at && n < PER_BLOCK)
            continue;
        if (put_block(buf, json, levels, n, column, first, err))
            return -1;
        n = 0;
        if (!at)
            break;
    }
    return put_gaps(buf, json, column, first, err);
}

int xr_subgroups_text(struct xr_buf *buf, const cJSON *json, struct xr_err *err)
{
    const cJSON *groups = get(json, "subgroups"), *group, *name;
    const char *before = NULL;
    size_t from = buf->size;
    int first = 24;

    if (!groups)
        return 0;
    cJSON_ArrayForEach(name, get(json, "classes"))
    {
        int width = xr_text_width(name->valuestring) + 22;

        first = width > first ? width : first;
    }
    cJSON_ArrayForEach(group, groups)
    {
        const char *column = xr_json_text(group, "column", "");

        if (before && !strcmp(before, column))
            continue;
        before = column;
        if (put_column(buf, json, column, first, err))
            return -1;
    }
    xr_text_trim(buf, from);
    return 0;
}
