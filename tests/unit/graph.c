/*
 * Drawings of graphs: boxes do not overlap, edges go down and end at their boxes, texts
 * are escaped and cut between characters, cycles draw nothing.
 */
#include "graph_draw.h"

#include <string.h>
#include <unistd.h>

#include "rng.h"

#include "tap.h"

struct box {
    double x, y, w, h;
};

struct drawing {
    char *text;
    struct box box[XR_GRAPH_NODES];
    size_t n_boxes, n_edges;
    double width, height;
    bool inside, apart, down;
};

static char path[] = "/tmp/xr-graph-XXXXXX";

/* What was drawn, read back from the markup alone. */
static bool draw(struct drawing *d, const struct xr_graph *g)
{
    struct xr_err err = {0};
    struct xr_out *out = NULL;
    struct xr_html h = {.err = &err};
    struct xr_buf buf = {0};
    bool drawn;

    memset(d, 0, sizeof *d);
    if (xr_out_open(&out, path, 0, &err))
        return false;
    h.out = out;
    drawn = xr_graph_draw(&h, g, "test");
    if (xr_out_finish(out, &err) || xr_read_file(&buf, path, 1 << 24, NULL, &err))
        printf("# %s\n", err.text);
    xr_out_close(out);
    d->text = buf.data;
    if (!drawn)
        return false;
    d->inside = d->apart = d->down = true;
    sscanf(strstr(buf.data, "viewBox"), "viewBox=\"0 0 %lf %lf", &d->width, &d->height);
    for (char *p = buf.data; (p = strstr(p, "<rect ")); p++) {
        struct box *b = &d->box[d->n_boxes++];

        sscanf(p, "<rect x=\"%lf\" y=\"%lf\" width=\"%lf\" height=\"%lf", &b->x, &b->y,
               &b->w, &b->h);
        d->inside &=
            b->x >= 0 && b->y >= 0 && b->x + b->w <= d->width && b->y + b->h <= d->height;
        for (struct box *o = d->box; o < b; o++)
            d->apart &= b->x >= o->x + o->w || o->x >= b->x + b->w ||
                        b->y >= o->y + o->h || o->y >= b->y + b->h;
    }
    for (char *p = buf.data; (p = strstr(p, "<path class=\"head\"")); p++)
        d->n_edges++;
    return true;
}

static double middle(const struct box *b)
{
    return b->x + b->w / 2;
}

/* Each edge leaves from the bottom of its box and ends above the other. */
static bool edges_fit(const struct drawing *d, const struct xr_graph *g)
{
    const char *p = d->text;

    for (size_t e = 0; e < g->n_edges; e++) {
        const struct box *from = &d->box[g->edges[e].from], *to = &d->box[g->edges[e].to];
        double x, y, hx, hy;
        const char *path_at = strstr(p, "<path class=\"edge"), *m;

        m = path_at ? strstr(path_at, " d=\"M") : NULL;
        p = m ? strstr(m, "<path class=\"head\" d=\"M") : NULL;
        if (!p || sscanf(m, " d=\"M%lf %lf", &x, &y) != 2 ||
            sscanf(p, "<path class=\"head\" d=\"M%lf %lf", &hx, &hy) != 2)
            return false;
        if (fabs(x - middle(from)) > 0.11 || fabs(y - (from->y + from->h)) > 0.11 ||
            fabs(hx - middle(to)) > 0.11 || fabs(hy - to->y) > 0.11 ||
            from->y + from->h >= to->y) {
            printf("# edge %zu: from %.1f %.1f to %.1f %.1f\n", e, x, y, hx, hy);
            return false;
        }
    }
    return true;
}

static size_t add(struct xr_graph *g, const char *text)
{
    struct xr_graph_node node = {.class = "file", .lines = {text, "second"}};
    size_t id = SIZE_MAX;

    if (!xr_graph_node(&id, g, &node))
        printf("# no room for a node\n");
    return id;
}

static void random_graphs(void)
{
    bool good = true, whole = true;

    for (uint64_t seed = 0; seed < 200; seed++) {
        static struct xr_graph g;
        struct xr_rng rng;
        struct drawing d;
        size_t n;

        xr_rng_init(&rng, seed, 0, "graph", "test");
        n = 2 + xr_rng_u32(&rng) % 30;
        memset(&g, 0, sizeof g);
        for (size_t i = 0; i < n; i++)
            add(&g, "node");
        for (size_t i = 0; i < 2 * n; i++) {
            size_t a = xr_rng_u32(&rng) % n, b = xr_rng_u32(&rng) % n;

            if (a != b)
                whole &= xr_graph_edge(&g, a < b ? a : b, a < b ? b : a, i % 5 == 0);
        }
        good = draw(&d, &g) && d.inside && d.apart && d.n_boxes == n &&
               d.n_edges == g.n_edges && edges_fit(&d, &g) && good;
        free(d.text);
        if (!good) {
            printf("# seed %llu, %zu nodes\n", (unsigned long long)seed, n);
            break;
        }
    }
    ok(good && whole, "200 random graphs: boxes apart and inside, edges go down to them");
}

static void chain(void)
{
    static struct xr_graph g;
    struct drawing d;
    size_t a = add(&g, "first"), b = add(&g, "second"), c = add(&g, "third"),
           late = add(&g, "read late");

    ok(xr_graph_edge(&g, a, b, false) && xr_graph_edge(&g, b, c, false) &&
           xr_graph_edge(&g, a, c, true) && xr_graph_edge(&g, late, c, false) &&
           xr_graph_edge(&g, a, b, false) && g.n_edges == 4,
       "an edge stands once");
    ok(draw(&d, &g) && edges_fit(&d, &g), "a chain is drawn");
    ok(d.box[a].y < d.box[b].y && d.box[b].y < d.box[c].y, "in layers");
    ok(d.box[late].y == d.box[b].y, "what is read late stands above its reader");
    ok(strstr(d.text, "class=\"edge dashed\"") != NULL, "dashed");
    free(d.text);
    ok(xr_graph_edge(&g, c, a, false) && !draw(&d, &g) && d.text && !*d.text,
       "a cycle draws nothing");
    free(d.text);
}

static void texts(void)
{
    static struct xr_graph g;
    struct drawing d;

    add(&g, "<b>&\"");
    add(&g, "a name of exactly 29 letters.");
    add(&g, "a name of thirty letters and 1");
    add(&g,
        "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4"
        "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4"
        "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4"
        "\xc3\xa4\xc3\xa4");
    ok(draw(&d, &g), "nodes without edges");
    ok(strstr(d.text, ">&lt;b&gt;&amp;&quot;<") != NULL, "escaped");
    ok(strstr(d.text, ">a name of exactly 29 letters.<") != NULL, "what fits is whole");
    ok(strstr(d.text, ">a name of thirty letters a...<") != NULL, "what does not is cut");
    ok(!strstr(d.text, "&#xfffd;") && strstr(d.text, "\xc3\xa4...<"),
       "between characters");
    free(d.text);
}

static void full(void)
{
    static struct xr_graph g;
    struct xr_graph_node node = {.class = "step", .lines = {"x"}};
    struct drawing d;
    size_t id, n = 0;

    while (xr_graph_node(&id, &g, &node))
        n++;
    ok(n == XR_GRAPH_NODES, "%d nodes at most", XR_GRAPH_NODES);
    for (size_t i = 0; i + 1 < n; i++)
        n = xr_graph_edge(&g, i, i + 1, false) ? n : 0;
    ok(draw(&d, &g) && d.n_boxes == XR_GRAPH_NODES && edges_fit(&d, &g),
       "a full graph is drawn");
    free(d.text);
}

int main(void)
{
    int fd = mkstemp(path);

    if (fd < 0) {
        printf("Bail out! no temporary file\n");
        return 1;
    }
    close(fd);
    chain();
    texts();
    random_graphs();
    full();
    unlink(path);
    return tap_done();
}
