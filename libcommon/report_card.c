/* The model card: what the files say of a model, and what a person still has to write. */
#include <math.h>
#include <string.h>

#include "json.h"
#include "report_parts.h"

static void heading(struct report_data *d, const char *text)
{
    xr_doc_heading(&d->doc, 2, NULL, text);
}

/* A paragraph that only a person can write. */
static void human(struct report_data *d, const char *text, const char *hint)
{
    xr_doc_para(&d->doc);
    if (text)
        xr_doc_text(&d->doc, text);
    else
        xr_doc_missing(&d->doc, hint);
    xr_doc_para_end(&d->doc);
}

static void para(struct report_data *d, void (*words)(struct report_data *))
{
    xr_doc_para(&d->doc);
    words(d);
    xr_doc_para_end(&d->doc);
}

const char *xr_report_argument(const cJSON *history, const char *tool, const char *name)
{
    const char *found = NULL;
    const cJSON *step, *a;
    size_t n = strlen(name);

    cJSON_ArrayForEach(step, history)
    {
        if (strcmp(xr_json_text(step, "tool", ""), tool))
            continue;
        found = NULL;
        cJSON_ArrayForEach(a, cJSON_GetObjectItemCaseSensitive(step, "arguments"))
        {
            const char *text = cJSON_GetStringValue(a);

            if (!text || strncmp(text, "--", 2) || strncmp(text + 2, name, n))
                continue;
            if (text[2 + n] == '=')
                found = text + 3 + n;
            else if (!text[2 + n])
                found = "";
        }
    }
    return found;
}

/* --- the model -------------------------------------------------------------------- */

void xr_report_model_words(struct report_data *d)
{
    struct xr_doc *doc = &d->doc;
    const cJSON *p = d->preprocessing, *c;
    const char *init = xr_report_argument(d->model_history, "xr-train", "init");
    int n = 0;

    xr_doc_strong(doc,
                  xr_json_text(d->model.meta, "architecture", "architecture not stated"));
    xr_doc_textf(doc, ", %.3g million parameters", (double)d->n_params / 1e6);
    cJSON_ArrayForEach(c, d->classes)
        xr_doc_textf(doc, "%s%s", n++ ? ", " : "; classes ",
                     cJSON_GetStringValue(c) ? cJSON_GetStringValue(c) : "");
    if (isfinite(xr_json_number(p, "height", NAN))) {
        xr_doc_textf(doc, "; input %.0f x %.0f, %.0f channel%s",
                     xr_json_number(p, "height", 0), xr_json_number(p, "width", 0),
                     xr_json_number(p, "channels", 0),
                     xr_json_number(p, "channels", 0) == 1 ? "" : "s");
        if (xr_json_text(p, "fit", NULL))
            xr_doc_textf(doc, ", fit %s", xr_json_text(p, "fit", ""));
        if (xr_json_text(p, "interpolation", NULL))
            xr_doc_textf(doc, ", %s", xr_json_text(p, "interpolation", ""));
    }
    if (cJSON_IsArray(d->model_history))
        xr_doc_textf(doc, init ? "; it began from the weights in %s" : "; %s",
                     init ? init : "it was trained from random weights");
    xr_doc_text(doc, ". File: ");
    xr_report_digest(doc, d->model.digest);
}

static void model_section(struct report_data *d)
{
    heading(d, "Model");
    if (d->model.path)
        para(d, xr_report_model_words);
    else
        human(d, NULL, "the architecture and its version: no model was given");
    human(d, NULL, "licence of the model, and the version under which it is released");
}

/* --- data ------------------------------------------------------------------------- */

static void films_words(struct report_data *d)
{
    xr_doc_textf(&d->doc, "The %zu image files of the split, %.4g MB, were read: ",
                 d->n_split_films, (double)d->film_bytes / 1e6);
    xr_report_digest(&d->doc, d->films_digest);
    xr_doc_text(&d->doc, " (of what sha256sum prints for their paths, sorted).");
}

static void data_section(struct report_data *d, bool whole)
{
    heading(d, "Data");
    human(d, d->in->source,
          "which patients, machines and years; licence and consent; how the labels were "
          "made");
    if (d->parts.n_cols)
        para(d, xr_report_split_words);
    else
        human(d, NULL, "how the films were divided: no split was given");
    if (d->certificate.json)
        para(d, xr_report_certificate_words);
    if (*d->films_digest)
        para(d, films_words);
    if (!whole)
        return;
    xr_report_parts_table(d);
    xr_report_flow(d);
    if (d->demographics.n_rows)
        xr_report_demographics(d);
    else
        human(d, NULL,
              "who the patients are, by part (xr-split --demographics makes the table)");
}

/* --- training --------------------------------------------------------------------- */

static void machine_words(struct report_data *d)
{
    double threads = xr_json_number(d->training, "threads", NAN);

    if (isfinite(threads))
        xr_doc_textf(&d->doc, "%.0f threads. ", threads);
    if (d->in->hardware)
        xr_doc_textf(&d->doc, "Hardware: %s", d->in->hardware);
    else
        xr_doc_missing(&d->doc, "the hardware: processor, accelerator, memory");
}

static void training_section(struct report_data *d, bool whole)
{
    bool log = isfinite(xr_report_log(d).epochs);

    heading(d, "Training");
    if (log)
        para(d, xr_report_log_words);
    else
        human(d, NULL, "epochs and hours: no log was given");
    para(d, machine_words);
    if (whole)
        xr_report_settings(d);
}

/* --- performance ------------------------------------------------------------------ */

void xr_report_figures_words(struct report_data *d)
{
    static const char *const keys[] = {"roc_auc", "roc_auc_ovr_macro",
                                       "balanced_accuracy"};
    struct xr_doc *doc = &d->doc;
    const cJSON *c, *n_films = xr_report_metric(d, "n", NULL);
    int n = 0;

    if (cJSON_IsNumber(n_films))
        xr_doc_textf(doc, "Measured on %.0f films, with %.4g %% intervals: ",
                     n_films->valuedouble, xr_report_level(d));
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const cJSON *figure = xr_report_metric(d, keys[i], NULL);

        if (!figure)
            continue;
        xr_doc_text(doc, n++ ? "; " : "");
        xr_report_name(doc, keys[i]);
        xr_doc_text(doc, " ");
        xr_report_figure(doc, figure);
    }
    c = xr_report_metric(d, "per_class", NULL);
    cJSON_ArrayForEach(c, c)
    {
        const cJSON *recall = cJSON_GetObjectItemCaseSensitive(c, "recall");

        if (!recall)
            continue;
        xr_doc_textf(doc, "%ssensitivity for %s ", n++ ? "; " : "", c->string);
        xr_report_figure(doc, recall);
    }
    xr_doc_text(doc, ".");
}

static void performance_section(struct report_data *d, bool whole)
{
    heading(d, "Performance");
    if (!d->metrics) {
        human(d, NULL, "how well it does: no metrics were given");
        return;
    }
    para(d, xr_report_figures_words);
    if (!whole)
        return;
    xr_report_figures(d);
    xr_report_classes(d);
    xr_report_confusion(d);
    xr_report_operating(d);
    xr_report_calibration(d);
    if (!xr_report_metric(d, "calibration", NULL))
        human(d, NULL, "calibration: the metrics given hold none");
    xr_report_subgroups(d);
    if (!xr_report_metric(d, "subgroups", NULL))
        human(d, NULL,
              "performance in groups of patients: the metrics given hold none "
              "(xr-metrics --by)");
    xr_report_decision(d);
    xr_report_comparison(d);
}

/* --- explanations, limits --------------------------------------------------------- */

void xr_report_maps_words(struct report_data *d)
{
    int method = xr_table_col(&d->scores, "method"),
        layer = xr_table_col(&d->scores, "layer");
    const char *name = d->cam_method, *at = d->cam_layer;

    if (!name && method >= 0 && layer >= 0 && d->scores.n_rows) {
        name = xr_cell(&d->scores, 0, (size_t)method);
        at = xr_cell(&d->scores, 0, (size_t)layer);
    }
    xr_doc_text(&d->doc, "Heat maps");
    if (name)
        xr_doc_textf(&d->doc, " by %s at layer %s", name, at);
    xr_doc_text(&d->doc, " show what the network reacts to; they do not prove why.");
}

static void explanations_section(struct report_data *d, bool whole)
{
    heading(d, "Explanations");
    if (!d->in->cam && !d->scores.n_cols) {
        human(d, NULL, "no heat maps were given");
        return;
    }
    para(d, xr_report_maps_words);
    if (whole)
        xr_report_scores(d);
}

static void limit(struct report_data *d, const char *text)
{
    xr_doc_item(&d->doc);
    xr_doc_text(&d->doc, text);
    xr_doc_item_end(&d->doc);
}

/* Limits that the files themselves show. */
static void limits_section(struct report_data *d)
{
    const cJSON *c;

    heading(d, "Limits");
    xr_doc_list(&d->doc);
    limit(d, "For research only. Not a medical device; nothing here is a diagnosis.");
    cJSON_ArrayForEach(c, xr_report_metric(d, "per_class", NULL))
    {
        double n = xr_json_number(c, "support", NAN);

        if (n < 100) {
            xr_doc_item(&d->doc);
            xr_doc_textf(&d->doc,
                         "Only %.0f measured films are of class %s: its figures are "
                         "uncertain, as the intervals show.",
                         n, c->string);
            xr_doc_item_end(&d->doc);
        }
    }
    if (d->parts.n_cols && !d->grouped)
        limit(d, "The split knows no groups.");
    if (d->metrics)
        limit(d, "Measured on a part of the same collection; how it does on films of "
                 "other hospitals and machines is not known from these files.");
    xr_doc_list_end(&d->doc);
    human(d, d->in->limits,
          "groups of patients, projections and findings that were not represented or do "
          "worse");
}

static void files_section(struct report_data *d)
{
    static const char *const names[] = {"what", "file", "digest"};

    heading(d, "Files");
    xr_doc_table(&d->doc, "What this card was made of", names, 3);
    for (size_t i = 0; i < d->n_files; i++) {
        xr_doc_row(&d->doc);
        xr_doc_cell_text(&d->doc, false, d->files[i].role);
        xr_doc_cell_text(&d->doc, false, d->files[i].name);
        xr_doc_cell(&d->doc, false);
        xr_report_digest(&d->doc, d->files[i].digest);
        xr_doc_cell_end(&d->doc, false);
        xr_doc_row_end(&d->doc);
    }
    xr_doc_table_end(&d->doc);
}

void xr_report_card(struct report_data *d, bool whole)
{
    if (whole)
        xr_report_open(d, "model card");
    else
        xr_doc_heading(&d->doc, 1, NULL, "Model card");
    model_section(d);
    heading(d, "Intended use");
    human(d, d->in->intended_use, "for whom and for what question");
    human(d, NULL, "what must not be decided with it, and by whom it must not be used");
    data_section(d, whole);
    training_section(d, whole);
    performance_section(d, whole);
    explanations_section(d, whole);
    limits_section(d);
    heading(d, "Ethics");
    human(d, NULL, "approval, consent, and who may be harmed by a wrong call");
    heading(d, "Contact");
    human(d, d->in->contact, "who answers for this model");
    if (whole) {
        files_section(d);
        xr_report_close(d);
    }
}
