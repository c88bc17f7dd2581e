/* The figures of a classifier as JSON and as text. */
#include "stats_report.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "metrics_parts.h"
#include "stats_proportion.h"

/* Rows by truth and by prediction, for counts. */
struct counts {
    uint64_t *confusion, *support, *predicted;
    size_t n, k;
};

static void counts_free(struct counts *c)
{
    free(c->confusion);
    free(c->support);
    free(c->predicted);
}

static int counts_make(struct counts *c, const struct xr_metrics_report *r,
                       struct xr_err *err)
{
    c->n = r->predictions->n;
    c->k = r->predictions->k;
    c->confusion = xr_alloc_array(c->k * c->k, sizeof *c->confusion, err);
    c->support = xr_alloc_array(c->k, sizeof *c->support, err);
    c->predicted = xr_alloc_array(c->k, sizeof *c->predicted, err);
    if (!c->confusion || !c->support || !c->predicted)
        return -1;
    if (r->counts)
        memcpy(c->confusion, r->counts->confusion, c->k * c->k * sizeof *c->confusion);
    else
        xr_metrics_confusion(c->confusion, r->metrics);
    for (size_t i = 0; i < c->k * c->k; i++) {
        c->support[i / c->k] += c->confusion[i];
        c->predicted[i % c->k] += c->confusion[i];
    }
    return 0;
}

/* --- JSON ------------------------------------------------------------------------- */

static void add_number(cJSON *object, const char *key, double value)
{
    if (isnan(value))
        cJSON_AddNullToObject(object, key);
    else
        cJSON_AddNumberToObject(object, key, value);
}

cJSON *xr_figure_json(const struct xr_figure *f)
{
    cJSON *figure = cJSON_CreateObject();

    add_number(figure, "value", f->value);
    add_number(figure, "low", f->low);
    add_number(figure, "high", f->high);
    cJSON_AddStringToObject(figure, "method", xr_ci_method_name(f->method));
    if (f->method == XR_CI_PERCENTILE_OF_DEFINED)
        cJSON_AddNumberToObject(figure, "resamples_defined", (double)f->n_defined);
    if (f->reason)
        cJSON_AddStringToObject(figure, "reason", f->reason);
    else if (f->note)
        cJSON_AddStringToObject(figure, "note", f->note);
    return figure;
}

static cJSON *numbers(const uint64_t *values, size_t n)
{
    cJSON *array = cJSON_CreateArray();

    for (size_t i = 0; i < n; i++)
        cJSON_AddItemToArray(array, cJSON_CreateNumber((double)values[i]));
    return array;
}

/* The object of a dotted path, made where it is not there. */
static cJSON *object_at(cJSON *json, const char *path)
{
    while (path && *path) {
        size_t size = strcspn(path, ".");
        char key[64];
        cJSON *next;

        snprintf(key, sizeof key, "%.*s", (int)size, path);
        next = cJSON_GetObjectItemCaseSensitive(json, key);
        json = next ? next : cJSON_AddObjectToObject(json, key);
        path += size + (path[size] == '.');
    }
    return json;
}

/* "top_3_accuracy" for the figure that depends on a setting. */
static const char *key_of(char text[64], int metric,
                          const struct xr_metrics_report *report)
{
    if (metric != XR_METRIC_TOP_K)
        return xr_metric_name(metric);
    snprintf(text, 64, "top_%zu_accuracy",
             report->counts ? report->counts->top_k : xr_metrics_top_k(report->metrics));
    return text;
}

/* The reliability table: bins of equal width of the predicted class. */
static int add_bins(cJSON *calibration, const struct xr_metrics_report *report,
                    struct xr_err *err)
{
    size_t n_bins =
        report->counts ? report->counts->n_bins : xr_metrics_n_bins(report->metrics);
    cJSON *bins = cJSON_AddArrayToObject(calibration, "bins");
    uint64_t *n = xr_alloc_array(n_bins, sizeof *n, err);
    uint64_t *right = xr_alloc_array(n_bins, sizeof *right, err);
    double *confidence = xr_alloc_array(n_bins, sizeof *confidence, err);
    bool dependent = report->predictions->group &&
                     report->predictions->n_groups < report->predictions->n;
    int status = -1;

    if (!n || !right || !confidence)
        goto done;
    if (report->counts) {
        memcpy(n, report->counts->bin_n, n_bins * sizeof *n);
        memcpy(right, report->counts->bin_right, n_bins * sizeof *right);
        memcpy(confidence, report->counts->bin_confidence, n_bins * sizeof *confidence);
    } else if (xr_metrics_bins(n, right, confidence, report->metrics, err)) {
        goto done;
    }
    for (size_t b = 0; b < n_bins; b++) {
        cJSON *bin = cJSON_CreateObject();
        struct xr_figure accuracy;

        xr_proportion(&accuracy, right[b], n[b], report->bootstrap->confidence,
                      dependent || !report->bootstrap->n_resamples ? XR_CI_NONE
                                                                   : XR_CI_WILSON);
        if (dependent && n[b])
            accuracy.note = "rows of a group are not independent";
        cJSON_AddNumberToObject(bin, "low", (double)b / (double)n_bins);
        cJSON_AddNumberToObject(bin, "high", (double)(b + 1) / (double)n_bins);
        cJSON_AddNumberToObject(bin, "n", (double)n[b]);
        add_number(bin, "confidence", n[b] ? confidence[b] / (double)n[b] : NAN);
        cJSON_AddItemToObject(bin, "accuracy", xr_figure_json(&accuracy));
        cJSON_AddItemToArray(bins, bin);
    }
    status = 0;
done:
    free(n);
    free(right);
    free(confidence);
    return status;
}

static int add_whole(cJSON *json, const struct xr_metrics_report *report,
                     struct xr_err *err)
{
    char text[64];

    for (int i = 0; i < XR_N_METRICS; i++)
        cJSON_AddItemToObject(object_at(json, xr_metric_parent(i)),
                              key_of(text, i, report),
                              xr_figure_json(&report->figures[i]));
    return add_bins(object_at(json, "calibration"), report, err);
}

static void add_classes(cJSON *json, const struct xr_metrics_report *report,
                        const struct counts *counts)
{
    cJSON *all = cJSON_AddObjectToObject(json, "per_class");

    for (size_t c = 0; c < counts->k; c++) {
        cJSON *own = cJSON_AddObjectToObject(all, report->predictions->classes[c]);

        cJSON_AddNumberToObject(own, "support", (double)counts->support[c]);
        for (int i = 0; i < XR_PER_CLASS; i++)
            cJSON_AddItemToObject(own, xr_class_metric_name(i),
                                  xr_figure_json(&report->figures[xr_metric_at(c, i)]));
    }
}

/* What was resampled, and how many of them. */
static const char *unit_of(const struct xr_metrics_report *report)
{
    return report->counts ? "block" : report->predictions->group ? "group" : "row";
}

static size_t units_of(const struct xr_metrics_report *report)
{
    const struct xr_predictions *p = report->predictions;

    return report->counts ? report->counts->n_blocks : p->group ? p->n_groups : p->n;
}

static void add_bootstrap(cJSON *json, const struct xr_metrics_report *report)
{
    cJSON *b = cJSON_AddObjectToObject(json, "bootstrap");

    cJSON_AddStringToObject(b, "method", xr_ci_method_name(report->bootstrap->method));
    cJSON_AddNumberToObject(b, "resamples", (double)report->bootstrap->n_resamples);
    cJSON_AddNumberToObject(b, "confidence", report->bootstrap->confidence);
    cJSON_AddNumberToObject(b, "seed", (double)report->bootstrap->seed);
    cJSON_AddStringToObject(b, "unit", unit_of(report));
    if (report->stratified)
        cJSON_AddBoolToObject(b, "stratified", 1);
    cJSON_AddNumberToObject(b, "units", (double)units_of(report));
}

cJSON *xr_metrics_json(const struct xr_metrics_report *report, struct xr_err *err)
{
    const struct xr_predictions *p = report->predictions;
    struct counts counts = {0};
    cJSON *json = cJSON_CreateObject(), *rows;

    if (!json || counts_make(&counts, report, err)) {
        xr_fail(err, "out of memory");
        goto done;
    }
    cJSON_AddNumberToObject(json, "n", (double)p->n);
    if (report->split)
        cJSON_AddStringToObject(json, "split", report->split);
    if (p->n_unlabelled)
        cJSON_AddNumberToObject(json, "n_unlabelled", (double)p->n_unlabelled);
    rows = cJSON_AddArrayToObject(json, "classes");
    for (size_t c = 0; c < p->k; c++)
        cJSON_AddItemToArray(rows, cJSON_CreateString(p->classes[c]));
    rows = cJSON_AddArrayToObject(json, "confusion_matrix");
    for (size_t c = 0; c < p->k; c++)
        cJSON_AddItemToArray(rows, numbers(counts.confusion + c * p->k, p->k));
    if (add_whole(json, report, err))
        goto done;
    add_classes(json, report, &counts);
    add_bootstrap(json, report);
    counts_free(&counts);
    return json;
done:
    counts_free(&counts);
    cJSON_Delete(json);
    return NULL;
}

/* --- text ------------------------------------------------------------------------- */

static int digits_of(uint64_t value)
{
    return snprintf(NULL, 0, "%llu", (unsigned long long)value);
}

static int put_confusion(struct xr_buf *buf, const struct xr_metrics_report *report,
                         const struct counts *counts, int first, struct xr_err *err)
{
    const char **names = report->predictions->classes;
    size_t k = counts->k;
    int last = digits_of(counts->n) > 4 ? digits_of(counts->n) : 4;

    if (xr_text_pad(buf, "truth \\ predicted", first, false, err))
        return -1;
    for (size_t c = 0; c < k; c++)
        if (xr_buf_text(buf, "  ", err) || xr_text_pad(buf, names[c], 6, true, err))
            return -1;
    if (xr_buf_printf(buf, err, "  %*s\n", last, "rows"))
        return -1;
    for (size_t t = 0; t < k; t++) {
        if (xr_text_pad(buf, names[t], first, false, err))
            return -1;
        for (size_t c = 0; c < k; c++) {
            int width = xr_text_width(names[c]) > 6 ? xr_text_width(names[c]) : 6;

            if (xr_buf_printf(buf, err, "  %*llu", width,
                              (unsigned long long)counts->confusion[t * k + c]))
                return -1;
        }
        if (xr_buf_printf(buf, err, "  %*llu\n", last,
                          (unsigned long long)counts->support[t]))
            return -1;
    }
    return xr_buf_text(buf, "\n", err);
}

/* "0.954 [0.921, 0.977]*", 21 columns; the star points to a note. */
static int put_figure(struct xr_buf *buf, const struct xr_figure *f, bool *star,
                      struct xr_err *err)
{
    bool other = f->note != NULL;

    if (isnan(f->value))
        return xr_buf_printf(buf, err, "%5s%16s", "-", "");
    if (f->method == XR_CI_NONE)
        return xr_buf_printf(buf, err, "%5.3f%16s", f->value, "");
    *star = *star || other;
    return xr_buf_printf(buf, err, "%5.3f [%5.3f, %5.3f]%s", f->value, f->low, f->high,
                         other ? "*" : " ");
}

static int put_whole(struct xr_buf *buf, const struct xr_metrics_report *report,
                     int first, bool *star, struct xr_err *err)
{
    for (int i = 0; i < XR_N_METRICS; i++) {
        char name[128], text[64];

        const char *parent = xr_metric_parent(i);

        if (parent && strchr(parent, '.'))
            parent = strchr(parent, '.') + 1;
        snprintf(name, sizeof name, "%s%s%s", parent ? parent : "", parent ? "." : "",
                 key_of(text, i, report));
        if (xr_text_pad(buf, name, first, false, err) || xr_buf_text(buf, "  ", err) ||
            put_figure(buf, &report->figures[i], star, err) ||
            xr_buf_text(buf, "\n", err))
            return -1;
    }
    return xr_buf_text(buf, "\n", err);
}

/* Three classes beside each other, then the next three. */
static int put_classes(struct xr_buf *buf, const struct xr_metrics_report *report,
                       const struct counts *counts, int first, bool *star,
                       struct xr_err *err)
{
    const char **names = report->predictions->classes;

    for (size_t from = 0; from < counts->k; from += 3) {
        size_t to = from + 3 < counts->k ? from + 3 : counts->k;

        if (xr_text_pad(buf, "", first - 4, false, err))
            return -1;
        for (size_t c = from; c < to; c++)
            if (xr_buf_text(buf, "  ", err) || xr_text_pad(buf, names[c], 21, false, err))
                return -1;
        for (int i = -1; i < XR_PER_CLASS; i++) {
            if (xr_buf_text(buf, "\n", err) ||
                xr_text_pad(buf, i < 0 ? "support" : xr_class_metric_name(i), first - 4,
                            false, err))
                return -1;
            for (size_t c = from; c < to; c++) {
                int pad = xr_text_width(names[c]) > 21 && c + 1 < to
                              ? xr_text_width(names[c]) - 21
                              : 0;
                int bad = xr_buf_text(buf, "  ", err);

                if (i < 0)
                    bad =
                        bad || xr_buf_printf(buf, err, "%5llu%16s",
                                             (unsigned long long)counts->support[c], "");
                else
                    bad = bad || put_figure(buf, &report->figures[xr_metric_at(c, i)],
                                            star, err);
                if (bad || xr_buf_printf(buf, err, "%*s", pad, ""))
                    return -1;
            }
        }
        if (xr_buf_text(buf, "\n\n", err))
            return -1;
    }
    return 0;
}

static int put_notes(struct xr_buf *buf, const struct xr_metrics_report *report,
                     const struct counts *counts, bool star, struct xr_err *err)
{
    if (star &&
        xr_buf_text(buf,
                    "* not the interval asked for, as a resample may lack the class, "
                    "or one that says\n  nothing, as all resamples are equal; the JSON "
                    "says which\n",
                    err))
        return -1;
    for (int i = 0; i < XR_N_METRICS; i++) {
        const char *reason = report->figures[i].reason;

        if (reason && xr_buf_printf(buf, err, "%s: %s\n", xr_metric_name(i), reason))
            return -1;
    }
    for (size_t c = 0; c < counts->k; c++) {
        for (int i = 0; i < XR_PER_CLASS; i++) {
            const char *reason = report->figures[xr_metric_at(c, i)].reason;

            if (reason &&
                (xr_buf_printf(buf, err, "%s of ", xr_class_metric_name(i)) ||
                 xr_text_pad(buf, report->predictions->classes[c], 0, false, err) ||
                 xr_buf_printf(buf, err, ": %s\n", reason)))
                return -1;
        }
    }
    return 0;
}

static int put_head(struct xr_buf *buf, const struct xr_metrics_report *report,
                    struct xr_err *err)
{
    const struct xr_predictions *p = report->predictions;
    const struct xr_bootstrap *b = report->bootstrap;

    if (xr_buf_printf(buf, err, "%zu rows", p->n))
        return -1;
    if (report->split && (xr_buf_text(buf, " of split ", err) ||
                          xr_text_pad(buf, report->split, 0, false, err)))
        return -1;
    if (p->n_unlabelled &&
        xr_buf_printf(buf, err, " (%zu without a label left out)", p->n_unlabelled))
        return -1;
    if (xr_buf_printf(buf, err, ", %zu classes", p->k))
        return -1;
    if (b->n_resamples == 0)
        return xr_buf_text(buf, "\n\n", err);
    return xr_buf_printf(
        buf, err, "; %.4g %% intervals (%s, %lld resamples of %zu %ss, seed %llu)\n\n",
        100.0 * b->confidence,
        b->method == XR_CI_BCA ? "BCa" : xr_ci_method_name(b->method),
        (long long)b->n_resamples, units_of(report), unit_of(report),
        (unsigned long long)b->seed);
}

/* Take the blanks off the ends of all lines from `from` on: columns are padded without
 * regard. */
static void trim_lines(struct xr_buf *buf, size_t from)
{
    size_t to = from, keep = from;

    for (size_t i = from; i < buf->size; i++) {
        if (buf->data[i] == '\n')
            to = keep;
        buf->data[to++] = buf->data[i];
        if (buf->data[i] != ' ')
            keep = to;
    }
    buf->size = to;
    if (buf->data)
        buf->data[to] = 0;
}

int xr_metrics_text(struct xr_buf *buf, const struct xr_metrics_report *report,
                    struct xr_err *err)
{
    struct counts counts = {0};
    bool star = false;
    size_t from = buf->size;
    int first = 23, status = -1;

    if (counts_make(&counts, report, err))
        goto done;
    for (size_t c = 0; c < counts.k; c++)
        if (xr_text_width(report->predictions->classes[c]) > first)
            first = xr_text_width(report->predictions->classes[c]);
    if (put_head(buf, report, err) || put_confusion(buf, report, &counts, first, err) ||
        put_whole(buf, report, 31, &star, err) ||
        put_classes(buf, report, &counts, 22, &star, err) ||
        put_notes(buf, report, &counts, star, err))
        goto done;
    trim_lines(buf, from);
    status = 0;
done:
    counts_free(&counts);
    return status;
}
