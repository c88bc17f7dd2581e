/* The figures of a classifier as JSON and as text. */
#include "stats_report.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Where a figure stands in the JSON: macro_avg.precision has a parent. */
static const struct {
    const char *parent, *key;
} places[XR_N_METRICS] = {
    [XR_METRIC_ACCURACY] = {NULL, "accuracy"},
    [XR_METRIC_BALANCED_ACCURACY] = {NULL, "balanced_accuracy"},
    [XR_METRIC_ROC_AUC_MACRO] = {NULL, "roc_auc_ovr_macro"},
    [XR_METRIC_ROC_AUC_WEIGHTED] = {NULL, "roc_auc_ovr_weighted"},
    [XR_METRIC_AVERAGE_PRECISION] = {NULL, "average_precision_macro"},
    [XR_METRIC_PRECISION_MACRO] = {"macro_avg", "precision"},
    [XR_METRIC_RECALL_MACRO] = {"macro_avg", "recall"},
    [XR_METRIC_F1_MACRO] = {"macro_avg", "f1"},
    [XR_METRIC_PRECISION_WEIGHTED] = {"weighted_avg", "precision"},
    [XR_METRIC_RECALL_WEIGHTED] = {"weighted_avg", "recall"},
    [XR_METRIC_F1_WEIGHTED] = {"weighted_avg", "f1"},
};

static const char *const class_keys[XR_PER_CLASS] = {
    [XR_CLASS_PRECISION] = "precision",
    [XR_CLASS_RECALL] = "recall",
    [XR_CLASS_SPECIFICITY] = "specificity",
    [XR_CLASS_F1] = "f1",
    [XR_CLASS_ROC_AUC] = "roc_auc",
    [XR_CLASS_AVERAGE_PRECISION] = "average_precision",
};

const char *xr_metric_name(enum xr_metric metric)
{
    return places[metric].key;
}

const char *xr_metric_parent(enum xr_metric metric)
{
    return places[metric].parent;
}

const char *xr_class_metric_name(enum xr_class_metric metric)
{
    return class_keys[metric];
}

/* Rows by truth and by prediction, for counts and reasons. */
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
    xr_metrics_confusion(c->confusion, r->metrics);
    for (size_t i = 0; i < c->k * c->k; i++) {
        c->support[i / c->k] += c->confusion[i];
        c->predicted[i % c->k] += c->confusion[i];
    }
    return 0;
}

/* Why a figure of a class is undefined (or 0 by agreement); NULL where it is not. */
static const char *class_reason(const struct counts *c, size_t class_index, int metric)
{
    uint64_t support = c->support[class_index], predicted = c->predicted[class_index];

    switch (metric) {
    case XR_CLASS_PRECISION:
        return predicted ? NULL
                         : "no row is predicted to be of this class: 0 by agreement";
    case XR_CLASS_RECALL:
        return support ? NULL : "no row is of this class: 0 by agreement";
    case XR_CLASS_SPECIFICITY:
        return support < c->n ? NULL : "every row is of this class: 0 by agreement";
    case XR_CLASS_F1:
        return support + predicted
                   ? NULL
                   : "no row is of this class or predicted to be: 0 by agreement";
    case XR_CLASS_ROC_AUC:
        if (support == c->n)
            return "every row is of this class";
        /* fall through */
    default:
        return support ? NULL : "no row is of this class";
    }
}

static const char *whole_reason(const struct counts *c, const struct xr_figure *f)
{
    if (!isnan(f->value))
        return NULL;
    for (size_t i = 0; i < c->k; i++)
        if (c->support[i] == c->n)
            return "every row is of one class";
    return "a class has no row";
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

static void add_figure(cJSON *object, const char *key, const struct xr_figure *f,
                       const char *reason)
{
    struct xr_figure said = *f;

    if (reason)
        said.reason = reason;
    cJSON_AddItemToObject(object, key, xr_figure_json(&said));
}

static cJSON *numbers(const uint64_t *values, size_t n)
{
    cJSON *array = cJSON_CreateArray();

    for (size_t i = 0; i < n; i++)
        cJSON_AddItemToArray(array, cJSON_CreateNumber((double)values[i]));
    return array;
}

static void add_classes(cJSON *json, const struct xr_metrics_report *report,
                        const struct counts *counts)
{
    cJSON *all = cJSON_AddObjectToObject(json, "per_class");

    for (size_t c = 0; c < counts->k; c++) {
        cJSON *own = cJSON_AddObjectToObject(all, report->predictions->classes[c]);

        cJSON_AddNumberToObject(own, "support", (double)counts->support[c]);
        for (int i = 0; i < XR_PER_CLASS; i++)
            add_figure(own, class_keys[i], &report->figures[xr_metric_at(c, i)],
                       class_reason(counts, c, i));
    }
}

static void add_bootstrap(cJSON *json, const struct xr_metrics_report *report)
{
    const struct xr_predictions *p = report->predictions;
    cJSON *b = cJSON_AddObjectToObject(json, "bootstrap");

    cJSON_AddStringToObject(b, "method", xr_ci_method_name(report->bootstrap->method));
    cJSON_AddNumberToObject(b, "resamples", (double)report->bootstrap->n_resamples);
    cJSON_AddNumberToObject(b, "confidence", report->bootstrap->confidence);
    cJSON_AddNumberToObject(b, "seed", (double)report->bootstrap->seed);
    cJSON_AddStringToObject(b, "unit", p->group ? "group" : "row");
    cJSON_AddNumberToObject(b, "units", (double)(p->group ? p->n_groups : p->n));
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
    for (int i = 0; i < XR_N_METRICS; i++) {
        cJSON *parent = json;

        if (places[i].parent) {
            parent = cJSON_GetObjectItemCaseSensitive(json, places[i].parent);
            if (!parent)
                parent = cJSON_AddObjectToObject(json, places[i].parent);
        }
        add_figure(parent, places[i].key, &report->figures[i],
                   whole_reason(&counts, &report->figures[i]));
    }
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

/* Columns a text takes on a terminal: code points, which is right for most scripts. */
static int width_of(const char *text)
{
    int width = 0;

    for (; *text; text++)
        width += ((unsigned char)*text & 0xc0) != 0x80;
    return width;
}

/* A name padded to a width, left or right; control characters become '?'. */
static int put_name(struct xr_buf *buf, const char *name, int width, bool right,
                    struct xr_err *err)
{
    int pad = width - width_of(name);

    if (right && pad > 0 && xr_buf_printf(buf, err, "%*s", pad, ""))
        return -1;
    for (const char *at = name; *at; at++) {
        char c = (unsigned char)*at < 0x20 || *at == 0x7f ? '?' : *at;

        if (xr_buf_put(buf, &c, 1, err))
            return -1;
    }
    return !right && pad > 0 ? xr_buf_printf(buf, err, "%*s", pad, "") : 0;
}

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

    if (put_name(buf, "truth \\ predicted", first, false, err))
        return -1;
    for (size_t c = 0; c < k; c++)
        if (xr_buf_text(buf, "  ", err) || put_name(buf, names[c], 6, true, err))
            return -1;
    if (xr_buf_printf(buf, err, "  %*s\n", last, "rows"))
        return -1;
    for (size_t t = 0; t < k; t++) {
        if (put_name(buf, names[t], first, false, err))
            return -1;
        for (size_t c = 0; c < k; c++) {
            int width = width_of(names[c]) > 6 ? width_of(names[c]) : 6;

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
static int put_figure(struct xr_buf *buf, const struct xr_figure *f,
                      const struct xr_metrics_report *report, bool *star,
                      struct xr_err *err)
{
    bool other = f->method != report->bootstrap->method || f->constant;

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
        char name[64];

        snprintf(name, sizeof name, "%s%s%s", places[i].parent ? places[i].parent : "",
                 places[i].parent ? "." : "", places[i].key);
        if (put_name(buf, name, first, false, err) || xr_buf_text(buf, "  ", err) ||
            put_figure(buf, &report->figures[i], report, star, err) ||
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

        if (put_name(buf, "", first - 4, false, err))
            return -1;
        for (size_t c = from; c < to; c++)
            if (xr_buf_text(buf, "  ", err) || put_name(buf, names[c], 21, false, err))
                return -1;
        for (int i = -1; i < XR_PER_CLASS; i++) {
            if (xr_buf_text(buf, "\n", err) ||
                put_name(buf, i < 0 ? "support" : class_keys[i], first - 4, false, err))
                return -1;
            for (size_t c = from; c < to; c++) {
                int pad =
                    width_of(names[c]) > 21 && c + 1 < to ? width_of(names[c]) - 21 : 0;
                int bad = xr_buf_text(buf, "  ", err);

                if (i < 0)
                    bad =
                        bad || xr_buf_printf(buf, err, "%5llu%16s",
                                             (unsigned long long)counts->support[c], "");
                else
                    bad = bad || put_figure(buf, &report->figures[xr_metric_at(c, i)],
                                            report, star, err);
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
                    "* percentile interval: BCa does not exist, as a resample may lack "
                    "the class,\n  or as all resamples are equal (then the interval "
                    "says nothing)\n",
                    err))
        return -1;
    for (int i = 0; i < XR_N_METRICS; i++) {
        const char *reason = whole_reason(counts, &report->figures[i]);

        if (reason && xr_buf_printf(buf, err, "%s: %s\n", places[i].key, reason))
            return -1;
    }
    for (size_t c = 0; c < counts->k; c++) {
        for (int i = 0; i < XR_PER_CLASS; i++) {
            const char *reason = class_reason(counts, c, i);

            if (reason &&
                (xr_buf_printf(buf, err, "%s of ", class_keys[i]) ||
                 put_name(buf, report->predictions->classes[c], 0, false, err) ||
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
                          put_name(buf, report->split, 0, false, err)))
        return -1;
    if (p->n_unlabelled &&
        xr_buf_printf(buf, err, " (%zu without a label left out)", p->n_unlabelled))
        return -1;
    if (xr_buf_printf(buf, err, ", %zu classes", p->k))
        return -1;
    if (b->n_resamples == 0)
        return xr_buf_text(buf, "\n\n", err);
    return xr_buf_printf(
        buf, err, "; %.4g %% intervals (%s, %lld resamples of %zu %s, seed %llu)\n\n",
        100.0 * b->confidence, b->method == XR_CI_BCA ? "BCa" : "percentile",
        (long long)b->n_resamples, p->group ? p->n_groups : p->n,
        p->group ? "groups" : "rows", (unsigned long long)b->seed);
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
        if (width_of(report->predictions->classes[c]) > first)
            first = width_of(report->predictions->classes[c]);
    if (put_head(buf, report, err) || put_confusion(buf, report, &counts, first, err) ||
        put_whole(buf, report, 23, &star, err) ||
        put_classes(buf, report, &counts, 22, &star, err) ||
        put_notes(buf, report, &counts, star, err))
        goto done;
    trim_lines(buf, from);
    status = 0;
done:
    counts_free(&counts);
    return status;
}
