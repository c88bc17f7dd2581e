/* A drawing as lines of text: Braille dots, two wide and four high in a character, or
 * plain characters where there is no UTF-8. */
#include <math.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli.h"
#include "plot_drawing.h"

#define LEFT 9       /* characters of a number on the y axis, with a blank */
#define MAX_NAME 24  /* of a name there */
#define MAX_SIDE 500 /* of a canvas, in characters */

struct canvas {
    size_t width, height; /* in characters */
    bool utf8;
    uint8_t *dots;  /* [height][width] bits of a Braille pattern; or a character */
    int16_t *color; /* of the last that drew there; XR_GRAY: nothing yet or gray */
    double x[2], y[2];
};

struct text {
    struct xr_buf *buf;
    struct xr_err *err;
    bool failed, utf8, colors;
    size_t columns;
};

static void put(struct text *t, const char *fmt, ...) XR_PRINTF(2, 3);
static void put(struct text *t, const char *fmt, ...)
{
    char line[512];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    if (!t->failed)
        t->failed = xr_buf_text(t->buf, line, t->err) != 0;
}

/* At most n characters of a text, control characters as '?', others as they are or, where
 * there is no UTF-8, as '?'; then blanks up to n where pad. */
static void put_name(struct text *t, const char *name, size_t n, bool pad)
{
    size_t at = 0;
    char one[5];

    for (; name && *name && at < n; at++) {
        size_t size = 1;

        while (size < 4 && ((unsigned char)name[size] & 0xc0) == 0x80)
            size++;
        memcpy(one, name, size);
        one[size] = '\0';
        put(t, "%s",
            (unsigned char)*name < 0x20 || *name == 0x7f || (size > 1 && !t->utf8) ? "?"
                                                                                   : one);
        name += size;
    }
    for (; pad && at < n; at++)
        put(t, " ");
}

static void begin_color(struct text *t, int color)
{
    static const int codes[] = {32, 166, 36, 175, 74, 178, 15}; /* of 256 */

    if (t->colors)
        put(t, "\033[38;5;%dm", color < 0 ? 244 : codes[color % 7]);
}

static void end_color(struct text *t)
{
    if (t->colors)
        put(t, "\033[0m");
}

static char plain_mark(int color)
{
    static const char marks[] = "*+ox#%@";

    return color < 0 ? '.' : marks[color % 7];
}

/* --- drawing -------------------------------------------------------------------------
 */

/* A dot at dots x, y from the upper left corner. */
static void dot(struct canvas *c, long x, long y, int color)
{
    static const uint8_t bits[4][2] = {
        {0x01, 0x08}, {0x02, 0x10}, {0x04, 0x20}, {0x40, 0x80}};
    size_t at;

    if (x < 0 || y < 0 || x >= 2 * (long)c->width || y >= 4 * (long)c->height)
        return;
    at = (size_t)(y / 4) * c->width + (size_t)(x / 2);
    if (color < 0 && c->dots[at] && c->color[at] >= 0)
        return; /* what is gray stands behind */
    if (c->utf8)
        c->dots[at] |= bits[y % 4][x % 2];
    else
        c->dots[at] = (uint8_t)plain_mark(color);
    c->color[at] = (int16_t)color;
}

static double place_x(const struct canvas *c, double x)
{
    return (x - c->x[0]) / (c->x[1] - c->x[0]) * (2.0 * (double)c->width - 1.0);
}

static double place_y(const struct canvas *c, double y)
{
    return (c->y[1] - y) / (c->y[1] - c->y[0]) * (4.0 * (double)c->height - 1.0);
}

static void line(struct canvas *c, double x0, double y0, double x1, double y1, int color,
                 int skip)
{
    double ax = place_x(c, x0), ay = place_y(c, y0), bx = place_x(c, x1),
           by = place_y(c, y1);
    double most = 4.0 * MAX_SIDE, steps = fmax(fabs(bx - ax), fabs(by - ay));

    if (!isfinite(steps))
        return;
    steps = fmin(most, fmax(1.0, ceil(steps)));
    for (double i = 0; i <= steps; i++)
        if (!skip || (long)i % (2 * skip) < skip)
            dot(c, lround(ax + (bx - ax) * i / steps), lround(ay + (by - ay) * i / steps),
                color);
}

static void draw_series(struct canvas *c, const struct xr_series *s)
{
    int skip = s->dash == 3 ? 1 : s->dash == 2 ? 3 : 0;

    for (size_t i = 0; i < s->n && s->mark != XR_MARK_BAND; i++) {
        double x = s->x[i], y = s->y[i];

        if (!isfinite(y) || (s->mark == XR_MARK_BARS && y == 0.0))
            continue;
        if (s->mark == XR_MARK_BARS) {
            double from = place_x(c, x - s->width / 2), to = place_x(c, x + s->width / 2);

            for (double at = from; at <= to; at++)
                for (long row = lround(place_y(c, y)); row <= lround(place_y(c, 0.0));
                     row++)
                    dot(c, lround(at), row, s->color);
        } else if (s->mark == XR_MARK_POINTS) {
            long px = lround(place_x(c, x)), py = lround(place_y(c, y));

            for (int k = 0; k < 4; k++)
                dot(c, px + k % 2, py + k / 2, s->color);
            if (s->low && isfinite(s->low[i]))
                line(c, x, s->low[i], x, s->high[i], s->color, 0);
            if (s->left && isfinite(s->left[i]))
                line(c, s->left[i], y, s->right[i], y, s->color, 0);
        } else if (i + 1 == s->n || !isfinite(s->y[i + 1])) {
            line(c, x, y, x, y, s->color, 0);
        } else if (s->mark == XR_MARK_STEPS) {
            line(c, x, y, x, s->y[i + 1], s->color, 0);
            line(c, x, s->y[i + 1], s->x[i + 1], s->y[i + 1], s->color, 0);
        } else {
            line(c, x, y, s->x[i + 1], s->y[i + 1], s->color, skip);
        }
    }
}

static void put_cell(struct text *t, const struct canvas *c, size_t at)
{
    if (!c->dots[at]) {
        put(t, " ");
        return;
    }
    begin_color(t, c->color[at]);
    if (c->utf8) /* U+2800 + dots */
        put(t, "\xe2%c%c", 0xa0 | c->dots[at] >> 6, 0x80 | (c->dots[at] & 0x3f));
    else
        put(t, "%c", c->dots[at]);
    end_color(t);
}

/* --- panels --------------------------------------------------------------------------
 */

static void put_legend(struct text *t, const struct xr_panel *p)
{
    bool begun = false;

    for (size_t i = 0; i < p->n_series; i++) {
        const struct xr_series *s = p->series[i];

        if (!s->name)
            continue;
        if (!begun && p->legend) {
            put(t, "  ");
            put_name(t, p->legend, t->columns - 2, false);
            put(t, "\n");
        }
        begun = true;
        put(t, "  ");
        begin_color(t, s->color);
        if (s->color == XR_BLANK || !s->n)
            put(t, "   ");
        else if (t->utf8)
            put(t,
                s->dash == 2 ? "\xe2\x95\x8c\xe2\x95\x8c " : "\xe2\x94\x81\xe2\x94\x81 ");
        else
            put(t, "%c%c ", plain_mark(s->color),
                s->dash == 2 ? ' ' : plain_mark(s->color));
        end_color(t);
        if (s->value)
            put(t, "%s  ", s->value);
        put_name(t, s->name, t->columns > 40 ? t->columns - 34 : 8, false);
        put(t, "\n");
    }
}

/* The number that stands left of a row of the canvas; NULL: none. */
static const char *y_text(char *text, size_t room, const struct xr_panel *p,
                          const struct canvas *c, size_t row)
{
    size_t every = c->height > 8   ? (c->height - 1) / 4
                   : c->height > 1 ? c->height - 1
                                   : 1;
    double y = c->y[1] - (c->y[1] - c->y[0]) * ((double)row + 0.5) / (double)c->height;

    if (p->y.n_names) {
        size_t i = (size_t)fmax(0.0, y + 0.5);

        return i < p->y.n_names && fabs(y - (double)i) <= 0.5 ? p->y.names[i] : NULL;
    }
    if (row % every != 0 && row + 1 != c->height)
        return NULL;
    y = row + 1 == c->height ? c->y[0] : row == 0 ? c->y[1] : y;
    snprintf(text, room, "%*.4g", LEFT - 1, fabs(y) < 1e-12 ? 0.0 : y);
    return text;
}

static void put_x(struct text *t, const struct xr_panel *p, const struct canvas *c,
                  size_t left)
{
    char from[32], to[32];

    if (p->x.n_names) {
        size_t width = c->width / p->x.n_names;

        put(t, "%*s", (int)left, "");
        for (size_t i = 0; i < p->x.n_names && width > 1; i++) {
            put_name(t, p->x.names[i], width - 1, true);
            put(t, " ");
        }
        put(t, "\n");
        return;
    }
    snprintf(from, sizeof from, "%.4g", c->x[0]);
    snprintf(to, sizeof to, "%.4g", c->x[1]);
    put(t, "%*s%s", (int)left, "", from);
    if (strlen(from) + strlen(to) < c->width)
        put(t, "%*s", (int)(c->width - strlen(from)), to);
    put(t, "\n");
}

static void put_canvas(struct text *t, const struct xr_panel *p, size_t lines)
{
    size_t left = p->y.n_names ? MAX_NAME + 1 : LEFT, right = p->beside ? 23 : 1;
    struct canvas c = {.utf8 = t->utf8};
    char number[32];

    c.width = t->columns > left + right + 10 ? t->columns - left - right : 10;
    c.width = c.width < MAX_SIDE ? c.width : MAX_SIDE;
    c.height = p->rows ? p->y.n_names : lines;
    c.dots = xr_alloc_array(c.width * c.height, sizeof *c.dots, t->err);
    c.color = xr_alloc_array(c.width * c.height, sizeof *c.color, t->err);
    if (!c.dots || !c.color) {
        t->failed = true;
        goto done;
    }
    xr_draw_range(c.x, p, false);
    xr_draw_range(c.y, p, true);
    for (size_t i = 0; i < p->n_series; i++)
        draw_series(&c, p->series[i]);
    if (p->y.name && *p->y.name) {
        put_name(t, p->y.name, t->columns - 1, false);
        put(t, "\n");
    }
    for (size_t row = 0; row < c.height; row++) {
        const char *name = y_text(number, sizeof number, p, &c, row);

        put_name(t, name, left - 1, true);
        put(t, t->utf8 ? "\xe2\x94\x82" : "|");
        for (size_t x = 0; x < c.width; x++)
            put_cell(t, &c, row * c.width + x);
        if (p->beside && p->rows && p->beside[row])
            put(t, " %s", p->beside[row]);
        put(t, "\n");
    }
    put_x(t, p, &c, left);
    if (p->x.name && *p->x.name) {
        put(t, "%*s", (int)left, "");
        put_name(t, p->x.name, t->columns - left, false);
        put(t, "\n");
    }
done:
    free(c.dots);
    free(c.color);
}

/* A matrix as a table of its counts. */
static void put_cells(struct text *t, const struct xr_panel *p)
{
    size_t k = p->x.n_names, room = t->columns > 20 + k ? (t->columns - 17) / k : 4;
    size_t name = 15;

    room = room < 5 ? 5 : room > 14 ? 14 : room;
    put_name(t, p->y.name, name, true);
    put(t, "  ");
    put_name(t, p->x.name, 20, false);
    put(t, "\n%*s", (int)name, "");
    for (size_t i = 0; i < k; i++) {
        put(t, "  ");
        put_name(t, p->x.names[i], room - 2, true);
    }
    for (size_t i = 0; i < p->n_cells; i++) {
        const struct xr_cell_drawn *cell = &p->cells[i];

        if (i % k == 0) {
            put(t, "\n");
            put_name(t, p->y.names[i / k], name, true);
        }
        if (t->colors && cell->shade > 0.5)
            put(t, "\033[7m");
        put(t, "  %-*s", (int)room - 2, cell->lines[0] ? cell->lines[0] : "");
        if (t->colors && cell->shade > 0.5)
            put(t, "\033[0m");
    }
    put(t, "\n");
}

static size_t number_of(const char *name, size_t otherwise)
{
    const char *text = getenv(name);
    int64_t n;

    return text && xr_parse_int(&n, text, 1, 10000, NULL) == 0 ? (size_t)n : otherwise;
}

struct xr_terminal xr_terminal_of(int fd)
{
    static const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};
    struct xr_terminal t = {number_of("COLUMNS", 80), number_of("LINES", 24), false,
                            isatty(fd) && !getenv("NO_COLOR")};
    const char *locale = NULL;
    struct winsize size;

    for (size_t i = 0; i < 3 && (!locale || !*locale); i++)
        locale = getenv(names[i]);
    t.utf8 = locale && (strcasestr(locale, "utf-8") || strcasestr(locale, "utf8"));
    if (ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col && size.ws_row) {
        t.columns = size.ws_col;
        t.lines = size.ws_row;
    }
    return t;
}

int xr_drawing_terminal(struct xr_buf *buf, const struct xr_plot_style *style,
                        const struct xr_drawing *d, const struct xr_terminal *terminal,
                        struct xr_err *err)
{
    struct text t = {
        .buf = buf, .err = err, .utf8 = terminal->utf8, .colors = terminal->color};
    size_t columns = terminal->columns, lines = terminal->lines, n_legend = 0, each;

    if (d->failed)
        return -1;
    t.columns = columns < 30 ? 30 : columns > MAX_SIDE ? MAX_SIDE : columns;
    for (size_t i = 0; i < d->n_panels; i++) {
        if (d->panels[i].n_pictures)
            return xr_fail_usage(err, "pictures cannot be drawn in a terminal");
        n_legend += d->panels[i].n_series < 8 ? d->panels[i].n_series + 4 : 12;
    }
    each = lines > n_legend + 6 * d->n_panels && d->n_panels
               ? (lines - n_legend) / d->n_panels
               : 12;
    each = each < 6 ? 6 : each > 40 ? 40 : each;
    if (style->title) {
        put_name(&t, style->title, t.columns, false);
        put(&t, "\n");
    }
    for (size_t i = 0; i < d->n_notes; i++) {
        put_name(&t, d->notes[i], t.columns, false);
        put(&t, "\n");
    }
    for (size_t i = 0; i < d->n_panels; i++) {
        if (d->panels[i].n_cells)
            put_cells(&t, &d->panels[i]);
        else
            put_canvas(&t, &d->panels[i], each);
        put_legend(&t, &d->panels[i]);
    }
    return t.failed ? -1 : 0;
}
