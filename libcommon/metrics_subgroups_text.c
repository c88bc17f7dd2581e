/* Subgroups and gaps for people. */
#include "metrics_subgroups.h"

#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "metrics_levels.h"
#include "metrics_parts.h"

static const cJSON *get(const cJSON *object, const char *key)
{
    return cJSON_GetObjectItemCaseSensitive(object, key);
}

static int shown_name(struct xr_buf *buf, const char *value, int width,
                      struct xr_err *err)
{
    return xr_text_pad(buf, *value ? value : "(empty)", width, false, err);
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
        char *path = xr_levels_path(get(json, "classes"), i, &last, err);
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
                      struct xr_err *err)
{
    const cJSON *levels[XR_MAX_LEVELS + 1], *group;
    size_t n = 0;
    int first;

    cJSON_ArrayForEach(group, get(json, "subgroups"))
    {
        if (n <= XR_MAX_LEVELS && !strcmp(xr_json_text(group, "column", ""), column))
            levels[n++] = group;
    }
    first = xr_levels_text(buf, levels, n, "value", column, get(json, "classes"), err);
    return first < 0 ? -1 : put_gaps(buf, json, column, first, err);
}

int xr_subgroups_text(struct xr_buf *buf, const cJSON *json, struct xr_err *err)
{
    const cJSON *group;
    const char *before = NULL;
    size_t from = buf->size;

    cJSON_ArrayForEach(group, get(json, "subgroups"))
    {
        const char *column = xr_json_text(group, "column", "");

        if (before && !strcmp(before, column))
            continue;
        before = column;
        if (put_column(buf, json, column, err))
            return -1;
    }
    if (xr_text_star(buf, from, err))
        return -1;
    xr_text_trim(buf, from);
    return 0;
}
