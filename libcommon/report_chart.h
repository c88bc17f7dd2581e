/*
 * Small line charts as inline SVG: lines told apart by colour, dash and a legend, texts
 * as text, colours from the page's style sheet.
 */
#ifndef XR_REPORT_CHART_H
#define XR_REPORT_CHART_H

#include <stdbool.h>

#include "html.h"

#define XR_CHART_LINES 6

struct xr_line {
    const char *name;    /* borrowed */
    const double *x, *y; /* [n]; NaN: a gap */
    size_t n;
    bool points; /* mark each point */
};

struct xr_chart {
    const char *title, *x_name, *y_name;
    struct xr_line lines[XR_CHART_LINES];
    size_t n_lines;
    bool unit;     /* both axes are 0..1, drawn square */
    bool diagonal; /* with unit: the line of chance */
    bool whole_x;  /* x are whole numbers (epochs) */
};

/* Does any line have a finite point? */
bool xr_chart_any(const struct xr_chart *chart);
/* A <figure> with an <svg> without ids. Nothing where no line has a point. */
void xr_chart_write(struct xr_html *h, const struct xr_chart *chart);

#endif
