/* Layers, order, places, and the drawing. */
#include "graph_draw.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define WIDTH 196.0 /* of a box, in units of the drawing (about pixels) */
#define LINE 15.0
#define PAD 8.0
#define GAP 22.0 /* between boxes of a layer */
#define DUMMY 14.0
#define BETWEEN 40.0 /* layers */
#define CHARS 29     /* that fit into a box */
#define SWEEPS 12

/* A box, or the place where a long edge passes a layer. */
struct item {
    size_t node; /* SIZE_MAX: an edge passes */
    size_t layer;
    double x, order;
};

struct layout {
    const struct xr_graph *graph;
    struct item *items;
    size_t n_items;
    size_t (*links)[2]; /* items of neighbouring layers, upper and lower */
    size_t n_links, room;
    size_t n_layers;
    size_t *sorted; /* [n_items] by layer, then by place */
    size_t *first;  /* [n_layers + 1] in sorted */
};

bool xr_graph_node(size_t *id, struct xr_graph *graph, const struct xr_graph_node *node)
{
    if (graph->n_nodes == XR_GRAPH_NODES)
        return false;
    *id = graph->n_nodes;
    graph->nodes[graph->n_nodes++] = *node;
    return true;
}

bool xr_graph_edge(struct xr_graph *graph, size_t from, size_t to, bool dashed)
{
    for (size_t i = 0; i < graph->n_edges; i++) {
        if (graph->edges[i].from == from && graph->edges[i].to == to)
            return true;
    }
    if (graph->n_edges == XR_GRAPH_EDGES)
        return false;
    graph->edges[graph->n_edges++] = (struct xr_graph_edge){from, to, dashed};
    return true;
}

/* --- layers ----------------------------------------------------------------------- */

/* The longest path to each node; false: a cycle. */
static bool find_layers(size_t layer[XR_GRAPH_NODES], const struct xr_graph *g)
{
    bool moved = true;

    memset(layer, 0, XR_GRAPH_NODES * sizeof *layer);
    for (size_t round = 0; moved; round++) {
        if (round > g->n_nodes)
            return false;
        moved = false;
        for (size_t e = 0; e < g->n_edges; e++) {
            size_t least = layer[g->edges[e].from] + 1;

            if (layer[g->edges[e].to] < least) {
                layer[g->edges[e].to] = least;
                moved = true;
            }
        }
    }
    return true;
}

/* What is only read stands right above what first reads it. */
static void pull_down(size_t layer[XR_GRAPH_NODES], const struct xr_graph *g)
{
    for (size_t i = 0; i < g->n_nodes; i++) {
        size_t nearest = SIZE_MAX;

        for (size_t e = 0; e < g->n_edges; e++) {
            if (g->edges[e].to == i)
                nearest = 0;
            else if (g->edges[e].from == i && nearest > layer[g->edges[e].to])
                nearest = layer[g->edges[e].to];
        }
        if (nearest != SIZE_MAX && nearest > 0)
            layer[i] = nearest - 1;
    }
}

static void link_items(struct layout *l, size_t upper, size_t lower)
{
    l->links[l->n_links][0] = upper;
    l->links[l->n_links++][1] = lower;
}

/* Items of the nodes, then those of long edges. */
static void make_items(struct layout *l, const size_t *layer)
{
    const struct xr_graph *g = l->graph;

    for (size_t i = 0; i < g->n_nodes; i++) {
        l->items[l->n_items++] = (struct item){i, layer[i], 0, (double)i};
        if (layer[i] + 1 > l->n_layers)
            l->n_layers = layer[i] + 1;
    }
    for (size_t e = 0; e < g->n_edges; e++) {
        size_t at = g->edges[e].from, to = g->edges[e].to;

        for (size_t k = layer[at] + 1; k < layer[to]; k++) {
            l->items[l->n_items] =
                (struct item){SIZE_MAX, k, 0, (double)g->edges[e].from};
            link_items(l, at, l->n_items);
            at = l->n_items++;
        }
        link_items(l, at, to);
    }
}

/* --- order ------------------------------------------------------------------------ */

static int cmp_items(const void *a, const void *b, void *arg)
{
    const struct item *items = arg, *x = &items[*(const size_t *)a],
                      *y = &items[*(const size_t *)b];

    if (x->layer != y->layer)
        return x->layer < y->layer ? -1 : 1;
    if (x->order != y->order)
        return x->order < y->order ? -1 : 1;
    return x < y ? -1 : x > y;
}

static void sort_items(struct layout *l)
{
    size_t at = 0;

    qsort_r(l->sorted, l->n_items, sizeof *l->sorted, cmp_items, l->items);
    for (size_t k = 0; k <= l->n_layers; k++) {
        while (at < l->n_items && l->items[l->sorted[at]].layer < k)
            at++;
        l->first[k] = at;
    }
    for (size_t k = 0; k < l->n_layers; k++) {
        for (size_t i = l->first[k]; i < l->first[k + 1]; i++)
            l->items[l->sorted[i]].order = (double)(i - l->first[k]);
    }
}

/* Mean of a value of the neighbours above (or below), NaN where there are none. */
static double mean_of(const struct layout *l, size_t item, bool above, bool place)
{
    double sum = 0;
    size_t n = 0;

    for (size_t i = 0; i < l->n_links; i++) {
        const struct item *other = &l->items[l->links[i][!above]];

        if (l->links[i][above] != item)
            continue;
        sum += place ? other->x : other->order;
        n++;
    }
    return n ? sum / (double)n : NAN;
}

static void order_items(struct layout *l)
{
    sort_items(l);
    for (int sweep = 0; sweep < SWEEPS; sweep++) {
        bool down = sweep % 2 == 0;

        for (size_t k = 0; k < l->n_layers; k++) {
            size_t layer = down ? k : l->n_layers - 1 - k;

            for (size_t i = l->first[layer]; i < l->first[layer + 1]; i++) {
                double want = mean_of(l, l->sorted[i], down, false);

                if (isfinite(want))
                    l->items[l->sorted[i]].order = want;
            }
            sort_items(l);
        }
    }
}

/* --- places ----------------------------------------------------------------------- */

static double half(const struct item *i)
{
    return (i->node == SIZE_MAX ? DUMMY : WIDTH) / 2;
}

/*
 * Places of a layer, as near to `want` as the boxes allow: least squares under the order,
 * which is isotonic regression of want less the room before it (pool adjacent violators).
 */
static void place_layer(struct layout *l, size_t layer, double *want, double *sum,
                        size_t *count)
{
    size_t from = l->first[layer], n = l->first[layer + 1] - from, blocks = 0;
    double before = 0;

    for (size_t i = 0; i < n; i++) {
        if (i)
            before += half(&l->items[l->sorted[from + i - 1]]) + GAP +
                      half(&l->items[l->sorted[from + i]]);
        sum[blocks] = want[i] - before;
        count[blocks++] = 1;
        while (blocks > 1 && sum[blocks - 2] / (double)count[blocks - 2] >
                                 sum[blocks - 1] / (double)count[blocks - 1]) {
            sum[blocks - 2] += sum[blocks - 1];
            count[blocks - 2] += count[blocks - 1];
            blocks--;
        }
    }
    before = 0;
    for (size_t i = 0, b = 0, used = 0; i < n; i++) {
        if (i)
            before += half(&l->items[l->sorted[from + i - 1]]) + GAP +
                      half(&l->items[l->sorted[from + i]]);
        if (used == count[b]) {
            b++;
            used = 0;
        }
        used++;
        l->items[l->sorted[from + i]].x = sum[b] / (double)count[b] + before;
    }
}

static bool place_items(struct layout *l, struct xr_err *err)
{
    double *want = xr_alloc_array(2 * l->n_items, sizeof *want, err);
    size_t *count = xr_alloc_array(l->n_items, sizeof *count, err);
    bool done = want && count;

    for (int sweep = 0; done && sweep < 2 * SWEEPS; sweep++) {
        bool down = sweep % 2 == 0;

        for (size_t k = 0; k < l->n_layers; k++) {
            size_t layer = down ? k : l->n_layers - 1 - k, from = l->first[layer];

            for (size_t i = from; i < l->first[layer + 1]; i++) {
                double x = mean_of(l, l->sorted[i], down, true);

                want[i - from] = isfinite(x) ? x : l->items[l->sorted[i]].x;
            }
            place_layer(l, layer, want, want + l->n_items, count);
        }
    }
    free(want);
    free(count);
    return done;
}

/* --- drawing ---------------------------------------------------------------------- */

static size_t n_lines(const struct xr_graph_node *n)
{
    size_t lines = 0;

    while (lines < XR_GRAPH_LINES && n->lines[lines])
        lines++;
    return lines;
}

static double layer_height(const struct layout *l, size_t layer)
{
    size_t most = 0;

    for (size_t i = l->first[layer]; i < l->first[layer + 1]; i++) {
        size_t node = l->items[l->sorted[i]].node;

        if (node != SIZE_MAX && n_lines(&l->graph->nodes[node]) > most)
            most = n_lines(&l->graph->nodes[node]);
    }
    return 2 * PAD + LINE * (double)most;
}

/* At most CHARS characters, cut between two. */
static void cut_text(struct xr_html *h, const char *text)
{
    char part[4 * CHARS + 4];
    size_t n = 0, chars = 0;

    for (; text[n] && chars <= CHARS && n < sizeof part - 4; n++)
        chars += ((unsigned char)text[n + 1] & 0xc0) != 0x80;
    if (!text[n] && chars <= CHARS) {
        xr_html_text(h, text);
        return;
    }
    n = chars = 0;
    while (text[n] && n < sizeof part - 4) {
        if (((unsigned char)text[n] & 0xc0) != 0x80 && chars++ == CHARS - 3)
            break;
        part[n] = text[n];
        n++;
    }
    memcpy(part + n, "...", 4);
    xr_html_text(h, part);
}

static void draw_node(struct xr_html *h, const struct xr_graph_node *n, double x,
                      double y, double height)
{
    xr_html_raw(h, "<g class=\"node ");
    xr_html_text(h, n->class);
    xr_html_rawf(h, "\"><rect x=\"%.1f\" y=\"%.1f\" width=\"%.0f\" height=\"%.1f\"",
                 x - WIDTH / 2, y, WIDTH, height);
    xr_html_raw(h, " rx=\"6\"/>");
    for (size_t i = 0; i < n_lines(n); i++) {
        xr_html_rawf(h, "<text class=\"l%zu\" x=\"%.1f\" y=\"%.1f\">", i, x,
                     y + PAD + LINE * (double)i + 11);
        cut_text(h, n->lines[i]);
        xr_html_raw(h, "</text>");
    }
    if (n->tip) {
        xr_html_raw(h, "<title>");
        xr_html_text(h, n->tip);
        xr_html_raw(h, "</title>");
    }
    xr_html_raw(h, "</g>\n");
}

/* One piece of an edge: from the bottom of an upper item to the top of a lower one. */
static void draw_link(struct xr_html *h, const struct layout *l, const double *top,
                      const size_t link[2])
{
    const struct item *u = &l->items[link[0]], *v = &l->items[link[1]];
    double y0 = top[u->layer] +
                (u->node == SIZE_MAX
                     ? layer_height(l, u->layer)
                     : 2 * PAD + LINE * (double)n_lines(&l->graph->nodes[u->node]));
    double y1 = top[v->layer], middle = (y0 + y1) / 2;

    if (u->node == SIZE_MAX) /* straight down past its layer */
        xr_html_rawf(h, "M%.1f %.1fV%.1f", u->x, top[u->layer], y0);
    else
        xr_html_rawf(h, "M%.1f %.1f", u->x, y0);
    xr_html_rawf(h, "C%.1f %.1f %.1f %.1f %.1f %.1f", u->x, middle, v->x, middle, v->x,
                 y1 - (v->node == SIZE_MAX ? 0 : 4));
}

/* The links of edge e begin at *at and end where its target is reached. */
static void draw_edges(struct xr_html *h, const struct layout *l, const double *top)
{
    const struct xr_graph *g = l->graph;
    size_t at = 0;

    for (size_t e = 0; e < g->n_edges; e++) {
        const struct item *to = &l->items[g->edges[e].to];

        xr_html_rawf(h, "<path class=\"edge%s\" d=\"",
                     g->edges[e].dashed ? " dashed" : "");
        do
            draw_link(h, l, top, l->links[at]);
        while (l->links[at++][1] != g->edges[e].to);
        xr_html_rawf(h, "\"/><path class=\"head\" d=\"M%.1f %.1fl-4 -7h8z\"/>\n", to->x,
                     top[to->layer]);
    }
}

static void draw(struct xr_html *h, struct layout *l, double *top, const char *label)
{
    double left = INFINITY, right = -INFINITY, y = 1;

    for (size_t i = 0; i < l->n_items; i++) {
        left = fmin(left, l->items[i].x - half(&l->items[i]));
        right = fmax(right, l->items[i].x + half(&l->items[i]));
    }
    for (size_t i = 0; i < l->n_items; i++)
        l->items[i].x += 2 - left;
    for (size_t k = 0; k < l->n_layers; k++) {
        top[k] = y;
        y += layer_height(l, k) + BETWEEN;
    }
    xr_html_rawf(
        h,
        "<div class=\"scroll graph\"><svg viewBox=\"0 0 %.0f %.0f\" width=\"%.0f\" "
        "height=\"%.0f\" role=\"img\" aria-label=\"",
        right - left + 4, y - BETWEEN + 2, right - left + 4, y - BETWEEN + 2);
    xr_html_text(h, label);
    xr_html_raw(h, "\">\n");
    draw_edges(h, l, top);
    for (size_t i = 0; i < l->graph->n_nodes; i++) {
        const struct item *item = &l->items[i];

        draw_node(h, &l->graph->nodes[i], item->x, top[item->layer],
                  2 * PAD + LINE * (double)n_lines(&l->graph->nodes[i]));
    }
    xr_html_raw(h, "</svg></div>\n");
}

bool xr_graph_draw(struct xr_html *h, const struct xr_graph *graph, const char *label)
{
    size_t layer[XR_GRAPH_NODES], most = graph->n_nodes, links = 0;
    struct layout l = {.graph = graph};
    double *top = NULL;
    bool done = false;

    if (!graph->n_nodes || !find_layers(layer, graph))
        return false;
    pull_down(layer, graph);
    for (size_t e = 0; e < graph->n_edges; e++)
        links += layer[graph->edges[e].to] - layer[graph->edges[e].from];
    most += links;
    l.items = xr_alloc_array(most, sizeof *l.items, h->err);
    l.links = xr_alloc_array(links, sizeof *l.links, h->err);
    l.sorted = xr_alloc_array(most, sizeof *l.sorted, h->err);
    l.first = xr_alloc_array(XR_GRAPH_NODES + 2, sizeof *l.first, h->err);
    top = xr_alloc_array(XR_GRAPH_NODES + 1, sizeof *top, h->err);
    if (l.items && l.links && l.sorted && l.first && top) {
        make_items(&l, layer);
        for (size_t i = 0; i < l.n_items; i++)
            l.sorted[i] = i;
        order_items(&l);
        done = place_items(&l, h->err);
    }
    if (done)
        draw(h, &l, top, label);
    h->failed |= !done;
    free(l.items);
    free(l.links);
    free(l.sorted);
    free(l.first);
    free(top);
    return done && !h->failed;
}
