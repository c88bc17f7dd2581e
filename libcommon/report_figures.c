/* Figures of the metrics: names, values with intervals, and their tables. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "report_parts.h"

#define MANY_CLASSES 5

const cJSON *xr_report_metric(const struct report_data *d, const char *a, const char *b)
{
    const cJSON *x = cJSON_GetObjectItemCaseSensitive(d->metrics, a);

    return b ? cJSON_GetObjectItemCaseSensitive(x, b) : x;
}

/* Names that people read; scikit-learn's name where there is none. */
static char *plain_name(const char *key, struct xr_err *err)
{
    static const char *const names[][2] = {
        {"accuracy", "Accuracy"},
        {"balanced_accuracy", "Balanced accuracy"},
        {"roc_auc", "ROC AUC"},
        {"roc_auc_ovr", "ROC AUC, against the rest"},
        {"roc_auc_ovr_macro", "ROC AUC, one against rest, mean of classes"},
        {"roc_auc_ovr_weighted", "ROC AUC, one against rest, weighted"},
        {"roc_auc_ovr_micro", "ROC AUC, one against rest, all pairs"},
        {"roc_auc_ovr_macro_defined", "ROC AUC, mean of the classes that have one"},
        {"roc_auc_ovo_macro", "ROC AUC, one against one, mean of pairs"},
        {"roc_auc_ovo_weighted", "ROC AUC, one against one, weighted"},
        {"average_precision", "Average precision"},
        {"average_precision_macro", "Average precision, mean of classes"},
        {"average_precision_micro", "Average precision, all pairs"},
        {"average_precision_macro_defined",
         "Average precision, mean of the classes that have one"},
        {"average_precision_weighted", "Average precision, weighted"},
        {"matthews_corrcoef", "Matthews correlation"},
        {"cohen_kappa", "Cohen's kappa"},
        {"cohen_kappa_linear", "Cohen's kappa, linear weights"},
        {"cohen_kappa_quadratic", "Cohen's kappa, quadratic weights"},
        {"log_loss", "Log loss"},
        {"brier", "Brier score"},
        {"brier_score", "Brier score"},
        {"brier_score_loss", "Brier score"},
        {"ece", "Expected calibration error"},
        {"ece_equal_mass", "Expected calibration error, equal mass"},
        {"classwise_ece", "Calibration error by class, mean"},
        {"mce", "Largest calibration error"},
        {"precision", "Precision (PPV)"},
        {"recall", "Recall (sensitivity)"},
        {"sensitivity", "Sensitivity"},
        {"specificity", "Specificity"},
        {"ppv", "PPV"},
        {"npv", "NPV"},
        {"lr_positive", "LR+"},
        {"lr_negative", "LR-"},
        {"f1", "F1"},
        {"support", "Films"},
        {"macro_avg", "mean of classes"},
        {"weighted_avg", "weighted mean"},
    };
    char *plain;

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (!strcmp(names[i][0], key))
            return xr_strdup(names[i][1], err);
    }
    plain = xr_strdup(key, err);
    for (char *p = plain; p && *p; p++)
        *p = *p == '_' ? ' ' : *p;
    if (plain && *plain >= 'a' && *plain <= 'z')
        *plain = (char)(*plain - 'a' + 'A');
    return plain;
}

/* "accuracy", "macro_avg.f1", "per_class.CLASS.recall" */
char *xr_report_name_text(const char *key, struct xr_err *err)
{
    const char *dot = strchr(key, '.'), *last = strrchr(key, '.');
    char *of, *name, *text = NULL;

    if (!dot)
        return plain_name(key, err);
    name = plain_name(last + 1, err);
    of = last > dot ? xr_sprintf(err, "%.*s", (int)(last - dot - 1), dot + 1)
                    : xr_sprintf(err, "%.*s", (int)(dot - key), key);
    if (of && last == dot) {
        char *plain = plain_name(of, err);

        free(of);
        of = plain;
    }
    if (name && of)
        text = xr_sprintf(err, "%s, %s", name, of);
    free(name);
    free(of);
    return text;
}

void xr_report_name(struct xr_doc *doc, const char *key)
{
    char *text = xr_report_name_text(key, doc->h->err);

    if (text)
        xr_doc_text(doc, text);
    else
        doc->h->failed = 1;
    free(text);
}

bool xr_report_headlines(const char *key)
{
    static const char *const keys[] = {"roc_auc", "roc_auc_ovr_macro",
                                       "balanced_accuracy", "ece"};
    const char *last = strrchr(key, '.');

    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        if (!strcmp(key, keys[i]))
            return true;
    }
    return !strncmp(key, "per_class.", 10) && last && !strcmp(last, ".recall");
}

bool xr_report_is_figure(const cJSON *x)
{
    return cJSON_IsObject(x) && cJSON_GetObjectItemCaseSensitive(x, "value");
}

double xr_report_level(const struct report_data *d)
{
    return 100 *
           xr_json_number(xr_report_metric(d, "bootstrap", NULL), "confidence", 0.95);
}

void xr_report_figure(struct xr_doc *doc, const cJSON *figure)
{
    double v = xr_json_number(figure, "value", NAN),
           lo = xr_json_number(figure, "low", NAN),
           hi = xr_json_number(figure, "high", NAN);

    if (cJSON_IsNumber(figure))
        v = figure->valuedouble;
    if (!isfinite(v)) {
        xr_html_raw(doc->h, doc->markdown ? "" : "<span class=\"ci\">");
        xr_doc_text(doc, "undefined");
        if (xr_json_text(figure, "reason", NULL))
            xr_doc_textf(doc, ": %s", xr_json_text(figure, "reason", ""));
        xr_html_raw(doc->h, doc->markdown ? "" : "</span>");
        return;
    }
    if (cJSON_IsNumber(figure) && v == rint(v) && fabs(v) < 1e15) {
        xr_doc_textf(doc, "%.0f", v);
        return;
    }
    xr_doc_number(doc, v);
    if (!isfinite(lo) && !isfinite(hi))
        return;
    xr_html_raw(doc->h, doc->markdown ? " (" : " <span class=\"ci\">[");
    if (isfinite(lo))
        xr_doc_number(doc, lo);
    else
        xr_doc_text(doc, "unbounded");
    xr_html_raw(doc->h, doc->markdown ? " to " : ", ");
    if (isfinite(hi))
        xr_doc_number(doc, hi);
    else
        xr_doc_text(doc, "unbounded");
    xr_html_raw(doc->h, doc->markdown ? ")" : "]</span>");
}

/* --- tables ----------------------------------------------------------------------- */

/* Objects of figures that have tables of their own. */
static bool apart(const char *key)
{
    return !strcmp(key, "per_class") || !strcmp(key, "calibration");
}

static void figure_row(struct xr_doc *doc, const cJSON *figure, const char *of)
{
    xr_doc_row(doc);
    xr_doc_cell(doc, false);
    xr_report_name(doc, figure->string);
    if (of) {
        xr_doc_text(doc, ", ");
        xr_report_name(doc, of);
    }
    xr_doc_cell_end(doc, false);
    xr_doc_cell(doc, false);
    xr_report_figure(doc, figure);
    xr_doc_cell_end(doc, false);
    xr_doc_row_end(doc);
}

/* What else than the bootstrap made intervals: "; areas by delong". */
static const char *other(const struct report_data *d, const char *what)
{
    const char *method = xr_json_text(xr_report_metric(d, "intervals", NULL), what, "");
    const char *bootstrap =
        xr_json_text(xr_report_metric(d, "bootstrap", NULL), "method", method);

    return strcmp(method, bootstrap) ? method : "";
}

static char *figures_caption(const struct report_data *d)
{
    const cJSON *x = xr_report_metric(d, "bootstrap", NULL);
    const char *method = xr_json_text(x, "method", ""), *auc = other(d, "auc"),
               *proportions = other(d, "proportions");

    if (!cJSON_IsObject(x))
        return xr_sprintf(d->err, "Figures with their %.4g %% intervals",
                          xr_report_level(d));
    return xr_sprintf(d->err,
                      "Figures with their %.4g %% intervals (bootstrap, %s, %.0f "
                      "resamples of %.0f %ss, "
                      "seed %.0f%s%s%s%s)",
                      xr_report_level(d), strcmp(method, "bca") ? method : "BCa",
                      xr_json_number(x, "resamples", 0), xr_json_number(x, "units", 0),
                      xr_json_text(x, "unit", "row"), xr_json_number(x, "seed", 0),
                      *auc ? "; areas: " : "", auc, *proportions ? "; proportions: " : "",
                      proportions);
}

void xr_report_figures(struct report_data *d)
{
    const char *const names[] = {"figure", "value"};
    char *caption = figures_caption(d);
    const cJSON *x, *y;

    if (!caption) {
        d->h.failed = 1;
        return;
    }
    xr_doc_table(&d->doc, caption, names, 2);
    free(caption);
    cJSON_ArrayForEach(x, d->metrics)
    {
        if (xr_report_is_figure(x) && x->string) {
            figure_row(&d->doc, x, NULL);
        } else if (cJSON_IsObject(x) && x->string && !apart(x->string)) {
            cJSON_ArrayForEach(y, x)
            {
                if (xr_report_is_figure(y) && y->string)
                    figure_row(&d->doc, y, x->string);
            }
        }
    }
    xr_doc_table_end(&d->doc);
}

/* What a cell of the table of classes can show. */
static bool shown(const cJSON *x)
{
    return x->string && (cJSON_IsNumber(x) || xr_report_is_figure(x));
}

static void figure_cell(struct xr_doc *doc, const cJSON *object, const char *key)
{
    const cJSON *x = key ? cJSON_GetObjectItemCaseSensitive(object, key) : NULL;

    xr_doc_cell(doc, false);
    if (x)
        xr_report_figure(doc, x);
    xr_doc_cell_end(doc, false);
}

/* Figures down, classes across: of few classes. */
static void classes_across(struct report_data *d, const cJSON *classes,
                           const char **names)
{
    size_t n = 0;
    const cJSON *c, *x;

    names[n++] = "figure";
    cJSON_ArrayForEach(c, classes) names[n++] = c->string ? c->string : "";
    xr_doc_table(&d->doc, NULL, names, n);
    cJSON_ArrayForEach(x, classes->child)
    {
        if (!shown(x))
            continue;
        xr_doc_row(&d->doc);
        xr_doc_cell(&d->doc, false);
        xr_report_name(&d->doc, x->string);
        xr_doc_cell_end(&d->doc, false);
        cJSON_ArrayForEach(c, classes) figure_cell(&d->doc, c, x->string);
        xr_doc_row_end(&d->doc);
    }
}

static void classes_down(struct report_data *d, const cJSON *classes, const char **names)
{
    size_t n = 0;
    const cJSON *c, *x;

    names[n++] = "class";
    cJSON_ArrayForEach(x, classes->child)
    {
        if (!shown(x))
            continue;
        names[n] = xr_report_name_text(x->string, d->err);
        d->h.failed |= !names[n++];
    }
    if (!d->h.failed)
        xr_doc_table(&d->doc, NULL, names, n);
    cJSON_ArrayForEach(c, classes)
    {
        xr_doc_row(&d->doc);
        xr_doc_cell_text(&d->doc, false, c->string ? c->string : "");
        cJSON_ArrayForEach(x, classes->child)
        {
            if (shown(x))
                figure_cell(&d->doc, c, x->string);
        }
        xr_doc_row_end(&d->doc);
    }
    for (size_t i = 1; i < n; i++)
        free((void *)names[i]);
}

void xr_report_classes(struct report_data *d)
{
    const cJSON *classes = xr_report_metric(d, "per_class", NULL);
    size_t n = (size_t)cJSON_GetArraySize(classes);
    const char **names;

    if (!cJSON_IsObject(classes) || !classes->child)
        return;
    names = xr_alloc_array(n + (size_t)cJSON_GetArraySize(classes->child) + 1,
                           sizeof *names, d->err);
    if (!names) {
        d->h.failed = 1;
        return;
    }
    if (n > MANY_CLASSES)
        classes_down(d, classes, names);
    else
        classes_across(d, classes, names);
    xr_doc_table_end(&d->doc);
    free(names);
}

void xr_report_confusion(struct report_data *d)
{
    const cJSON *matrix = xr_report_metric(d, "confusion_matrix", NULL), *row, *cell;
    const cJSON *classes = xr_report_metric(d, "classes", NULL);
    size_t n = (size_t)cJSON_GetArraySize(classes), i = 0;
    char **names;

    if (!cJSON_IsArray(matrix) || !cJSON_IsArray(classes) || !n ||
        (size_t)cJSON_GetArraySize(matrix) != n)
        return;
    names = xr_alloc_array(n + 1, sizeof *names, d->err);
    if (names)
        names[i++] = xr_strdup("truth", d->err);
    cJSON_ArrayForEach(cell, classes)
    {
        const char *name = cJSON_GetStringValue(cell);

        if (names)
            names[i++] = xr_sprintf(d->err, ">called %s", name ? name : "");
    }
    for (size_t k = 0; k <= n && names; k++)
        d->h.failed |= !names[k];
    if (names && !d->h.failed) {
        xr_doc_table(&d->doc, "Rows are the truth, columns the call",
                     (const char *const *)names, n + 1);
        i = 0;
        cJSON_ArrayForEach(row, matrix)
        {
            xr_doc_row(&d->doc);
            xr_doc_cell_text(&d->doc, false, names[++i] + strlen(">called "));
            cJSON_ArrayForEach(cell, row)
            {
                xr_doc_cell(&d->doc, true);
                xr_report_figure(&d->doc, cell);
                xr_doc_cell_end(&d->doc, true);
            }
            xr_doc_row_end(&d->doc);
        }
        xr_doc_table_end(&d->doc);
    }
    for (size_t k = 0; k <= n && names; k++)
        free(names[k]);
    d->h.failed |= !names;
    free(names);
}
