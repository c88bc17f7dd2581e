/* xr-metrics --task detect. */
#include "metrics_detect.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "detect_read.h"
#include "metrics_ledger.h"
#include "stats_boxes.h"
#include "stats_detect.h"
#include "stats_figures.h"
#include "stats_report.h"

#define MAX_RATES 64

struct run {
    const struct xr_detect_set *set;
    struct xr_detect_data data;
    double rates[MAX_RATES];
    char rate_names[MAX_RATES][32];
    size_t n_rates;
    struct xr_detect *detect;
    struct xr_resampling from;
    struct xr_figure *figures;
};

/* --- settings -------------------------------------------------------------------- */

static int read_rates(struct run *run, const char *text, struct xr_err *err)
{
    while (*text) {
        size_t n = strcspn(text, ",");
        char *name = run->rate_names[run->n_rates];

        if (run->n_rates == MAX_RATES)
            return xr_fail_usage(err, "--froc-rates: more than %d numbers", MAX_RATES);
        snprintf(name, sizeof run->rate_names[0], "%.*s", (int)(n < 31 ? n : 31), text);
        if (xr_parse_real(&run->rates[run->n_rates], name, 0, 1e6, err))
            return xr_fail_usage(err, "--froc-rates: %s", err->text);
        run->n_rates++;
        text += n;
        text += *text == ',';
    }
    return run->n_rates ? 0 : xr_fail_usage(err, "--froc-rates: no number");
}

/* --- all pairs of boxes ---------------------------------------------------------- */

static int truth_by_image(const void *a, const void *b)
{
    const struct xr_truth_box *x = a, *y = b;

    return (x->image > y->image) - (x->image < y->image);
}

static int found_by_image(const void *a, const void *b)
{
    const struct xr_found_box *x = a, *y = b;

    if (x->image != y->image)
        return x->image < y->image ? -1 : 1;
    return (x->score < y->score) - (x->score > y->score);
}

static int write_pair(struct xr_out *out, const struct xr_detect_data *d,
                      const struct xr_truth_box *t, const struct xr_found_box *f,
                      size_t i, size_t j, struct xr_err *err)
{
    if (xr_csv_field(out, true, d->cases.keys.text[t->image], err) ||
        xr_out_printf(out, err, ",%zu,%zu", i, j) ||
        xr_csv_field(out, false, d->classes.text[t->class], err) ||
        xr_csv_field(out, false, d->classes.text[f->class], err) ||
        xr_out_printf(out, err, ",%.17g", f->score))
        return -1;
    for (int kind = XR_IOU; kind <= XR_CIOU; kind++)
        if (xr_out_printf(out, err, ",%.17g", xr_iou(t->box, f->box, kind)))
            return -1;
    return xr_csv_end(out, err);
}

/* The matrix of every image as a long table; boxes are numbered in their image, those
 * found by falling score. */
static int write_overlaps(struct xr_out *out, struct xr_detect_data *d,
                          struct xr_err *err)
{
    size_t t = 0, f = 0;

    if (d->n_truth)
        qsort(d->truth, d->n_truth, sizeof *d->truth, truth_by_image);
    if (d->n_found)
        qsort(d->found, d->n_found, sizeof *d->found, found_by_image);
    if (xr_out_printf(out, err,
                      "key,truth,prediction,class_truth,class_prediction,score,iou,giou,"
                      "diou,ciou\n"))
        return -1;
    for (uint32_t image = 0; image < d->cases.keys.n; image++) {
        size_t t0 = t, f0 = f;

        while (t < d->n_truth && d->truth[t].image == image)
            t++;
        while (f < d->n_found && d->found[f].image == image)
            f++;
        for (size_t i = t0; i < t; i++)
            for (size_t j = f0; j < f; j++)
                if (write_pair(out, d, &d->truth[i], &d->found[j], i - t0 + 1, j - f0 + 1,
                               err))
                    return -1;
    }
    return xr_out_finish(out, err);
}

/* --- JSON ------------------------------------------------------------------------ */

static void add(cJSON *object, const char *name, struct xr_figure *f)
{
    if (isnan(f->value))
        f->reason = "no such object";
    cJSON_AddItemToObject(object, name, xr_figure_json(f));
}

static void add_counts(cJSON *json, const struct run *run)
{
    const struct xr_detect_data *d = &run->data;
    cJSON *classes;
    size_t n_crowd = 0;

    for (size_t i = 0; i < d->n_truth; i++)
        n_crowd += d->truth[i].crowd;
    cJSON_AddStringToObject(json, "task", "detect");
    cJSON_AddNumberToObject(json, "n", (double)d->cases.keys.n);
    cJSON_AddBoolToObject(json, "all_images", d->all_images);
    cJSON_AddNumberToObject(json, "n_truth", (double)d->n_truth);
    cJSON_AddNumberToObject(json, "n_crowd", (double)n_crowd);
    cJSON_AddNumberToObject(json, "n_predictions", (double)d->n_found);
    if (run->set->nms < 1)
        cJSON_AddNumberToObject(json, "nms", run->set->nms);
    classes = cJSON_AddArrayToObject(json, "classes");
    for (size_t c = 0; c < d->classes.n; c++)
        cJSON_AddItemToArray(classes, cJSON_CreateString(d->classes.text[c]));
}

static cJSON *add_rates(cJSON *parent, const char *name, const struct run *run,
                        size_t from)
{
    cJSON *object = cJSON_AddObjectToObject(parent, name);

    for (size_t r = 0; r < run->n_rates; r++)
        add(object, run->rate_names[r], &run->figures[from + r]);
    return object;
}

static int add_froc(cJSON *json, const struct run *run, struct xr_err *err)
{
    cJSON *froc = cJSON_AddObjectToObject(json, "froc"), *points;
    size_t from = xr_detect_froc(run->detect);
    struct xr_froc_curve curve;

    if (xr_detect_curve(&curve, run->detect, err))
        return -1;
    cJSON_AddNumberToObject(froc, "iou", run->set->froc_iou);
    add_rates(froc, "sensitivity", run, from);
    add(froc, "mean_sensitivity", &run->figures[from + run->n_rates]);
    points = cJSON_AddObjectToObject(froc, "curve");
    cJSON_AddItemToObject(points, "false_positives_per_image",
                          cJSON_CreateDoubleArray(curve.false_positives, (int)curve.n));
    cJSON_AddItemToObject(points, "sensitivity",
                          cJSON_CreateDoubleArray(curve.sensitivity, (int)curve.n));
    cJSON_AddItemToObject(points, "threshold",
                          cJSON_CreateDoubleArray(curve.threshold, (int)curve.n));
    free(curve.false_positives);
    free(curve.sensitivity);
    free(curve.threshold);
    return 0;
}

static cJSON *number_or_null(double value)
{
    return isnan(value) ? cJSON_CreateNull() : cJSON_CreateNumber(value);
}

/* The curve with its band. */
static void add_precision(cJSON *own, const struct xr_figure *f)
{
    cJSON *curve = cJSON_AddObjectToObject(own, "precision_at_recall");
    cJSON *recall = cJSON_AddArrayToObject(curve, "recall"),
          *value = cJSON_AddArrayToObject(curve, "value"),
          *low = cJSON_AddArrayToObject(curve, "low"),
          *high = cJSON_AddArrayToObject(curve, "high");

    for (int r = 0; r < XR_DETECT_RECALLS; r++) {
        cJSON_AddItemToArray(recall, cJSON_CreateNumber(r / 100.0));
        cJSON_AddItemToArray(value, number_or_null(f[r].value));
        cJSON_AddItemToArray(low, number_or_null(f[r].low));
        cJSON_AddItemToArray(high, number_or_null(f[r].high));
    }
}

static void add_classes(cJSON *json, const struct run *run)
{
    const struct xr_detect_data *d = &run->data;
    cJSON *all = cJSON_AddObjectToObject(json, "per_class");

    for (size_t c = 0; c < d->classes.n; c++) {
        size_t from = xr_detect_class(run->detect, c), n_truth = 0, n_found = 0;
        cJSON *own = cJSON_AddObjectToObject(all, d->classes.text[c]), *by_iou;
        struct xr_figure *f = run->figures + from;

        for (size_t i = 0; i < d->n_truth; i++)
            n_truth += d->truth[i].class == c;
        for (size_t i = 0; i < d->n_found; i++)
            n_found += d->found[i].class == c;
        cJSON_AddNumberToObject(own, "n_truth", (double)n_truth);
        cJSON_AddNumberToObject(own, "n_predictions", (double)n_found);
        add(own, "AP", &f[XR_DETECT_CLASS_AP]);
        by_iou = cJSON_AddObjectToObject(own, "AP_at_iou");
        for (int t = 0; t < XR_DETECT_THRESHOLDS; t++) {
            char name[16];

            snprintf(name, sizeof name, "%.2f", 0.5 + 0.05 * t);
            add(by_iou, name, &f[t]);
        }
        add_rates(own, "froc_sensitivity", run, from + XR_DETECT_CLASS_FROC);
        add_precision(own, f + xr_detect_class_precision(run->detect));
    }
}

static void add_history(cJSON *json, const struct run *run, const struct xr_cli *cli,
                        const char *const names[2])
{
    cJSON *inputs = cJSON_CreateObject(), *entry;

    for (int i = 0; i < 2; i++)
        cJSON_AddStringToObject(inputs, xr_last_part(names[i]), run->data.digest[i]);
    if (run->data.cases.name)
        cJSON_AddStringToObject(inputs, run->data.cases.name, run->data.cases.digest);
    entry = xr_cli_history(cli, inputs);
    if (entry)
        cJSON_AddItemToArray(cJSON_AddArrayToObject(json, "history"), entry);
    cJSON_Delete(inputs);
}

/* The images, and the objects with their places. */
static int add_set(cJSON *json, const struct run *run, const struct xr_cli *cli,
                   const char *prediction, struct xr_err *err)
{
    const struct xr_detect_data *d = &run->data;
    size_t n = d->cases.keys.n + d->n_truth;
    char **owned = xr_alloc_array(n, sizeof *owned, err);
    const char **texts = xr_alloc_array(n, sizeof *texts, err);
    int status = owned && texts ? 0 : -1;

    for (size_t i = 0; i < n && !status; i++) {
        if (i < d->cases.keys.n) {
            owned[i] = xr_strdup(d->cases.keys.text[i], err);
        } else {
            const struct xr_truth_box *t = &d->truth[i - d->cases.keys.n];

            owned[i] = xr_sprintf(err, "%s\n%s\n%.9g,%.9g,%.9g,%.9g",
                                  d->cases.keys.text[t->image], d->classes.text[t->class],
                                  t->box[0], t->box[1], t->box[2], t->box[3]);
        }
        texts[i] = owned[i];
        status = owned[i] ? 0 : -1;
    }
    if (!status)
        status = xr_metrics_set(json, cli, texts, n, err);
    xr_metrics_set_file(json, prediction, d->digest[1]);
    for (size_t i = 0; owned && i < n; i++)
        free(owned[i]);
    free(owned);
    free(texts);
    return status;
}

/* --- the run --------------------------------------------------------------------- */

static int read_all(struct run *run, const struct xr_cli *cli, const char *const names[2],
                    struct xr_err *err)
{
    const struct xr_detect_set *set = run->set;
    struct xr_detect_data *d = &run->data;

    if (set->table && xr_cases_read(&d->cases, set->table, set->split, set->group, err))
        return -1;
    if (set->group && !set->table)
        return xr_fail_usage(err, "--group takes its column from --table");
    if (xr_detect_read(d, names[0], names[1], set->one_class ? "object" : NULL, err) ||
        (set->nms < 1 && xr_detect_suppress(d, set->nms, err)))
        return -1;
    if (!d->all_images)
        xr_cli_warn(cli,
                    "only the %zu images that the tables name are counted: --table names "
                    "those without any box",
                    d->cases.keys.n);
    if (d->n_left_out)
        xr_cli_note(cli, "%zu boxes are of other splits", d->n_left_out);
    return 0;
}

static int measure(struct run *run, struct xr_err *err)
{
    const struct xr_detect_data *d = &run->data;
    const struct xr_detect_input in = {d->truth,           d->n_truth,      d->found,
                                       d->n_found,         d->cases.keys.n, d->classes.n,
                                       run->set->froc_iou, run->rates,      run->n_rates};
    size_t n;

    if (xr_detect_open(&run->detect, &in, err))
        return -1;
    n = xr_detect_n(run->detect);
    run->from =
        (struct xr_resampling){d->cases.keys.n, d->cases.group, d->cases.groups.n};
    run->figures = xr_alloc_array(n, sizeof *run->figures, err);
    return run->figures
               ? xr_figures_bootstrap(run->figures, n, &run->from, &run->set->bootstrap,
                                      xr_detect_eval, run->detect, err)
               : -1;
}

static cJSON *make_json(struct run *run, const struct xr_cli *cli,
                        const char *const names[2], struct xr_err *err)
{
    cJSON *json = cJSON_CreateObject(), *coco;

    add_counts(json, run);
    coco = cJSON_AddObjectToObject(json, "coco");
    for (int f = 0; f < XR_N_COCO; f++)
        add(coco, xr_coco_name(f), &run->figures[f]);
    if (add_froc(json, run, err)) {
        cJSON_Delete(json);
        return NULL;
    }
    add_classes(json, run);
    xr_figures_said(json, &run->set->bootstrap, &run->from, "image");
    add_history(json, run, cli, names);
    if (add_set(json, run, cli, names[1], err)) {
        cJSON_Delete(json);
        return NULL;
    }
    return json;
}

cJSON *xr_detect_run(const struct xr_detect_set *set, const struct xr_cli *cli,
                     const char *truth, const char *prediction, struct xr_err *err)
{
    const char *const names[2] = {truth, prediction};
    struct run run = {.set = set};
    struct xr_out *out = NULL;
    cJSON *json = NULL;

    if (read_rates(&run, set->rates, err) || read_all(&run, cli, names, err) ||
        (set->overlaps && xr_out_open(&out, set->overlaps, 0, err)) || measure(&run, err))
        goto done;
    if (!out || write_overlaps(out, &run.data, err) == 0)
        json = make_json(&run, cli, names, err);
done:
    xr_out_close(out);
    xr_detect_close(run.detect);
    xr_detect_data_free(&run.data);
    free(run.figures);
    return json;
}
