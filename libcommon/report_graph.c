/* The lineage as a graph: files by their digests, the runs that the files' histories
 * record, and what was proved while the report was made. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "graph_draw.h"
#include "json.h"
#include "report_parts.h"

#define MAX_TEXTS (4 * XR_GRAPH_NODES)

struct lineage {
    struct report_data *d;
    struct xr_graph graph;
    const char *digest[XR_GRAPH_NODES]; /* of files; NULL: a run */
    const cJSON *step[XR_GRAPH_NODES];  /* of runs */
    size_t before[XR_GRAPH_NODES]; /* the run whose stream it reads, SIZE_MAX: none */
    char *texts[MAX_TEXTS];
    size_t n_texts;
    bool full; /* too large to draw */
};

/* Takes over a text that may be NULL where memory is short. */
static const char *own(struct lineage *l, char *text)
{
    if (!text || l->n_texts == MAX_TEXTS) {
        free(text);
        l->full = true;
        return "";
    }
    l->texts[l->n_texts++] = text;
    return text;
}

static size_t add_node(struct lineage *l, const struct xr_graph_node *node)
{
    size_t id = SIZE_MAX;

    if (!xr_graph_node(&id, &l->graph, node)) {
        l->full = true;
        return SIZE_MAX;
    }
    l->before[id] = SIZE_MAX;
    return id;
}

static void add_edge(struct lineage *l, size_t from, size_t to, bool dashed)
{
    if (from != SIZE_MAX && to != SIZE_MAX && from != to &&
        !xr_graph_edge(&l->graph, from, to, dashed))
        l->full = true;
}

static const char *short_digest(struct lineage *l, const char *digest)
{
    const char *colon = strchr(digest, ':');

    return own(l, xr_sprintf(l->d->err, "%.*s %.12s", colon ? (int)(colon - digest) : 0,
                             digest, colon ? colon + 1 : digest));
}

static const struct report_file *known(const struct report_data *d, const char *digest)
{
    for (size_t i = 0; i < d->n_files; i++) {
        if (!strcmp(d->files[i].digest, digest))
            return &d->files[i];
    }
    return NULL;
}

/* The file with that digest; it is one of the report's, or a name in a history. */
static size_t file_node(struct lineage *l, const char *name, const char *digest)
{
    const struct report_file *file = known(l->d, digest);
    struct xr_graph_node node = {.class = file ? "file mine" : "file"};
    size_t id;

    for (size_t i = 0; i < l->graph.n_nodes; i++) {
        if (l->digest[i] && !strcmp(l->digest[i], digest))
            return i;
    }
    node.lines[0] = file ? file->name : name;
    node.lines[1] = file ? file->role : "not given to this report";
    node.lines[2] = short_digest(l, digest);
    node.tip = own(l, xr_sprintf(l->d->err, "%s %s", node.lines[0], digest));
    id = add_node(l, &node);
    if (id != SIZE_MAX)
        l->digest[id] = digest;
    return id;
}

static char *command(struct report_data *d, const cJSON *step, bool whole)
{
    struct xr_buf text = {0};
    const cJSON *a;
    int bad = whole ? xr_buf_text(&text, xr_json_text(step, "tool", "?"), d->err)
                    : xr_buf_text(&text, "", d->err);

    cJSON_ArrayForEach(a, cJSON_GetObjectItemCaseSensitive(step, "arguments"))
    {
        const char *arg = cJSON_GetStringValue(a);

        if (!arg)
            continue;
        arg += !whole && !strncmp(arg, "--", 2) ? 2 : 0;
        bad |= xr_buf_printf(&text, d->err, "%s%s", text.size ? " " : "", arg);
    }
    if (bad) {
        xr_buf_free(&text);
        return NULL;
    }
    return text.data;
}

/* A run: the same where tool, arguments, inputs and the run before it are the same. */
static size_t step_node(struct lineage *l, const cJSON *step, size_t before)
{
    struct xr_graph_node node = {.class = "step"};
    size_t id;

    for (size_t i = 0; i < l->graph.n_nodes; i++) {
        if (l->step[i] && l->before[i] == before && cJSON_Compare(l->step[i], step, true))
            return i;
    }
    node.lines[0] = xr_json_text(step, "tool", "?");
    node.lines[1] = own(l, command(l->d, step, false));
    node.tip = own(l, command(l->d, step, true));
    if (!*node.lines[1])
        node.lines[1] = NULL;
    id = add_node(l, &node);
    if (id != SIZE_MAX) {
        l->step[id] = step;
        l->before[id] = before;
    }
    return id;
}

/* A chain of runs that ends in a file; SIZE_MAX: the file is not drawn. */
static void add_history(struct lineage *l, const cJSON *history, size_t product)
{
    size_t before = SIZE_MAX, id;
    const cJSON *step, *x;

    cJSON_ArrayForEach(step, history)
    {
        if (!cJSON_IsObject(step) || l->full)
            continue;
        id = step_node(l, step, before);
        add_edge(l, before, id, false);
        cJSON_ArrayForEach(x, cJSON_GetObjectItemCaseSensitive(step, "inputs"))
        {
            const char *digest = cJSON_GetStringValue(x);

            if (digest && x->string)
                add_edge(l, file_node(l, x->string, digest), id, false);
        }
        before = id;
    }
    add_edge(l, before, product, false);
}

static size_t role_node(struct lineage *l, const char *role)
{
    const struct report_data *d = l->d;

    for (size_t i = 0; i < d->n_files; i++) {
        if (!strcmp(d->files[i].role, role))
            return file_node(l, d->files[i].name, d->files[i].digest);
    }
    return SIZE_MAX;
}

/* The films themselves, above the split that names them. */
static void add_films(struct lineage *l, size_t split)
{
    struct report_data *d = l->d;
    struct xr_graph_node node = {.class = "file films"};
    size_t id;

    if (!*d->films_digest)
        return;
    node.lines[0] = own(l, xr_sprintf(d->err, "%zu image files", d->n_split_films));
    node.lines[1] = own(l, xr_sprintf(d->err, "%.4g MB", (double)d->film_bytes / 1e6));
    node.lines[2] = short_digest(l, d->films_digest);
    node.tip = own(l, xr_sprintf(d->err, "the films of the split %s", d->films_digest));
    id = add_node(l, &node);
    if (id != SIZE_MAX)
        l->digest[id] = d->films_digest;
    add_edge(l, id, split, false);
}

/* Solid lines are recorded in files, dashed ones were found while this was made. */
static void build(struct lineage *l)
{
    struct report_data *d = l->d;
    size_t split = role_node(l, "split"), model = role_node(l, "model"), predictions,
           certificate;

    add_films(l, split);
    add_history(l, d->model_history, model);
    if (d->cam_history)
        add_history(l, d->cam_history, role_node(l, "heat maps"));
    predictions = role_node(l, "predictions");
    if (xr_report_same_model(d))
        add_edge(l, model, predictions, true);
    if (d->metrics)
        add_history(l, xr_report_metric(d, "history", NULL), role_node(l, "metrics"));
    if (d->comparison)
        add_history(l, cJSON_GetObjectItemCaseSensitive(d->comparison, "history"),
                    role_node(l, "comparison"));
    certificate = role_node(l, "certificate");
    add_edge(l, split, certificate, true);
}

bool xr_report_same_model(const struct report_data *d)
{
    return d->model.path && d->pred.n && d->cam_compared && d->cam_far <= 1e-4 &&
           d->cam_compared == d->cam_seen;
}

void xr_report_graph(struct report_data *d)
{
    struct lineage *l = xr_alloc_array(1, sizeof *l, d->err);

    if (!l) {
        d->h.failed = 1;
        return;
    }
    l->d = d;
    build(l);
    if (!l->full && l->graph.n_edges &&
        xr_graph_draw(&d->h, &l->graph, "Lineage: files and the runs between them")) {
        xr_html_raw(
            &d->h,
            "<p class=\"share\">Boxes with a frame are files, filled ones are runs "
            "of tools, as the files' histories record them; bold frames are files "
            "of this report. Dashed lines were found while it was made");
        xr_html_raw(&d->h, d->certificate.json && d->in->split
                               ? ": the certificate is the split's"
                               : "");
        if (xr_report_same_model(d))
            xr_html_rawf(
                &d->h,
                "%s the predictions are what this model says of the %zu films of "
                "the heat maps, to %.1g",
                d->certificate.json && d->in->split ? ";" : ":", d->cam_compared,
                d->cam_far);
        xr_html_raw(&d->h, ".</p>\n");
    }
    if (d->cam_compared && !xr_report_same_model(d))
        xr_html_rawf(
            &d->h,
            "<p class=\"note\">The probabilities of %zu films in the stream of heat "
            "maps and in the predictions differ by up to %.2g: they are of "
            "another model, or made another way (mirror image, precision, "
            "calibration).</p>\n",
            d->cam_compared, d->cam_far);
    for (size_t i = 0; i < l->n_texts; i++)
        free(l->texts[i]);
    free(l);
}
