/* Axes, ticks, lines and a legend. */
#include "report_chart.h"

#include <math.h>

#define LEFT 56.0
#define RIGHT 12.0
#define TOP 10.0
#define BOTTOM 40.0

struct frame {
    double width, height;  /* of the drawing */
    double x0, x1, y0, y1; /* data ranges */
    double x_step, y_step;
};

static double px(const struct frame *f, double x)
{
    return LEFT + (x - f->x0) / (f->x1 - f->x0) * (f->width - LEFT - RIGHT);
}

static double py(const struct frame *f, double y)
{
    return f->height - BOTTOM -
           (y - f->y0) / (f->y1 - f->y0) * (f->height - TOP - BOTTOM);
}

/* 1, 2 or 5 times a power of ten: about n steps over a range. */
static double nice_step(double range, double n)
{
    double raw = range / n, power = pow(10, floor(log10(raw))), r = raw / power;

    return power * (r < 1.5 ? 1 : r < 3.5 ? 2 : r < 7.5 ? 5 : 10);
}

static void range_of(struct frame *f, const struct xr_chart *c)
{
    f->x0 = f->y0 = INFINITY;
    f->x1 = f->y1 = -INFINITY;
    for (size_t l = 0; l < c->n_lines; l++) {
        for (size_t i = 0; i < c->lines[l].n; i++) {
            double x = c->lines[l].x[i], y = c->lines[l].y[i];

            if (!isfinite(x) || !isfinite(y))
                continue;
            f->x0 = fmin(f->x0, x);
            f->x1 = fmax(f->x1, x);
            f->y0 = fmin(f->y0, y);
            f->y1 = fmax(f->y1, y);
        }
    }
    if (c->unit) {
        f->x0 = f->y0 = 0;
        f->x1 = f->y1 = 1;
    }
    if (f->x1 - f->x0 < 1e-12 * fmax(1, fabs(f->x1))) {
        f->x0 -= c->whole_x ? 1 : 0.5;
        f->x1 += c->whole_x ? 1 : 0.5;
    }
    if (f->y1 - f->y0 < 1e-9 * fmax(1e-9, fabs(f->y1))) {
        double pad = f->y1 ? fabs(f->y1) / 10 : 1;

        f->y0 -= pad;
        f->y1 += pad;
    }
    f->x_step = c->unit ? 0.2 : nice_step(f->x1 - f->x0, 6);
    f->y_step = c->unit ? 0.2 : nice_step(f->y1 - f->y0, 5);
    if (c->whole_x && f->x_step < 1)
        f->x_step = 1;
    if (!c->unit) {
        f->y0 = floor(f->y0 / f->y_step + 1e-9) * f->y_step;
        f->y1 = ceil(f->y1 / f->y_step - 1e-9) * f->y_step;
    }
}

static void axes(struct xr_html *h, const struct frame *f, const struct xr_chart *c)
{
    double bottom = f->height - BOTTOM, right = f->width - RIGHT;

    xr_html_raw(h, "<g class=\"axes\">\n");
    for (double k = ceil(f->x0 / f->x_step - 1e-9);
         k * f->x_step <= f->x1 * (1 + 1e-9) + 1e-12; k++) {
        double x = k * f->x_step;

        xr_html_rawf(
            h,
            "<line class=\"grid\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>"
            "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">%.6g</text>\n",
            px(f, x), TOP, px(f, x), bottom, px(f, x), bottom + 15,
            fabs(x) < 1e-12 ? 0 : x);
    }
    for (double k = ceil(f->y0 / f->y_step - 1e-9);
         k * f->y_step <= f->y1 + f->y_step * 1e-6; k++) {
        double y = k * f->y_step;

        xr_html_rawf(
            h,
            "<line class=\"grid\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>"
            "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"end\">%.4g</text>\n",
            LEFT, py(f, y), right, py(f, y), LEFT - 6, py(f, y) + 4,
            fabs(y) < 1e-9 * f->y_step ? 0 : y);
    }
    xr_html_rawf(h, "<path class=\"frame\" d=\"M%.1f %.1fV%.1fH%.1f\"/>\n", LEFT, TOP,
                 bottom, right);
    xr_html_rawf(h, "<text class=\"name\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">",
                 (LEFT + right) / 2, f->height - 6);
    xr_html_text(h, c->x_name);
    xr_html_rawf(
        h,
        "</text>\n<text class=\"name\" transform=\"translate(12 %.1f) rotate(-90)\" "
        "text-anchor=\"middle\">",
        (TOP + bottom) / 2);
    xr_html_text(h, c->y_name);
    xr_html_raw(h, "</text>\n</g>\n");
}

static void line(struct xr_html *h, const struct frame *f, const struct xr_line *l,
                 size_t at)
{
    bool pen = false;

    xr_html_rawf(h, "<path class=\"line s%zu\" d=\"", at % 6);
    for (size_t i = 0; i < l->n; i++) {
        if (!isfinite(l->x[i]) || !isfinite(l->y[i])) {
            pen = false;
            continue;
        }
        xr_html_rawf(h, "%s%.1f %.1f", pen ? "L" : "M", px(f, l->x[i]), py(f, l->y[i]));
        pen = true;
    }
    xr_html_raw(h, "\"/>\n");
    for (size_t i = 0; l->points && i < l->n; i++) {
        if (!isfinite(l->x[i]) || !isfinite(l->y[i]))
            continue;
        xr_html_rawf(
            h, "<circle class=\"dot s%zu\" cx=\"%.1f\" cy=\"%.1f\" r=\"2.6\"><title>",
            at % 6, px(f, l->x[i]), py(f, l->y[i]));
        xr_html_text(h, l->name);
        xr_html_rawf(h, ", %.6g: %.6g</title></circle>\n", l->x[i], l->y[i]);
    }
}

bool xr_chart_any(const struct xr_chart *chart)
{
    for (size_t l = 0; l < chart->n_lines; l++) {
        for (size_t i = 0; i < chart->lines[l].n; i++) {
            if (isfinite(chart->lines[l].x[i]) && isfinite(chart->lines[l].y[i]))
                return true;
        }
    }
    return false;
}

void xr_chart_write(struct xr_html *h, const struct xr_chart *chart)
{
    struct frame f = {.width = chart->unit ? 340 : 400,
                      .height = chart->unit ? 332 : 260};

    if (!xr_chart_any(chart))
        return;
    range_of(&f, chart);
    xr_html_rawf(h,
                 "<figure class=\"chart\">\n<svg viewBox=\"0 0 %.0f %.0f\" role=\"img\" "
                 "aria-label=\"",
                 f.width, f.height);
    xr_html_text(h, chart->title);
    xr_html_raw(h, "\">\n");
    axes(h, &f, chart);
    if (chart->diagonal)
        xr_html_rawf(h, "<path class=\"chance\" d=\"M%.1f %.1fL%.1f %.1f\"/>\n",
                     px(&f, 0), py(&f, 0), px(&f, 1), py(&f, 1));
    for (size_t l = 0; l < chart->n_lines; l++)
        line(h, &f, &chart->lines[l], l);
    xr_html_raw(h, "</svg>\n<figcaption>");
    xr_html_element(h, "b", chart->title);
    for (size_t l = 0; l < chart->n_lines; l++) {
        xr_html_rawf(
            h,
            " <span class=\"key\"><svg viewBox=\"0 0 26 8\" aria-hidden=\"true\"><path "
            "class=\"line s%zu\" d=\"M0 4H26\"/></svg>",
            l % 6);
        xr_html_text(h, chart->lines[l].name);
        xr_html_raw(h, "</span>");
    }
    xr_html_raw(h, "</figcaption>\n</figure>\n");
}
