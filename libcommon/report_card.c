/* The model card of a report, and where everything came from. */
#include <math.h>
#include <string.h>

#include "json.h"
#include "report_parts.h"

static void entry(struct xr_html *h, const char *name)
{
    xr_html_raw(h, "<dt>");
    xr_html_raw(h, name);
    xr_html_raw(h, "</dt>\n<dd>");
}

/* What only a person can say. */
static void human(struct xr_html *h, const char *name, const char *text, const char *hint)
{
    entry(h, name);
    if (text) {
        xr_html_text(h, text);
    } else {
        xr_html_raw(h, "<span class=\"missing\">MISSING</span>: ");
        xr_html_text(h, hint);
    }
    xr_html_raw(h, "</dd>\n");
}

static void joined(struct xr_html *h, const cJSON *list)
{
    const cJSON *x;
    int n = 0;

    cJSON_ArrayForEach(x, list)
    {
        if (n++)
            xr_html_raw(h, ", ");
        xr_html_text(h, cJSON_GetStringValue(x));
    }
}

static void model_entry(struct report_data *d)
{
    struct xr_html *h = &d->h;
    const cJSON *p = d->preprocessing;

    if (!d->model.path)
        return;
    entry(h, "Model");
    xr_html_text(h,
                 xr_json_text(d->model.meta, "architecture", "architecture not stated"));
    xr_html_rawf(h, ", %.3g million parameters", (double)d->n_params / 1e6);
    if (cJSON_IsArray(d->classes)) {
        xr_html_raw(h, "; classes ");
        joined(h, d->classes);
    }
    if (p && isfinite(xr_json_number(p, "height", NAN))) {
        xr_html_rawf(h, "; input %.0f &#215; %.0f, %.0f channel%s",
                     xr_json_number(p, "height", 0), xr_json_number(p, "width", 0),
                     xr_json_number(p, "channels", 0),
                     xr_json_number(p, "channels", 0) == 1 ? "" : "s");
        if (xr_json_text(p, "fit", NULL)) {
            xr_html_raw(h, ", fit ");
            xr_html_text(h, xr_json_text(p, "fit", ""));
        }
    }
    xr_html_raw(h, "; <span class=\"digest\">");
    xr_html_text(h, d->model.digest);
    xr_html_raw(h, "</span></dd>\n");
}

/* part,rows,... of the row with that name; NULL where there is none */
static const char *rows_of(const struct report_data *d, const char *part)
{
    for (size_t i = 0; i < d->parts.n_rows; i++) {
        if (!strcmp(xr_cell(&d->parts, i, 0), part))
            return xr_cell(&d->parts, i, 1);
    }
    return NULL;
}

static void data_entry(struct report_data *d)
{
    struct xr_html *h = &d->h;

    human(h, "Source of the films", d->in->source,
          "which patients, machines and years; licence and consent; how the labels were "
          "made");
    if (!d->parts.n_cols)
        return;
    entry(h, "Training and test data");
    xr_html_text(h, rows_of(d, "all"));
    xr_html_raw(h, " films");
    if (rows_of(d, "train")) {
        xr_html_raw(h, ": ");
        xr_html_text(h, rows_of(d, "train"));
        xr_html_raw(h, " to train, ");
        xr_html_text(h, rows_of(d, "val"));
        xr_html_raw(h, " to choose, ");
        xr_html_text(h, rows_of(d, "test"));
        xr_html_raw(h, " to test");
    }
    xr_html_raw(h, d->grouped
                       ? "; no group (patient) is in two parts.</dd>\n"
                       : "; not grouped: films of one patient may lie in two parts, and "
                         "the figures may be too good.</dd>\n");
}

static void figure_entry(struct report_data *d)
{
    static const char *const keys[][2] = {{"roc_auc", "ROC AUC "},
                                          {"roc_auc_ovr_macro", "macro ROC AUC "},
                                          {"balanced_accuracy", "balanced accuracy "}};
    struct xr_html *h = &d->h;
    const cJSON *c;
    int n = 0;

    if (!d->metrics)
        return;
    entry(h, "Performance");
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const cJSON *figure = xr_report_metric(d, keys[i][0], NULL);

        if (!figure)
            continue;
        xr_html_raw(h, n++ ? "; " : "");
        xr_html_raw(h, keys[i][1]);
        xr_report_figure(h, figure);
    }
    c = xr_report_metric(d, "per_class", NULL);
    cJSON_ArrayForEach(c, c)
    {
        const cJSON *recall = cJSON_GetObjectItemCaseSensitive(c, "recall");

        if (!recall)
            continue;
        xr_html_raw(h, n++ ? "; sensitivity for " : "sensitivity for ");
        xr_html_text(h, c->string);
        xr_html_raw(h, " ");
        xr_report_figure(h, recall);
    }
    xr_html_raw(h, "</dd>\n");
}

/* Limits that the files themselves show. */
static void limits_entry(struct report_data *d)
{
    const cJSON *classes = xr_report_metric(d, "per_class", NULL), *c;
    struct xr_html *h = &d->h;

    entry(h, "Known limits");
    xr_html_raw(h, "<ul>\n<li>For research only. Not a medical device; nothing here is a "
                   "diagnosis.</li>\n");
    cJSON_ArrayForEach(c, classes)
    {
        double n = xr_json_number(c, "support", NAN);

        if (n < 100) {
            xr_html_rawf(h, "<li>Only %.0f measured films are of class ", n);
            xr_html_text(h, c->string);
            xr_html_raw(h, ": its figures are uncertain, as the intervals show.</li>\n");
        }
    }
    if (d->parts.n_cols && !d->grouped)
        xr_html_raw(h, "<li>The split knows no groups.</li>\n");
    xr_html_raw(
        h, "<li>Measured on a part of the same collection; how it does on films of other "
           "hospitals and machines is not known from these files.</li>\n</ul>\n");
    if (d->in->limits)
        xr_html_text(h, d->in->limits);
    else
        xr_html_raw(
            h, "<span class=\"missing\">MISSING</span>: groups of patients, projections "
               "and findings that were not represented or do worse");
    xr_html_raw(h, "</dd>\n");
}

void xr_report_card(struct report_data *d)
{
    struct xr_html *h = &d->h;

    xr_html_raw(h, "<section id=\"card\">\n<h2>Model card</h2>\n<dl>\n");
    model_entry(d);
    human(h, "Intended use", d->in->intended_use,
          "for whom and for what question; what must not be decided with it");
    data_entry(d);
    figure_entry(d);
    limits_entry(d);
    human(h, "Contact", d->in->contact, "who answers for this model");
    xr_html_raw(h, "</dl>\n</section>\n");
}

/* --- lineage
 * -------------------------------------------------------------------------------------
 */

static const struct report_file *known(const struct report_data *d, const char *digest)
{
    for (size_t i = 0; digest && i < d->n_files; i++) {
        if (!strcmp(d->files[i].digest, digest))
            return &d->files[i];
    }
    return NULL;
}

static void inputs(struct report_data *d, const cJSON *list)
{
    struct xr_html *h = &d->h;
    const cJSON *x;

    if (!cJSON_IsObject(list) || !list->child)
        return;
    xr_html_raw(h, "\n<ul>\n");
    cJSON_ArrayForEach(x, list)
    {
        const char *digest = cJSON_GetStringValue(x);
        const struct report_file *same = known(d, digest);

        xr_html_raw(h, "<li>read ");
        xr_html_text(h, x->string);
        if (digest) {
            xr_html_raw(h, " <span class=\"digest\">");
            xr_html_text(h, digest);
            xr_html_raw(h, "</span>");
        }
        if (same) {
            xr_html_raw(h, " <span class=\"right\">= the ");
            xr_html_text(h, same->role);
            xr_html_raw(h, " of this report</span>");
        }
        xr_html_raw(h, "</li>\n");
    }
    xr_html_raw(h, "</ul>");
}

static void history(struct report_data *d, const char *title, const cJSON *steps)
{
    struct xr_html *h = &d->h;
    const cJSON *s, *a;

    if (!cJSON_IsArray(steps) || !steps->child)
        return;
    xr_html_raw(h, "<h3>");
    xr_html_raw(h, title);
    xr_html_raw(h, "</h3>\n<ol class=\"steps\">\n");
    cJSON_ArrayForEach(s, steps)
    {
        xr_html_raw(h, "<li><code>");
        xr_html_text(h, xr_json_text(s, "tool", "?"));
        cJSON_ArrayForEach(a, cJSON_GetObjectItemCaseSensitive(s, "arguments"))
        {
            xr_html_raw(h, " ");
            xr_html_text(h, cJSON_GetStringValue(a));
        }
        xr_html_raw(h, "</code> <span class=\"share\">version ");
        xr_html_text(h, xr_json_text(s, "version", "?"));
        if (isfinite(xr_json_number(s, "seed", NAN)))
            xr_html_rawf(h, ", seed %.0f", xr_json_number(s, "seed", 0));
        if (isfinite(xr_json_number(s, "threads", NAN)))
            xr_html_rawf(h, ", %.0f threads", xr_json_number(s, "threads", 0));
        xr_html_raw(h, "</span>");
        inputs(d, cJSON_GetObjectItemCaseSensitive(s, "inputs"));
        xr_html_raw(h, "</li>\n");
    }
    xr_html_raw(h, "</ol>\n");
}

void xr_report_lineage(struct report_data *d)
{
    struct xr_html *h = &d->h;

    xr_html_raw(
        h,
        "<section id=\"lineage\">\n<h2>Lineage</h2>\n<p>The commands that led here, as "
        "the files themselves record them, and the digests of the files this report "
        "was made of.</p>\n");
    history(d, "The model", d->model_history);
    history(d, "The heat maps", d->cam_history);
    history(d, "The metrics", xr_report_metric(d, "history", NULL));
    xr_html_raw(
        h, "<h3>Files of this report</h3>\n<div class=\"scroll\"><table>\n<thead><tr><th "
           "scope=\"col\">what</th><th scope=\"col\">file</th><th "
           "scope=\"col\">SHA-256</th></tr></thead>\n<tbody>\n");
    for (size_t i = 0; i < d->n_files; i++) {
        const char *digest = d->files[i].digest;

        xr_html_raw(h, "<tr>");
        xr_html_element(h, "td", d->files[i].role);
        xr_html_element(h, "td", d->files[i].name);
        xr_html_element(h, "td class=\"digest\"",
                        strncmp(digest, "sha256:", 7) ? digest : digest + 7);
        xr_html_raw(h, "</tr>\n");
    }
    xr_html_raw(h, "</tbody></table></div>\n</section>\n");
}
