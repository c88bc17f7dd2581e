/* The script for gnuplot that draws a drawing: layout in lines of text, data in blocks.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plot_drawing.h"

#define CM_PER_POINT (2.54 / 72.0)
#define MAX_TIC 24    /* characters of a name on an axis */
#define MAX_ROW 20    /* the same where text stands beside rows too */
#define ROW_SIZE 0.85 /* of text in rows */
#define ROW 1.25      /* lines of text a row is high */
#define MAX_LEGEND 64 /* of a line of the legend */
#define MANY_NAMES 10 /* from so many on names below an axis stand steeper */

/* How much a panel takes, in lines of text but for plot. */
struct place {
    double top, below, legend; /* above the plot; tics and name; the legend */
    double plot;               /* cm */
    bool turned;
    double x_size, y_size; /* of names on the axes, 1: as other text */
};

struct layout {
    const struct xr_plot_style *style;
    double line, letter, height; /* cm; letter: the width of one */
    double left, right, head;    /* lines */
    struct place places[XR_DRAW_PANELS];
};

static size_t characters(const char *text)
{
    size_t n = 0;

    for (; text && *text; text++)
        n += ((unsigned char)*text & 0xc0) != 0x80;
    return n;
}

static size_t longest(char *const *names, size_t n, size_t most)
{
    size_t max = 0;

    for (size_t i = 0; names && i < n; i++)
        max = characters(names[i]) > max ? characters(names[i]) : max;
    return max < most ? max : most;
}

static double smaller(double a, double b)
{
    return a < b ? a : b;
}

/* Characters of a name on the y axis. */
static size_t y_most(const struct xr_panel *p)
{
    return p->beside ? MAX_ROW : MAX_TIC;
}

/* Names closer than lines of text are smaller; pitch: cm from name to name. */
static double name_size(const struct layout *at, double pitch)
{
    double size = pitch / (1.15 * at->style->font * CM_PER_POINT);

    return size > 1.0 ? 1.0 : size < 0.45 ? 0.45 : size;
}

/* How wide the numbers of a y axis are. */
static double number_lines(const struct layout *at, const struct xr_panel *p)
{
    double range[2], step;
    char text[32];

    xr_draw_range(range, p, true);
    step = p->y.step > 0.0 ? p->y.step : xr_draw_step(range[1] - range[0], 5.0);
    snprintf(text, sizeof text, "%g", step * ceil(range[1] / step));
    return fmax(2.6, 1.0 + (double)strlen(text) * at->letter / at->line);
}

/* Lines of text left and right of the plots, the same for all panels. */
static void sides(struct layout *at, const struct xr_drawing *d, double width)
{
    at->left = 0.5;
    at->right = 1.0;
    for (size_t i = 0; i < d->n_panels; i++) {
        const struct xr_panel *p = &d->panels[i];
        struct place *place = &at->places[i];
        double names = (double)longest(p->y.names, p->y.n_names, y_most(p));
        double own = p->y.hidden ? 0.5 : p->y.n_names ? 0.7 : number_lines(at, p);
        double beside = (double)longest(p->beside, p->y.n_names, MAX_LEGEND);

        place->x_size = place->y_size = 1.0;
        if (p->x.n_names)
            place->x_size = name_size(at, width / (double)p->x.n_names);
        if (p->rows)
            place->y_size = ROW_SIZE;
        else if (p->y.n_names)
            place->y_size = name_size(at, width * p->ratio / (double)p->y.n_names);
        own += (p->y.name && *p->y.name ? 1.4 : 0.0) +
               names * place->y_size * at->letter / at->line;
        at->left = fmax(at->left, own);
        if (p->beside)
            at->right = fmax(at->right, 1.0 + ROW_SIZE * beside * at->letter / at->line);
        if (p->x.hidden)
            at->right = 0.5;
    }
}

static size_t legend_lines(const struct xr_panel *p)
{
    size_t n = 0;

    for (size_t i = 0; i < p->n_series; i++)
        n += p->series[i]->name != NULL;
    return n ? n + (p->legend != NULL) : 0;
}

static bool has_labels(const struct xr_panel *p)
{
    for (size_t i = 0; i < p->n_series; i++)
        if (p->series[i]->labels)
            return true;
    return false;
}

static double text_lines(const struct place *place)
{
    return place->top + place->below + place->legend;
}

static void settle(struct layout *at, const struct xr_drawing *d,
                   const struct xr_plot_style *style)
{
    double width, total = 0.0, plots = 0.0, scale;

    at->style = style;
    at->line = xr_plot_line(style);
    at->letter = 0.56 * style->font * CM_PER_POINT;
    width = style->width * 0.7;
    for (int round = 0; round < 3; round++) { /* names that are smaller leave more room */
        sides(at, d, width);
        width = fmax(1.0, style->width - (at->left + at->right) * at->line);
    }
    at->head = (style->title ? 1.9 : 0.3) + 1.2 * (double)d->n_notes;
    for (size_t i = 0; i < d->n_panels; i++) {
        const struct xr_panel *p = &d->panels[i];
        struct place *place = &at->places[i];
        size_t most = longest(p->x.names, p->x.n_names, MAX_TIC);

        place->turned =
            p->x.n_names && (double)((most + 1) * p->x.n_names) * at->letter > width;
        if (!place->turned)
            place->x_size = 1.0;
        place->top = p->heading ? 1.6 : has_labels(p) ? 1.2 : 0.5;
        place->below = p->x.hidden ? 0.3 : 1.2;
        if (place->turned)
            place->below = 0.5 + (double)most * place->x_size * at->letter / at->line *
                                     (p->x.n_names > MANY_NAMES ? 0.93 : 0.68);
        place->below += p->x.name && *p->x.name ? 1.9 : 0.4;
        place->legend = (double)legend_lines(p);
        place->legend += place->legend > 0.0 ? 0.5 : 0.0;
        place->plot = p->rows ? ROW * at->line * (double)p->y.n_names : width * p->ratio;
        plots += place->plot;
        total += text_lines(place) * at->line;
    }
    total += (at->head + 0.4) * at->line;
    at->height = style->height > 0 ? style->height : total + plots;
    scale = plots > 0.0 ? (at->height - total) / plots : 1.0;
    for (size_t i = 0; i < d->n_panels; i++)
        at->places[i].plot = fmax(0.5, at->places[i].plot * scale);
}

/* --- data ----------------------------------------------------------------------------
 */

static void put_number(struct xr_script *script, double value)
{
    if (isfinite(value))
        xr_script_put(script, " %.6g", value);
    else
        xr_script_put(script, " NaN");
}

/* x, y, low, high, left, right: those that there are, in this order. */
static void put_data(struct xr_script *script, const struct xr_series *s, size_t panel,
                     size_t at)
{
    const double *columns[] = {s->x, s->y, s->low, s->high, s->left, s->right};

    xr_script_put(script, "$p%zu_%zu << EOD\n", panel, at);
    for (size_t i = 0; i < s->n; i++) {
        if (s->mark != XR_MARK_BAND && s->mark != XR_MARK_POINTS && isnan(s->y[i])) {
            xr_script_put(script, "\n");
            continue;
        }
        for (size_t c = 0; c < 6; c++) {
            /* gnuplot draws a bar to NaN as one to 0: without an interval it is the point
             */
            bool bar = c > 1 && s->mark == XR_MARK_POINTS && columns[c] &&
                       !isfinite(columns[c][i]);

            if (columns[c])
                put_number(script, columns[!bar ? c : c < 4 ? 1 : 0][i]);
        }
        if (s->labels && s->notes && s->notes[i]) {
            xr_script_put(script, " \"");
            for (const char *t = s->notes[i]; *t; t++)
                xr_script_put(script, "%c", *t == '"' || *t == '\\' ? '\'' : *t);
            xr_script_put(script, "\"");
        }
        xr_script_put(script, "\n");
    }
    xr_script_put(script, "EOD\n");
}

static const char *color_of(int color)
{
    return color == XR_GRAY    ? "#999999"
           : color == XR_BLANK ? "#FFFFFF"
                               : xr_plot_color((size_t)color);
}

static int dash_of(const struct xr_series *s)
{
    return s->dash ? s->dash : s->color < 0 ? 1 : s->color / 7 + 1;
}

static int shape_of(const struct xr_series *s)
{
    static const int shapes[] = {7, 5, 9, 13, 11, 7, 5};

    return s->color < 0 ? 4 : shapes[s->color % 7];
}

static void put_color(struct xr_script *script, int color)
{
    xr_script_put(script, " linecolor rgb '%s'", color_of(color));
}

static const char *width_of(const struct xr_series *s)
{
    return s->color < 0 ? "0.8" : s->thin ? "1" : s->thick ? "4" : "1.5";
}

/* What is given behind `plot`, without a title. */
static void put_mark(struct xr_script *script, const struct xr_series *s, size_t panel,
                     size_t at)
{
    int range = s->low ? 1 : 0, side = s->left ? 2 : 0;

    if (s->n == 0) {
        xr_script_put(script, "NaN with lines");
        put_color(script, s->color);
        return;
    }
    xr_script_put(script, "$p%zu_%zu using ", panel, at);
    switch (s->mark) {
    case XR_MARK_BAND:
        xr_script_put(script, "1:2:3 with filledcurves fillstyle transparent solid 0.18 "
                              "noborder");
        put_color(script, s->color);
        return;
    case XR_MARK_BARS:
        xr_script_put(script, "1:2:(%.6g) with boxes fillstyle solid noborder", s->width);
        put_color(script, s->color);
        return;
    case XR_MARK_POINTS:
        xr_script_put(script, "%s pointtype %d pointsize 0.45 linewidth %s",
                      range && side ? "1:2:5:6:3:4 with xyerrorbars"
                      : range       ? "1:2:3:4 with yerrorbars"
                      : side        ? "1:2:3:4 with xerrorbars"
                                    : "1:2 with points",
                      shape_of(s), width_of(s));
        put_color(script, s->color);
        return;
    default:
        xr_script_put(script, "1:2 with %s",
                      s->mark == XR_MARK_STEPS ? "fsteps"
                      : s->dots                ? "linespoints pointtype 7 pointsize 0.3"
                                               : "lines");
        put_color(script, s->color);
        xr_script_put(script, " linewidth %s dashtype %d", width_of(s), dash_of(s));
    }
}

static void put_series(struct xr_script *script, const struct layout *at,
                       const struct xr_panel *p, size_t panel)
{
    static const char next[] = ", \\\n     ";
    const char *before = "plot ";

    for (size_t i = 0; i < p->n_series; i++) {
        const struct xr_series *s = p->series[i];

        xr_script_put(script, "%s", before);
        before = next;
        put_mark(script, s, panel, i);
        xr_script_put(script, " notitle");
        if (s->labels && s->n)
            xr_script_put(
                script,
                "%s$p%zu_%zu using 1:2:%d with labels center offset 0,0.5 font ',%.4g' "
                "notitle",
                next, panel, i, 3 + 2 * (s->low != NULL) + 2 * (s->left != NULL),
                xr_plot_font(at->style, 0.85));
    }
    xr_script_put(script, p->n_series ? "\n" : "plot 1/0 notitle\n");
}

/* --- axes -----------------------------------------------------------------------------
 */

static void put_range(struct xr_script *script, char axis, double from, double to)
{
    xr_script_put(script, "set %crange [", axis);
    xr_script_put(script, isnan(from) ? "*:" : "%.6g:", from);
    xr_script_put(script, isnan(to) ? "*]\n" : "%.6g]\n", to);
}

static void put_axis(struct xr_script *script, const struct layout *at,
                     const struct xr_axis *a, char axis, bool turned, double size,
                     size_t most)
{
    put_range(script, axis, a->from, a->to);
    if (a->hidden) {
        xr_script_put(script, "unset %ctics\n", axis);
        return;
    }
    if (a->n_names) {
        xr_script_put(script, "set %ctics (", axis);
        for (size_t i = 0; i < a->n_names; i++) {
            xr_script_put(script, i ? ", " : "");
            xr_script_text(script, a->names[i] ? a->names[i] : "", most, true);
            xr_script_put(script, " %zu", i);
        }
        xr_script_put(script, ") scale 0 font ',%.4g'%s\n", xr_plot_font(at->style, size),
                      !turned                   ? ""
                      : a->n_names > MANY_NAMES ? " rotate by 65 right"
                                                : " rotate by 40 right");
    } else if (a->step > 0.0) {
        xr_script_put(script, "set %ctics %.6g\n", axis, a->step);
    } else {
        xr_script_put(script, "set %ctics autofreq\n", axis);
    }
    xr_script_put(script, "set format %c '%s'\n", axis, a->format ? a->format : "%g");
}

/* --- cells, text, pictures ---------------------------------------------------------- */

/* A cell between white and blue, its text in what stands out on it, as large as fits. */
static void put_cell(struct xr_script *script, const struct layout *at,
                     const struct xr_cell_drawn *cell, double width, double height)
{
    const struct xr_plot_style *style = at->style;
    double large = smaller(1.1, height / (1.3 * style->font * CM_PER_POINT));
    unsigned rgb[3] = {0x00, 0x72, 0xB2};
    const char *ink = cell->shade > 0.55 ? "#FFFFFF" : "#000000";
    double small = 0.85, lift;
    int n = 0;

    for (int i = 0; i < 3; i++)
        rgb[i] = (unsigned)lround(255.0 - cell->shade * (255.0 - rgb[i]));
    xr_script_put(script,
                  "set object rectangle from %.6g,%.6g to %.6g,%.6g fillcolor rgb "
                  "'#%02X%02X%02X' fillstyle solid noborder behind\n",
                  cell->x - 0.5, cell->y - 0.5, cell->x + 0.5, cell->y + 0.5, rgb[0],
                  rgb[1], rgb[2]);
    while (n < 3 && cell->lines[n])
        n++;
    for (int i = 0; i < n; i++) {
        double fits = 0.92 * width / (at->letter * (double)characters(cell->lines[i]));

        if (i == 0)
            large = smaller(large, fits);
        else
            small = smaller(small, fits);
    }
    if (n > 1 && (small < 0.5 || height < 1.3 * n * style->font * CM_PER_POINT))
        n = 1; /* where cells are small only the count is legible */
    lift = 0.45 * (double)(n - 1);
    for (int i = 0; i < n; i++) {
        xr_script_put(script, "set label ");
        xr_script_text(script, cell->lines[i], 0, false);
        xr_script_put(script,
                      " at %.6g,%.6g center offset 0,%.2f font ',%.4g' textcolor rgb "
                      "'%s' front\n",
                      cell->x, cell->y,
                      xr_plot_rise(style, lift - (i == 2 ? 1.95 : (double)i)),
                      xr_plot_font(style, i ? small : fmax(0.3, large)), ink);
    }
}

static void put_label(struct xr_script *script, const char *text, size_t most,
                      const char *where, double x, double y, const char *how)
{
    if (!text)
        return;
    xr_script_put(script, "set label ");
    xr_script_text(script, text, most, false);
    xr_script_put(script, where, x, y);
    xr_script_put(script, " %s\n", how);
}

static void put_pictures(struct xr_script *script, const struct layout *at,
                         const struct xr_panel *p, double width)
{
    double pixel = width / (p->x.to - p->x.from); /* cm */
    double row = p->text * 1.25 * at->style->font * CM_PER_POINT / pixel;
    char how[64];

    for (size_t i = 0; i < p->n_pictures; i++) {
        const struct xr_picture *picture = &p->pictures[i];
        size_t most = (size_t)(picture->width * pixel / (p->text * at->letter));

        snprintf(how, sizeof how, "left font ',%.4g'", xr_plot_font(at->style, p->text));
        for (size_t l = 0; l < picture->n_lines; l++)
            put_label(script, picture->lines[l], most, " at %.6g,%.6g", picture->x,
                      picture->y + picture->height + ((double)l + 0.65) * row, how);
        if (picture->frame != XR_GRAY)
            xr_script_put(
                script,
                "set object rectangle from %.6g,%.6g to %.6g,%.6g fillstyle empty "
                "border linecolor rgb '%s' linewidth 1.5 front\n",
                picture->x, picture->y, picture->x + picture->width,
                picture->y + picture->height, xr_plot_color((size_t)picture->frame));
    }
    for (size_t i = 0; i < p->n_pictures; i++)
        xr_script_put(script,
                      "%s'-' binary array=(%zu,%zu) dx=%.8g dy=%.8g origin=(%.6g,%.6g) "
                      "format='%%uchar%%uchar%%uchar' using 1:2:3 with rgbimage notitle",
                      i ? ", " : "plot ", p->pictures[i].image.width,
                      p->pictures[i].image.height,
                      p->pictures[i].width / (double)p->pictures[i].image.width,
                      p->pictures[i].height / (double)p->pictures[i].image.height,
                      p->pictures[i].x + 0.5, p->pictures[i].y + 0.5);
    xr_script_put(script, "\n");
    for (size_t i = 0; i < p->n_pictures; i++) {
        const struct xr_image *image = &p->pictures[i].image;

        if (!script->failed && xr_buf_put(&script->buf, image->data,
                                          image->width * image->height * 3, script->err))
            script->failed = true;
    }
}

/* What stands for a series in the legend, from x to x + w of the page at height y. */
static void put_sample(struct xr_script *script, const struct xr_series *s, double x,
                       double y, double w, double h)
{
    int color = s->color;

    if (color == XR_BLANK)
        return;
    if (s->mark == XR_MARK_BARS || s->mark == XR_MARK_BAND) {
        xr_script_put(script,
                      "set object rectangle from screen %.4f, screen %.4f to screen "
                      "%.4f, screen %.4f fillstyle solid noborder fillcolor rgb '%s'\n",
                      x, y - h, x + w, y + h, color_of(color));
    } else if (s->mark == XR_MARK_POINTS) {
        xr_script_put(script,
                      "set label '' at screen %.4f, screen %.4f point pointtype %d "
                      "pointsize 0.45",
                      x + w / 2, y, shape_of(s));
        put_color(script, color);
        xr_script_put(script, "\n");
    } else {
        xr_script_put(script,
                      "set arrow from screen %.4f, screen %.4f to screen %.4f, screen "
                      "%.4f nohead linewidth %s dashtype %d",
                      x, y, x + w, y, width_of(s), dash_of(s));
        put_color(script, color);
        xr_script_put(script, "\n");
    }
}

/* Below the plot, where it hides nothing; top: lines from the bottom of the page. */
static void put_legend(struct xr_script *script, const struct layout *at,
                       const struct xr_panel *p, double top)
{
    double w = at->style->width, h = at->height, y = top - 0.1, x = 1.2 * at->line / w;
    double names = x + 1.9 * at->line / w, values = 0.0;
    size_t most;

    for (size_t i = 0; i < p->n_series; i++)
        if (p->series[i]->name)
            values = fmax(values, (double)characters(p->series[i]->value));
    values = values > 0.0 ? (values + 1.0) * at->letter / w : 0.0;
    most = (size_t)fmax(8.0, (0.98 - names - values) * w / at->letter);
    if (!legend_lines(p))
        return;
    if (p->legend) {
        put_label(script, p->legend, 0, " at screen %.4f, screen %.4f", x,
                  (y - 0.5) * at->line / h, "left");
        y--;
    }
    for (size_t i = 0; i < p->n_series; i++) {
        if (!p->series[i]->name)
            continue;
        put_sample(script, p->series[i], x, (y - 0.5) * at->line / h, 1.5 * at->line / w,
                   0.3 * at->line / h);
        put_label(script, p->series[i]->value, 0, " at screen %.4f, screen %.4f", names,
                  (y - 0.5) * at->line / h, "left");
        put_label(script, p->series[i]->name, most, " at screen %.4f, screen %.4f",
                  names + values, (y - 0.5) * at->line / h, "left");
        y--;
    }
}

static void put_panel(struct xr_script *script, const struct layout *at,
                      const struct xr_panel *p, size_t panel, double from)
{
    const struct place *place = &at->places[panel];
    const struct xr_plot_style *style = at->style;
    double plot_width = style->width - (at->left + at->right) * at->line;
    double top = from + place->top, bottom, h = at->height;
    struct xr_axis x = p->x;
    char how[48];

    bottom = h / at->line - top - place->plot / at->line;
    xr_script_box(script, style, h, at->left, at->right, top, bottom);
    if (!x.n_names && !(x.step > 0.0)) { /* as many tics as have room */
        double range[2];

        xr_draw_range(range, p, false);
        x.step = xr_draw_step(range[1] - range[0], fmax(2.0, plot_width / 1.6));
    }
    put_axis(script, at, &x, 'x', place->turned, place->x_size, MAX_TIC);
    put_axis(script, at, &p->y, 'y', false, place->y_size, y_most(p));
    /* names of axes where this file wants them: gnuplot's guess moves with its fonts */
    if (!p->x.hidden && p->x.name && *p->x.name)
        put_label(script, p->x.name, 0, " at graph %.1f, screen %.4f", 0.5,
                  (bottom - place->below + 0.9) * at->line / h, "center");
    if (!p->y.hidden && p->y.name && *p->y.name)
        put_label(script, p->y.name, 0, " at screen %.4f, graph %.1f",
                  0.8 * at->line / style->width, 0.5, "center rotate by 90");
    if (p->n_cells || (p->x.hidden && p->y.hidden))
        xr_script_put(script, "set border 0\n");
    put_legend(script, at, p, bottom - place->below);
    for (size_t i = 0; i < p->n_cells; i++)
        put_cell(script, at, &p->cells[i], plot_width / (double)p->x.n_names,
                 place->plot / (double)p->y.n_names);
    snprintf(how, sizeof how, "left font ',%.4g'", xr_plot_font(style, ROW_SIZE));
    put_label(script, p->heading, MAX_LEGEND, " at screen %.4f, screen %.4f",
              p->beside ? 1.0 - (at->right - 0.5) * at->line / style->width
                        : at->left * at->line / style->width,
              1.0 - (top - 0.7) * at->line / h, how);
    for (size_t i = 0; p->beside && i < p->y.n_names; i++)
        put_label(script, p->beside[i], MAX_LEGEND, " at screen %.4f, first %.6g",
                  1.0 - (at->right - 0.5) * at->line / style->width, (double)i, how);
    if (p->n_pictures) {
        put_pictures(script, at, p, plot_width);
        return;
    }
    for (size_t i = 0; i < p->n_series; i++)
        if (p->series[i]->n)
            put_data(script, p->series[i], panel, i);
    put_series(script, at, p, panel);
}

int xr_drawing_script(struct xr_script *script, const struct xr_plot_style *style,
                      const struct xr_drawing *d)
{
    struct layout at = {0};
    double from;

    if (d->failed) {
        script->failed = true;
        return -1;
    }
    settle(&at, d, style);
    xr_script_head(script, style, at.height);
    for (size_t i = 0; i < d->n_notes; i++)
        put_label(script, d->notes[i], 0, " at screen %.4f, screen %.4f",
                  0.5 * at.line / style->width,
                  1.0 - (at.head - 1.2 * (double)(d->n_notes - i) + 0.6) * at.line /
                            at.height,
                  "left");
    if (d->n_panels > 1)
        xr_script_put(script, "set multiplot\n");
    from = at.head;
    for (size_t i = 0; i < d->n_panels; i++) {
        if (i)
            xr_script_put(script, "unset label\nunset object\nunset arrow\n");
        put_panel(script, &at, &d->panels[i], i, from);
        from += text_lines(&at.places[i]) + at.places[i].plot / at.line;
    }
    if (d->n_panels > 1)
        xr_script_put(script, "unset multiplot\n");
    return script->failed ? -1 : 0;
}
