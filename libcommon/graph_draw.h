/*
 * A small directed graph as inline SVG, drawn from top to bottom in layers: after
 * Sugiyama, Tagawa and Toda 1981, with layers by the longest path, the order of a layer
 * by barycentres, and places that are as near to their neighbours as boxes allow.
 */
#ifndef XR_GRAPH_DRAW_H
#define XR_GRAPH_DRAW_H

#include <stdbool.h>

#include "html.h"

#define XR_GRAPH_LINES 3
#define XR_GRAPH_NODES 96
#define XR_GRAPH_EDGES 256

/* Texts are borrowed; what does not fit into the box is cut, tip holds all of it. */
struct xr_graph_node {
    const char *class; /* of the style sheet: "file", "step" */
    const char *lines[XR_GRAPH_LINES], *tip;
};

struct xr_graph_edge {
    size_t from, to;
    bool dashed;
};

struct xr_graph {
    struct xr_graph_node nodes[XR_GRAPH_NODES];
    struct xr_graph_edge edges[XR_GRAPH_EDGES];
    size_t n_nodes, n_edges;
};

/* Add a node or an edge (once); false where there is no room. */
bool xr_graph_node(size_t *id, struct xr_graph *graph, const struct xr_graph_node *node);
bool xr_graph_edge(struct xr_graph *graph, size_t from, size_t to, bool dashed);

/*
 * An <svg> without ids. Nothing is written for a graph without nodes or with a cycle.
 * false: it was not drawn, or h has failed.
 */
bool xr_graph_draw(struct xr_html *h, const struct xr_graph *graph, const char *label);

#endif
