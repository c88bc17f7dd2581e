/* Drawings: filling, freeing, ranges, thinning. */
#include "plot_drawing.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "stats.h"

static void free_texts(char **texts, size_t n)
{
    for (size_t i = 0; texts && i < n; i++)
        free(texts[i]);
    free(texts);
}

static void series_free(struct xr_series *s)
{
    free(s->name);
    free(s->value);
    free(s->x);
    free(s->y);
    free(s->low);
    free(s->high);
    free(s->left);
    free(s->right);
    free_texts(s->notes, s->n);
    free(s);
}

static void panel_free(struct xr_panel *p)
{
    for (size_t i = 0; i < p->n_series; i++)
        series_free(p->series[i]);
    for (size_t i = 0; i < p->n_cells; i++) {
        for (size_t l = 0; l < 3; l++)
            free(p->cells[i].lines[l]);
        free(p->cells[i].note);
    }
    for (size_t i = 0; i < p->n_pictures; i++) {
        xr_image_free(&p->pictures[i].image);
        for (size_t l = 0; l < p->pictures[i].n_lines; l++)
            free(p->pictures[i].lines[l]);
    }
    free(p->series);
    free(p->cells);
    free(p->pictures);
    free_texts(p->beside, p->y.n_names);
    free_texts(p->x.names, p->x.n_names);
    free_texts(p->y.names, p->y.n_names);
    free(p->x.name);
    free(p->y.name);
    free(p->legend);
    free(p->heading);
}

void xr_drawing_free(struct xr_drawing *d)
{
    for (size_t i = 0; i < d->n_panels; i++)
        panel_free(&d->panels[i]);
    for (size_t i = 0; i < d->n_notes; i++)
        free(d->notes[i]);
    memset(d->panels, 0, sizeof d->panels);
    d->n_panels = d->n_notes = 0;
}

static char *text_of(struct xr_drawing *d, const char *fmt, va_list ap)
{
    struct xr_buf buf = {0};
    va_list again;
    int n;

    va_copy(again, ap);
    n = vsnprintf(NULL, 0, fmt, again);
    va_end(again);
    if (d->failed || n < 0 || xr_buf_reserve(&buf, (size_t)n + 1, d->err)) {
        d->failed = true;
        return NULL;
    }
    vsnprintf(buf.data, (size_t)n + 1, fmt, ap);
    return buf.data;
}

char *xr_draw_text(struct xr_drawing *d, const char *fmt, ...)
{
    va_list ap;
    char *text;

    va_start(ap, fmt);
    text = text_of(d, fmt, ap);
    va_end(ap);
    return text;
}

void xr_draw_note(struct xr_drawing *d, const char *fmt, ...)
{
    va_list ap;
    char *text;

    if (d->n_notes == XR_DRAW_NOTES)
        return;
    va_start(ap, fmt);
    text = text_of(d, fmt, ap);
    va_end(ap);
    if (text)
        d->notes[d->n_notes++] = text;
}

struct xr_panel *xr_draw_panel(struct xr_drawing *d, const char *x, const char *y)
{
    struct xr_panel *p;

    if (d->n_panels == XR_DRAW_PANELS) {
        d->failed = true;
        xr_fail(d->err, "more than %d panels are too many for a plot", XR_DRAW_PANELS);
        return &d->panels[XR_DRAW_PANELS - 1];
    }
    p = &d->panels[d->n_panels++];
    p->x = (struct xr_axis){.name = xr_draw_text(d, "%s", x), .from = NAN, .to = NAN};
    p->y = (struct xr_axis){.name = xr_draw_text(d, "%s", y), .from = NAN, .to = NAN};
    p->ratio = 1.0;
    return p;
}

void xr_draw_names(struct xr_drawing *d, struct xr_axis *axis, const char *const *names,
                   size_t n)
{
    axis->names = d->failed ? NULL : xr_alloc_array(n, sizeof *axis->names, d->err);
    if (!axis->names) {
        d->failed = true;
        return;
    }
    axis->n_names = n;
    for (size_t i = 0; i < n; i++)
        axis->names[i] = xr_draw_text(d, "%s", names[i]);
    axis->from = -0.5;
    axis->to = (double)n - 0.5;
}

/* One more element behind the n of an array; NULL with d failed. */
static void *grow(struct xr_drawing *d, void *array, size_t n, size_t size)
{
    void *more = NULL;

    if (!d->failed && n < SIZE_MAX / size - 1)
        more = realloc(array, (n + 1) * size);
    if (!more) {
        if (!d->failed)
            xr_fail(d->err, "out of memory");
        d->failed = true;
        return NULL;
    }
    memset((char *)more + n * size, 0, size);
    return more;
}

static double *numbers(struct xr_drawing *d, size_t n)
{
    double *x = xr_alloc_array(n, sizeof *x, d->err);

    d->failed = d->failed || !x;
    for (size_t i = 0; x && i < n; i++)
        x[i] = NAN;
    return x;
}

struct xr_series *xr_draw_series(struct xr_drawing *d, struct xr_panel *p,
                                 enum xr_mark mark, int color, size_t n, int with)
{
    struct xr_series **all = grow(d, p->series, p->n_series, sizeof *p->series), *s;

    if (!all)
        return NULL;
    p->series = all;
    s = xr_alloc_array(1, sizeof *s, d->err);
    if (!s) {
        d->failed = true;
        return NULL;
    }
    all[p->n_series++] = s;
    s->mark = mark;
    s->color = color;
    s->n = n;
    s->x = numbers(d, n);
    if (mark != XR_MARK_BAND)
        s->y = numbers(d, n);
    if (mark == XR_MARK_BAND || with & XR_DRAW_LOW_HIGH) {
        s->low = numbers(d, n);
        s->high = numbers(d, n);
    }
    if (with & XR_DRAW_LEFT_RIGHT) {
        s->left = numbers(d, n);
        s->right = numbers(d, n);
    }
    if (with & XR_DRAW_NOTED) {
        s->notes = xr_alloc_array(n, sizeof *s->notes, d->err);
        d->failed = d->failed || !s->notes;
    }
    return d->failed ? NULL : s;
}

void xr_draw_rule(struct xr_drawing *d, struct xr_panel *p, double x0, double y0,
                  double x1, double y1)
{
    struct xr_series *s = xr_draw_series(d, p, XR_MARK_LINE, XR_GRAY, 2, 0);

    if (!s)
        return;
    s->dash = 3;
    s->thin = true;
    s->x[0] = x0;
    s->x[1] = x1;
    s->y[0] = y0;
    s->y[1] = y1;
}

struct xr_cell_drawn *xr_draw_cell(struct xr_drawing *d, struct xr_panel *p, double x,
                                   double y, double shade)
{
    struct xr_cell_drawn *all = grow(d, p->cells, p->n_cells, sizeof *p->cells), *cell;

    if (!all)
        return NULL;
    p->cells = all;
    cell = &all[p->n_cells++];
    cell->x = x;
    cell->y = y;
    cell->shade = shade;
    return cell;
}

struct xr_picture *xr_draw_picture(struct xr_drawing *d, struct xr_panel *p, double x,
                                   double y, struct xr_image *image)
{
    struct xr_picture *all = grow(d, p->pictures, p->n_pictures, sizeof *p->pictures);
    struct xr_picture *picture;

    if (!all) {
        xr_image_free(image);
        return NULL;
    }
    p->pictures = all;
    picture = &all[p->n_pictures++];
    picture->x = x;
    picture->y = y;
    picture->width = (double)image->width;
    picture->height = (double)image->height;
    picture->image = *image;
    picture->frame = XR_GRAY;
    memset(image, 0, sizeof *image);
    return picture;
}

void xr_draw_figure(char *text, size_t room, const struct xr_figure *f)
{
    if (isnan(f->value))
        snprintf(text, room, "undefined");
    else if (isnan(f->low) || f->constant) /* no width is no interval */
        snprintf(text, room, "%.3f", f->value);
    else
        snprintf(text, room, "%.3f [%.3f, %.3f]", f->value, f->low, f->high);
}

/* --- ranges ---------------------------------------------------------------------------
 */

static void widen(double range[2], const double *values, size_t n, double by)
{
    for (size_t i = 0; values && i < n; i++) {
        if (!isfinite(values[i]))
            continue;
        range[0] = fmin(range[0], values[i] - by);
        range[1] = fmax(range[1], values[i] + by);
    }
}

void xr_draw_range(double range[2], const struct xr_panel *p, bool y)
{
    const struct xr_axis *axis = y ? &p->y : &p->x;

    range[0] = INFINITY;
    range[1] = -INFINITY;
    for (size_t i = 0; i < p->n_series; i++) {
        const struct xr_series *s = p->series[i];

        widen(range, y ? s->y : s->x, s->n,
              !y && s->mark == XR_MARK_BARS ? s->width / 2 : 0.0);
        widen(range, y ? s->low : s->left, s->n, 0.0);
        widen(range, y ? s->high : s->right, s->n, 0.0);
        if (y && s->mark == XR_MARK_BARS)
            range[0] = fmin(range[0], 0.0);
    }
    if (range[0] > range[1]) {
        range[0] = 0.0;
        range[1] = 1.0;
    }
    if (range[1] - range[0] < 1e-9 * fmax(1e-9, fabs(range[1]))) {
        double pad = range[1] != 0.0 ? fabs(range[1]) / 10.0 : 1.0;

        range[0] -= pad;
        range[1] += pad;
    }
    if (isfinite(axis->from))
        range[0] = axis->from;
    if (isfinite(axis->to))
        range[1] = axis->to;
}

double xr_draw_step(double range, double n)
{
    double raw = fabs(range) / n, power = pow(10, floor(log10(raw))), r = raw / power;

    return power * (r < 1.5 ? 1 : r < 3.5 ? 2 : r < 7.5 ? 5 : 10);
}

void xr_draw_thin(struct xr_series *s, double finest_x, double finest_y)
{
    size_t kept = 0;

    for (size_t i = 0; i < s->n; i++) {
        bool near = kept > 0 && i + 1 < s->n &&
                    fabs(s->x[i] - s->x[kept - 1]) < finest_x &&
                    fabs(s->y[i] - s->y[kept - 1]) < finest_y;

        if (near)
            continue;
        s->x[kept] = s->x[i];
        s->y[kept++] = s->y[i];
    }
    s->n = kept;
}
