/* A comparison of tables of predictions for people. */
#include "metrics_compare.h"

#include <string.h>

#include "json.h"
#include "metrics_parts.h"

#define PER_BLOCK 3

static const cJSON *get(const cJSON *object, const char *key)
{
    return cJSON_GetObjectItemCaseSensitive(object, key);
}

/* The width of the first column. */
static int first_width(const cJSON *json)
{
    const cJSON *row;
    int width = 0;

    cJSON_ArrayForEach(row, get(json, "figures"))
    {
        int own = xr_text_width(row->string) + 9; /* "(DeLong)" behind some */

        width = own > width ? own : width;
    }
    return width;
}

static int put_head(struct xr_buf *buf, const cJSON *json, struct xr_err *err)
{
    const cJSON *b = get(json, "bootstrap"), *file;
    int number = 0;

    if (xr_buf_printf(buf, err, "%.0f rows, %d classes, %d files",
                      xr_json_number(json, "n", 0),
                      cJSON_GetArraySize(get(json, "classes")),
                      cJSON_GetArraySize(get(json, "files"))))
        return -1;
    if (xr_json_number(b, "resamples", 0) > 0 &&
        xr_buf_printf(
            buf, err, "; %.4g %% intervals (%s, %.0f resamples of %.0f %ss, seed %.0f)",
            100 * xr_json_number(b, "confidence", 0),
            strcmp(xr_json_text(b, "method", ""), "bca") ? xr_json_text(b, "method", "")
                                                         : "BCa",
            xr_json_number(b, "resamples", 0), xr_json_number(b, "units", 0),
            xr_json_text(b, "unit", ""), xr_json_number(b, "seed", 0)))
        return -1;
    if (xr_buf_text(buf, "\n\n", err))
        return -1;
    cJSON_ArrayForEach(file, get(json, "files"))
    {
        if (xr_buf_printf(buf, err, "(%d)  ", ++number) ||
            xr_text_pad(buf, file->valuestring, 0, false, err) ||
            xr_buf_text(buf, "\n", err))
            return -1;
    }
    return xr_buf_text(buf, "\n", err);
}

static int put_figures(struct xr_buf *buf, const cJSON *json, int first,
                       struct xr_err *err)
{
    int n = cJSON_GetArraySize(get(json, "files"));

    for (int from = 0; from < n; from += PER_BLOCK) {
        int to = from + PER_BLOCK < n ? from + PER_BLOCK : n;
        const cJSON *row;

        if (xr_text_pad(buf, "", first, false, err))
            return -1;
        for (int t = from; t < to; t++)
            if (xr_buf_printf(buf, err, "  (%d)%*s", t + 1,
                              XR_FIGURE_WIDTH - (t < 9 ? 3 : 4), ""))
                return -1;
        if (xr_buf_text(buf, "\n", err))
            return -1;
        cJSON_ArrayForEach(row, get(json, "figures"))
        {
            if (xr_text_pad(buf, row->string, first, false, err))
                return -1;
            for (int t = from; t < to; t++) {
                size_t at;

                if (xr_buf_text(buf, "  ", err))
                    return -1;
                at = buf->size;
                if (xr_text_figure(buf, cJSON_GetArrayItem(row, t), false, err) ||
                    xr_text_fill(buf, at, XR_FIGURE_WIDTH, err))
                    return -1;
            }
            if (xr_buf_text(buf, "\n", err))
                return -1;
        }
        if (xr_buf_text(buf, "\n", err))
            return -1;
    }
    return 0;
}

static bool is_pair(const cJSON *entry, const char *a, const char *b)
{
    return !strcmp(xr_json_text(entry, "a", ""), a) &&
           !strcmp(xr_json_text(entry, "b", ""), b);
}

/* What a test is called behind the name of its figure, or instead of it. */
static const struct {
    const char *method, *name;
    bool alone;
} tests[] = {{"delong", "(DeLong)", false},
             {"delong_clustered", "(DeLong)", false},
             {"mcnemar_exact", "McNemar, exact", true},
             {"mcnemar_mid_p", "McNemar, mid-p", true},
             {"mcnemar_chi2", "McNemar, chi-square", true},
             {"mcnemar_chi2_corrected", "McNemar, corrected", true},
             {"paired_bootstrap", "", false}};

static int put_hits(struct xr_buf *buf, const cJSON *rows, int a, int b,
                    struct xr_err *err)
{
    return xr_buf_printf(
        buf, err,
        "right: %.0f rows in both, %.0f in (%d) only, %.0f in (%d) only, "
        "%.0f in none\n",
        xr_json_number(rows, "both_right", 0), xr_json_number(rows, "only_a_right", 0),
        a + 1, xr_json_number(rows, "only_b_right", 0), b + 1,
        xr_json_number(rows, "both_wrong", 0));
}

/* One line: figure, difference, p, p after Holm. */
static int put_entry(struct xr_buf *buf, const cJSON *entry, int first,
                     struct xr_err *err)
{
    const char *method = xr_json_text(entry, "method", "");
    size_t from = buf->size, test = 0;

    while (strcmp(method, tests[test].method) != 0)
        test++;
    if (!tests[test].alone &&
        (xr_text_pad(buf, xr_json_text(entry, "figure", ""), 0, false, err) ||
         (*tests[test].name && xr_buf_text(buf, " ", err))))
        return -1;
    if (xr_buf_text(buf, tests[test].name, err) ||
        xr_text_fill(buf, from, first + 2, err))
        return -1;
    from = buf->size;
    if ((!tests[test].alone &&
         xr_text_figure(buf, get(entry, "difference"), true, err)) ||
        xr_text_fill(buf, from, XR_FIGURE_WIDTH + 2, err))
        return -1;
    from = buf->size;
    if (xr_text_p(buf, get(entry, "p"), err) || xr_text_fill(buf, from, 9, err) ||
        xr_text_p(buf, get(entry, "p_holm"), err))
        return -1;
    return xr_buf_text(buf, "\n", err);
}

static int put_pair(struct xr_buf *buf, const cJSON *json, int a, int b, int first,
                    struct xr_err *err)
{
    const cJSON *files = get(json, "files"), *entry;
    const char *name_a = cJSON_GetArrayItem(files, a)->valuestring;
    const char *name_b = cJSON_GetArrayItem(files, b)->valuestring;
    size_t from = buf->size;

    if (xr_buf_printf(buf, err, "(%d) - (%d)", a + 1, b + 1) ||
        xr_text_fill(buf, from, first + 2, err) ||
        xr_buf_printf(buf, err, "%-*s  %-9s%s\n", XR_FIGURE_WIDTH, "difference", "p",
                      "Holm"))
        return -1;
    cJSON_ArrayForEach(entry, get(json, "comparisons"))
    {
        if (!is_pair(entry, name_a, name_b))
            continue;
        if (!strcmp(xr_json_text(entry, "method", ""), "mcnemar_exact") &&
            put_hits(buf, get(entry, "rows"), a, b, err))
            return -1;
        if (put_entry(buf, entry, first, err))
            return -1;
    }
    return xr_buf_text(buf, "\n", err);
}

int xr_compare_text(struct xr_buf *buf, const cJSON *json, struct xr_err *err)
{
    int n = cJSON_GetArraySize(get(json, "files")), first = first_width(json);
    size_t from = buf->size;

    if (put_head(buf, json, err) || put_figures(buf, json, first, err))
        return -1;
    for (int a = 0; a < n; a++)
        for (int b = a + 1; b < n; b++)
            if (put_pair(buf, json, a, b, first, err))
                return -1;
    if (xr_text_star(buf, from, err))
        return -1;
    xr_text_trim(buf, from);
    return 0;
}
