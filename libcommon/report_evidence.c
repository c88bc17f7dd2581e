/* What files say to an item of a checklist: one function each, in the order of the enum.
 */
#include "report_evidence.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"

static const cJSON *get(const cJSON *object, const char *key)
{
    return cJSON_GetObjectItemCaseSensitive(object, key);
}

/* What a person said, as a sentence. */
static bool text(struct report_data *d, const char *what)
{
    if (what) {
        xr_doc_text(&d->doc, what);
        xr_doc_text(&d->doc, *what && strchr(".!?", what[strlen(what) - 1]) ? "" : ".");
    }
    return what != NULL;
}

/* Names of an array, joined by commas. */
static void names(struct report_data *d, const cJSON *list)
{
    const cJSON *x;
    int n = 0;

    cJSON_ArrayForEach(x, list)
    {
        xr_doc_text(&d->doc, n++ ? ", " : "");
        xr_doc_text(&d->doc, cJSON_GetStringValue(x));
    }
}

static bool technique(struct report_data *d)
{
    if (!d->model.path)
        return false;
    xr_doc_textf(&d->doc, "Deep learning: the network %s for the classes ",
                 xr_json_text(d->model.meta, "architecture", "(not stated)"));
    names(d, d->classes);
    xr_doc_text(&d->doc, ".");
    return true;
}

static bool use(struct report_data *d)
{
    return text(d, d->in->intended_use);
}

static bool source(struct report_data *d)
{
    return text(d, d->in->source);
}

static bool limits(struct report_data *d)
{
    const cJSON *c;
    int n = text(d, d->in->limits);

    cJSON_ArrayForEach(c, xr_report_metric(d, "per_class", NULL))
    {
        if (xr_json_number(c, "support", NAN) < 100)
            xr_doc_textf(&d->doc, "%sOnly %.0f measured films are of class %s.",
                         n++ ? " " : "", xr_json_number(c, "support", NAN), c->string);
    }
    if (d->parts.n_cols && !d->grouped)
        xr_doc_textf(&d->doc, "%sThe split knows no groups (patients).", n++ ? " " : "");
    return n > 0;
}

/* Arguments of the last run of a tool, those that begin with one of `which`. */
static int arguments(struct report_data *d, const cJSON *history, const char *tool,
                     const char *const *which, size_t n_which, int n)
{
    const cJSON *step, *last = NULL, *a;

    cJSON_ArrayForEach(step, history)
    {
        if (!strcmp(xr_json_text(step, "tool", ""), tool))
            last = step;
    }
    cJSON_ArrayForEach(a, get(last, "arguments"))
    {
        const char *argument = cJSON_GetStringValue(a);

        for (size_t i = 0; argument && i < n_which; i++) {
            size_t len = strlen(which[i]);

            if (strncmp(argument, "--", 2) || strncmp(argument + 2, which[i], len) ||
                (argument[2 + len] && argument[2 + len] != '='))
                continue;
            xr_doc_text(&d->doc, n++ ? ", " : "");
            xr_doc_code(&d->doc, argument + 2);
        }
    }
    return n;
}

static bool prepared(struct report_data *d)
{
    static const char *const which[] = {"size",     "fit",       "interpolation",
                                        "channels", "transform", "fast-decode"};
    const cJSON *p = d->preprocessing;

    if (!isfinite(xr_json_number(p, "height", NAN)))
        return false;
    xr_doc_textf(&d->doc,
                 "Films were brought to %.0f x %.0f, %.0f channel%s (fit %s, %s), and "
                 "normalised with mean ",
                 xr_json_number(p, "height", 0), xr_json_number(p, "width", 0),
                 xr_json_number(p, "channels", 0),
                 xr_json_number(p, "channels", 0) == 1 ? "" : "s",
                 xr_json_text(p, "fit", "not stated"),
                 xr_json_text(p, "interpolation", "interpolation not stated"));
    for (int i = 0; i < 2; i++) {
        const cJSON *x;
        int n = 0;

        cJSON_ArrayForEach(x, get(p, i ? "std" : "mean"))
            xr_doc_textf(&d->doc, "%s%.4g", n++ ? " " : "", x->valuedouble);
        xr_doc_text(&d->doc, i ? "." : " and deviation ");
    }
    if (cJSON_IsArray(d->model_history)) {
        xr_doc_text(&d->doc, " xr-augment for training: ");
        if (!arguments(d, d->model_history, "xr-augment", which,
                       sizeof which / sizeof *which, 0))
            xr_doc_text(&d->doc, "its defaults");
        xr_doc_text(&d->doc, ".");
    }
    return true;
}

static bool flow(struct report_data *d)
{
    const struct xr_table *t = &d->flow;
    int step = xr_table_col(t, "step"), reason = xr_table_col(t, "reason"),
        rows = xr_table_col(t, "rows");

    if (step < 0 || reason < 0 || rows < 0)
        return false;
    for (size_t i = 0; i < t->n_rows; i++) {
        const char *why = xr_cell(t, i, (size_t)reason);

        xr_doc_textf(&d->doc, "%s%s%s%s %s",
                     i ? "; " : "Films: ", xr_cell(t, i, (size_t)step), *why ? ": " : "",
                     why, xr_cell(t, i, (size_t)rows));
    }
    xr_doc_text(&d->doc, ".");
    return true;
}

static bool hidden(struct report_data *d)
{
    if (!xr_report_argument(d->model_history, "xr-augment", "deidentify"))
        return false;
    xr_doc_text(&d->doc,
                "xr-augment --deidentify: keys and ids replaced by a keyed hash, all "
                "other columns dropped but an allow-list.");
    return true;
}

static bool missing(struct report_data *d)
{
    const struct xr_table *t = &d->flow;
    int step = xr_table_col(t, "step"), reason = xr_table_col(t, "reason"),
        rows = xr_table_col(t, "rows"), n = 0;

    for (size_t i = 0; step >= 0 && reason >= 0 && rows >= 0 && i < t->n_rows; i++) {
        if (strcmp(xr_cell(t, i, (size_t)step), "left out"))
            continue;
        xr_doc_textf(&d->doc, "%s%s %s",
                     n++ ? ", " : "Left out: ", xr_cell(t, i, (size_t)reason),
                     xr_cell(t, i, (size_t)rows));
    }
    xr_doc_text(&d->doc, n ? "." : "");
    return n > 0;
}

static bool split(struct report_data *d)
{
    if (d->parts.n_cols)
        xr_report_split_words(d);
    if (d->certificate.json) {
        xr_doc_text(&d->doc, " ");
        xr_report_certificate_words(d);
    }
    if (d->in->rule) {
        xr_doc_text(&d->doc, " Made by ");
        xr_doc_code(&d->doc, d->in->rule);
    }
    return d->parts.n_cols || d->certificate.json || d->in->rule;
}

static bool disjoint(struct report_data *d)
{
    const struct xr_certificate *c = &d->certificate;

    if (!d->parts.n_cols && !c->json)
        return false;
    if (d->parts.n_cols ? d->grouped : xr_certificate_grouped(c))
        xr_doc_text(&d->doc, "Group (patient): no group is in two parts");
    else
        xr_doc_text(&d->doc,
                    "Image only: the split knows no groups, films of one patient "
                    "may lie in two parts");
    xr_doc_text(&d->doc, d->parts.n_cols ? "; proved from the table while this was made."
                                         : "; so the certificate says.");
    return true;
}

static bool sizes(struct report_data *d)
{
    const struct xr_table *t = &d->parts;

    for (size_t r = 0; r < t->n_rows; r++) {
        int n = 0;

        xr_doc_textf(&d->doc, "%s%s %s", r ? "; " : "By part: ", xr_cell(t, r, 0),
                     xr_cell(t, r, 1));
        for (size_t c = 2; c < t->n_cols; c++) {
            if (!strncmp(t->names[c], "n_", 2))
                xr_doc_textf(&d->doc, "%s%s %s", n++ ? ", " : " (", t->names[c] + 2,
                             xr_cell(t, r, c));
        }
        xr_doc_text(&d->doc, n ? ")" : "");
    }
    xr_doc_text(&d->doc, t->n_rows ? "." : "");
    return t->n_rows > 0;
}

static bool model(struct report_data *d)
{
    if (!d->model.path)
        return false;
    xr_report_model_words(d);
    return true;
}

/* Tools and versions of all histories, each once. */
static bool software(struct report_data *d)
{
    const cJSON *const all[] = {d->model_history, d->cam_history,
                                xr_report_metric(d, "history", NULL)};
    const char *seen[32];
    size_t n = 0;

    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        const cJSON *step;

        cJSON_ArrayForEach(step, all[i])
        {
            const char *tool = xr_json_text(step, "tool", NULL);
            size_t s = 0;

            while (tool && s < n && strcmp(seen[s], tool))
                s++;
            if (!tool || s < n || n == sizeof seen / sizeof *seen)
                continue;
            seen[n++] = tool;
            xr_doc_textf(&d->doc, "%s%s %s", n > 1 ? ", " : "", tool,
                         xr_json_text(step, "version", ""));
        }
    }
    xr_doc_text(&d->doc, n ? "." : "");
    return n > 0;
}

static bool hardware(struct report_data *d)
{
    struct report_log log = xr_report_log(d);
    double threads = xr_json_number(d->training, "threads", NAN);

    if (d->in->hardware)
        xr_doc_textf(&d->doc, "Hardware: %s. ", d->in->hardware);
    if (isfinite(threads))
        xr_doc_textf(&d->doc, "%.0f threads. ", threads);
    if (isfinite(log.seconds))
        xr_doc_textf(&d->doc, "Training took %.2g hours (%.0f s).", log.seconds / 3600,
                     log.seconds);
    return d->in->hardware || isfinite(threads) || isfinite(log.seconds);
}

static bool start(struct report_data *d)
{
    const char *init = xr_report_argument(d->model_history, "xr-train", "init");
    const cJSON *step;

    if (!cJSON_IsArray(d->model_history))
        return false;
    if (!init) {
        xr_doc_text(&d->doc, "Random, by the seed: no initial weights were given.");
        return true;
    }
    xr_doc_textf(&d->doc, "From the weights in %s", init);
    cJSON_ArrayForEach(step, d->model_history)
    {
        const char *digest = xr_json_text(get(step, "inputs"), init, NULL);

        if (digest && !strcmp(xr_json_text(step, "tool", ""), "xr-train")) {
            xr_doc_text(&d->doc, " (");
            xr_report_digest(&d->doc, digest);
            xr_doc_text(&d->doc, ")");
        }
    }
    xr_doc_text(&d->doc, ".");
    return true;
}

static bool training(struct report_data *d)
{
    const cJSON *step, *a, *last = NULL;
    int n = 0;

    cJSON_ArrayForEach(step, d->model_history)
    {
        if (!strcmp(xr_json_text(step, "tool", ""), "xr-train"))
            last = step;
    }
    if (!last && !isfinite(xr_report_log(d).epochs))
        return false;
    if (last)
        xr_doc_text(&d->doc, "xr-train with ");
    cJSON_ArrayForEach(a, get(last, "arguments"))
    {
        const char *argument = cJSON_GetStringValue(a);

        if (!argument)
            continue;
        xr_doc_text(&d->doc, n++ ? ", " : "");
        xr_doc_code(&d->doc, argument + (strncmp(argument, "--", 2) ? 0 : 2));
    }
    xr_doc_text(&d->doc, last ? n ? ". " : "its defaults. " : "");
    if (isfinite(xr_report_log(d).epochs))
        xr_report_log_words(d);
    return true;
}

static bool choice(struct report_data *d)
{
    cJSON *metrics = d->model.path ? xr_model_json(&d->model, "metrics") : NULL;
    const char *monitor = xr_report_argument(d->model_history, "xr-train", "monitor");
    const char *on = xr_json_text(metrics, "split", NULL);
    bool known = isfinite(xr_json_number(metrics, "epoch", NAN)) && on;

    if (known && !strcmp(on, "val"))
        xr_doc_textf(&d->doc,
                     "The epoch with the best %s on the validation part, epoch %.0f.",
                     monitor ? monitor : "AUC", xr_json_number(metrics, "epoch", 0));
    else if (known)
        xr_doc_textf(&d->doc, "The last epoch, %.0f; there was no validation part.",
                     xr_json_number(metrics, "epoch", 0));
    cJSON_Delete(metrics);
    return known;
}

static bool ensemble(struct report_data *d)
{
    const cJSON *history = xr_report_metric(d, "history", NULL);
    const char *how = xr_report_argument(history, "xr-metrics", "ensemble");

    if (!cJSON_IsArray(history))
        return false;
    xr_doc_textf(&d->doc,
                 how ? "Predictions of several models were joined (%s)."
                     : "%s: the figures are those of one file of predictions.",
                 how ? how : "None");
    return true;
}

static bool measures(struct report_data *d)
{
    const cJSON *x;
    int n = 0;

    cJSON_ArrayForEach(x, d->metrics)
    {
        if (!x->string || !xr_report_is_figure(x))
            continue;
        xr_doc_text(&d->doc, n++ ? "; " : "");
        xr_report_name(&d->doc, x->string);
    }
    x = xr_report_metric(d, "per_class", NULL);
    x = x && x->child ? x->child->child : NULL;
    for (bool first = true; x; x = x->next) {
        if (!x->string || !xr_report_is_figure(x))
            continue;
        xr_doc_text(&d->doc, first ? n ? "; of each class " : "Of each class " : ", ");
        xr_report_name(&d->doc, x->string);
        first = false;
        n++;
    }
    xr_doc_text(&d->doc, n ? "." : "");
    return n > 0;
}

static bool intervals(struct report_data *d)
{
    const cJSON *b = xr_report_metric(d, "bootstrap", NULL), *x;
    const cJSON *made = xr_report_metric(d, "intervals", NULL);
    bool any = cJSON_IsObject(b);

    if (any)
        xr_doc_textf(&d->doc,
                     "%.4g %% intervals by bootstrap (%s), %.0f resamples of %.0f %ss, "
                     "seed %.0f.",
                     xr_report_level(d), xr_json_text(b, "method", "method not stated"),
                     xr_json_number(b, "resamples", 0), xr_json_number(b, "units", 0),
                     xr_json_text(b, "unit", "row"), xr_json_number(b, "seed", 0));
    cJSON_ArrayForEach(x, made)
    {
        if (!cJSON_IsString(x))
            continue;
        xr_doc_textf(&d->doc, "%sOf %s: %s.", any ? " " : "", x->string, x->valuestring);
        any = true;
    }
    if (d->comparison) {
        xr_doc_textf(&d->doc, "%sPaired comparisons, with Holm's correction.",
                     any ? " " : "");
        any = true;
    }
    return any;
}

static bool groups(struct report_data *d)
{
    const cJSON *list = xr_report_metric(d, "subgroups", NULL), *g, *before;
    int n = 0;

    if (!cJSON_IsArray(list) || !list->child)
        return false;
    xr_doc_text(&d->doc, "Figures with intervals by group: ");
    cJSON_ArrayForEach(g, list)
    {
        for (before = list->child; before != g; before = before->next) {
            if (!strcmp(xr_json_text(before, "column", ""),
                        xr_json_text(g, "column", "")))
                break;
        }
        if (before == g)
            xr_doc_textf(&d->doc, "%s%s", n++ ? ", " : "", xr_json_text(g, "column", ""));
    }
    n = 0;
    cJSON_ArrayForEach(g, xr_report_metric(d, "gaps", NULL))
    {
        if (!xr_report_headlines(xr_json_text(g, "figure", "")))
            continue;
        xr_doc_text(&d->doc, n++ ? "; " : ". Largest gaps: ");
        xr_report_name(&d->doc, xr_json_text(g, "figure", ""));
        xr_doc_textf(&d->doc, " by %s ", xr_json_text(g, "column", ""));
        xr_report_figure(&d->doc, get(g, "largest"));
    }
    xr_doc_text(&d->doc, ".");
    return true;
}

static bool maps(struct report_data *d)
{
    if (!d->in->cam && !d->scores.n_cols)
        return false;
    xr_report_maps_words(d);
    if (d->scores.n_cols)
        xr_doc_text(&d->doc, " Compared with lesion masks: see the model card.");
    return true;
}

static bool tested(struct report_data *d)
{
    int col = d->pred.n ? xr_table_col(&d->pred.table, "split") : -1;
    const cJSON *n = xr_report_metric(d, "n", NULL);

    if (!d->pred.n && !cJSON_IsNumber(n))
        return false;
    xr_doc_textf(&d->doc, "%.0f films",
                 cJSON_IsNumber(n) ? n->valuedouble : (double)d->pred.n);
    if (col >= 0 && d->pred.n_splits == 1)
        xr_doc_textf(&d->doc, " of the part '%s' of the same split",
                     xr_cell(&d->pred.table, d->pred.row[0], (size_t)col));
    xr_doc_text(&d->doc, d->certificate.json && d->pred.n
                             ? ", whole, as the certificate proves."
                             : ".");
    return true;
}

static bool people(struct report_data *d)
{
    const struct xr_table *t = &d->demographics;
    int column = xr_table_col(t, "column"), n = 0;

    if (column < 0 || !t->n_rows)
        return false;
    xr_doc_text(&d->doc, "Given by part in the table of xr-split --demographics (see the "
                         "model card): ");
    for (size_t i = 0; i < t->n_rows; i++) {
        const char *name = xr_cell(t, i, (size_t)column);

        if (!i || strcmp(name, xr_cell(t, i - 1, (size_t)column)))
            xr_doc_textf(&d->doc, "%s%s", n++ ? ", " : "", name);
    }
    xr_doc_text(&d->doc, ".");
    return true;
}

static bool figures(struct report_data *d)
{
    if (!d->metrics)
        return false;
    xr_report_figures_words(d);
    return true;
}

static bool accuracy(struct report_data *d)
{
    const cJSON *c;
    int n = 0;

    cJSON_ArrayForEach(c, xr_report_metric(d, "per_class", NULL))
    {
        const cJSON *recall = get(c, "recall"), *spec = get(c, "specificity");

        if (!recall || !spec)
            continue;
        xr_doc_textf(&d->doc, "%s%s: sensitivity ", n++ ? "; " : "", c->string);
        xr_report_figure(&d->doc, recall);
        xr_doc_text(&d->doc, ", specificity ");
        xr_report_figure(&d->doc, spec);
    }
    xr_doc_text(&d->doc, n ? "." : "");
    return n > 0;
}

static bool cross(struct report_data *d)
{
    const cJSON *classes = xr_report_metric(d, "classes", NULL), *row, *cell;
    int i = 0;

    cJSON_ArrayForEach(row, xr_report_metric(d, "confusion_matrix", NULL))
    {
        const char *truth = cJSON_GetStringValue(cJSON_GetArrayItem(classes, i));
        int j = 0;

        xr_doc_textf(&d->doc, "%s%s called ", i++ ? "; " : "", truth ? truth : "?");
        cJSON_ArrayForEach(cell, row)
        {
            const char *call = cJSON_GetStringValue(cJSON_GetArrayItem(classes, j));

            xr_doc_textf(&d->doc, "%s%s %.0f", j++ ? ", " : "", call ? call : "?",
                         cell->valuedouble);
        }
    }
    xr_doc_text(&d->doc, i ? "." : "");
    return i > 0;
}

static bool errors(struct report_data *d)
{
    const cJSON *row, *cell;
    double all = 0, right = 0;
    int i = 0;

    cJSON_ArrayForEach(row, xr_report_metric(d, "confusion_matrix", NULL))
    {
        int j = 0;

        cJSON_ArrayForEach(cell, row)
        {
            all += cell->valuedouble;
            right += i == j++ ? cell->valuedouble : 0;
        }
        i++;
    }
    if (!(all > 0))
        return false;
    xr_doc_textf(&d->doc,
                 "%.0f of %.0f films were called wrongly; the report lists the most "
                 "confident of them%s.",
                 all - right, all, d->in->cam ? " with heat maps" : "");
    return true;
}

static bool thresholds(struct report_data *d)
{
    const cJSON *p;
    int n = 0;

    cJSON_ArrayForEach(p, xr_report_metric(d, "operating_points", NULL))
    {
        const cJSON *on = get(p, "fitted_on");

        xr_doc_textf(&d->doc, "%s%s by %s: ", n++ ? "; " : "",
                     xr_json_text(p, "class", ""), xr_json_text(p, "rule", ""));
        xr_report_figure(&d->doc, get(p, "threshold"));
        if (xr_json_text(on, "split", NULL))
            xr_doc_textf(&d->doc, ", chosen on %s", xr_json_text(on, "split", ""));
    }
    xr_doc_text(&d->doc, n ? "." : "");
    return n > 0;
}

static bool balance(struct report_data *d)
{
    static const char *const train[] = {"class-weights", "gamma", "alpha",
                                        "weights-on-balanced"},
                             *const augment[] = {"balance"};
    const cJSON *weights = get(d->training, "class_weights"), *x;
    int n;

    if (!cJSON_IsArray(d->model_history))
        return false;
    n = arguments(d, d->model_history, "xr-augment", augment, 1, 0);
    n = arguments(d, d->model_history, "xr-train", train, sizeof train / sizeof *train,
                  n);
    if (!n)
        xr_doc_text(&d->doc, "None was used");
    if (cJSON_IsArray(weights) && weights->child) {
        xr_doc_text(&d->doc, "; weights of the classes in the loss ");
        n = 0;
        cJSON_ArrayForEach(x, weights)
            xr_doc_textf(&d->doc, "%s%.4g", n++ ? ", " : "", x->valuedouble);
    }
    xr_doc_text(&d->doc, ".");
    return true;
}

static bool output(struct report_data *d)
{
    if (!d->model.path && !d->pred.n)
        return false;
    xr_doc_text(&d->doc, "A probability for each class, adding up to 1; the call is the "
                         "largest, so that no film is left without one.");
    return true;
}

static bool calibration(struct report_data *d)
{
    static const char *const keys[] = {"ece", "ece_equal_mass", "classwise_ece",
                                       "mce", "brier_score",    "brier_score_loss"};
    int n = 0;

    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const cJSON *x = xr_report_metric(d, keys[i], NULL);

        if (!xr_report_is_figure(x))
            continue;
        xr_doc_text(&d->doc, n++ ? "; " : "Calibration: ");
        xr_report_name(&d->doc, keys[i]);
        xr_doc_text(&d->doc, " ");
        xr_report_figure(&d->doc, x);
    }
    xr_doc_text(&d->doc, n ? "." : "");
    return n > 0;
}

/* Of the split and its films, and of what was made of them where `made`; all others stand
 * in the model card. */
static bool some_digests(struct report_data *d, bool made)
{
    int n = 0;

    for (size_t i = 0; i < d->n_files; i++) {
        const char *role = d->files[i].role;

        if (strcmp(role, "split") &&
            (!made || (strcmp(role, "model") && strcmp(role, "predictions"))))
            continue;
        xr_doc_textf(&d->doc, "%s%s %s ", n++ ? "; " : "Digests: ", role,
                     d->files[i].name);
        xr_report_digest(&d->doc, d->files[i].digest);
    }
    if (*d->films_digest) {
        xr_doc_textf(&d->doc, "; %zu image files ", d->n_split_films);
        xr_report_digest(&d->doc, d->films_digest);
    }
    xr_doc_text(&d->doc, n ? "." : "");
    return n > 0;
}

static bool digests(struct report_data *d)
{
    return some_digests(d, true);
}

static bool data(struct report_data *d)
{
    return some_digests(d, false);
}

static bool predictions(struct report_data *d)
{
    if (!d->pred.n)
        return false;
    xr_doc_textf(&d->doc, "xr-predict wrote the probabilities of %zu films: %s (",
                 d->pred.n, xr_last_part(d->pred.table.name));
    xr_report_digest(&d->doc, d->pred.table.digest);
    xr_doc_text(&d->doc, ").");
    return true;
}

static bool compared(struct report_data *d)
{
    if (!d->comparison)
        return false;
    xr_doc_textf(&d->doc,
                 "Compared with %d other files of predictions on the same films.",
                 cJSON_GetArraySize(get(d->comparison, "files")) - 1);
    return true;
}

bool xr_evidence_write(struct report_data *d, enum xr_evidence what)
{
    static bool (*const all[XR_N_EVIDENCE])(struct report_data *) = {
        [XR_SAYS_TECHNIQUE] = technique,   [XR_SAYS_USE] = use,
        [XR_SAYS_SOURCE] = source,         [XR_SAYS_LIMITS] = limits,
        [XR_SAYS_PREPARED] = prepared,     [XR_SAYS_FLOW] = flow,
        [XR_SAYS_HIDDEN] = hidden,         [XR_SAYS_MISSING] = missing,
        [XR_SAYS_SPLIT] = split,           [XR_SAYS_DISJOINT] = disjoint,
        [XR_SAYS_SIZES] = sizes,           [XR_SAYS_MODEL] = model,
        [XR_SAYS_SOFTWARE] = software,     [XR_SAYS_HARDWARE] = hardware,
        [XR_SAYS_START] = start,           [XR_SAYS_TRAINING] = training,
        [XR_SAYS_CHOICE] = choice,         [XR_SAYS_ENSEMBLE] = ensemble,
        [XR_SAYS_MEASURES] = measures,     [XR_SAYS_INTERVALS] = intervals,
        [XR_SAYS_GROUPS] = groups,         [XR_SAYS_MAPS] = maps,
        [XR_SAYS_TESTED] = tested,         [XR_SAYS_PEOPLE] = people,
        [XR_SAYS_FIGURES] = figures,       [XR_SAYS_ACCURACY] = accuracy,
        [XR_SAYS_CROSS] = cross,           [XR_SAYS_ERRORS] = errors,
        [XR_SAYS_THRESHOLDS] = thresholds, [XR_SAYS_BALANCE] = balance,
        [XR_SAYS_OUTPUT] = output,         [XR_SAYS_CALIBRATION] = calibration,
        [XR_SAYS_DIGESTS] = digests,       [XR_SAYS_PREDICTIONS] = predictions,
        [XR_SAYS_COMPARED] = compared,     [XR_SAYS_DATA] = data,
    };

    return all[what] && all[what](d);
}
