/*
 * Pictures by way of gnuplot: scripts put together safely, and a run that gives the
 * picture's bytes.
 */
#ifndef XR_PLOT_H
#define XR_PLOT_H

#include <stdbool.h>
#include <stddef.h>

#include "err.h"

enum xr_plot_format {
    XR_PLOT_SVG,
    XR_PLOT_PNG,
    XR_PLOT_PDF
};

/* How a picture looks, whatever it shows. A plain value. */
struct xr_plot_style {
    enum xr_plot_format format;
    double width;  /* cm */
    double height; /* cm; 0: as suits the plot */
    double font;   /* size of text in points */
    int dpi;       /* of PNG */
    const char *title;
};
#define XR_PLOT_STYLE_DEFAULT                                                            \
    {                                                                                    \
        .format = XR_PLOT_SVG, .width = 8.8, .font = 8.0, .dpi = 300                     \
    }

/* A script that grows. What fails is remembered in err and everything after it does
 * nothing. */
struct xr_script {
    struct xr_buf buf;
    bool failed;
    struct xr_err *err;
};

void xr_script_put(struct xr_script *script, const char *fmt, ...) XR_PRINTF(2, 3);
/*
 * Text from outside as one literal of gnuplot, in single quotes, where nothing is
 * expanded but the quote itself. Control characters become blanks; with most > 0 text
 * above so many characters has an ellipsis for its middle. tic: for `set xtics`, whose
 * labels are formats, so % is doubled.
 */
void xr_script_text(struct xr_script *script, const char *text, size_t most, bool tic);

/* Terminal, size, fonts, borders: what every plot begins with. height: where style has
 * none. */
void xr_script_head(struct xr_script *script, const struct xr_plot_style *style,
                    double height);

/* Height of a line of text, cm.
 * gnuplot counts offsets in characters, which are taller in an SVG: xr_plot_rise makes
 * lines of text of them. */
double xr_plot_line(const struct xr_plot_style *style);
double xr_plot_rise(const struct xr_plot_style *style, double lines);
/* Size of text `relative` times as large as the plot's own, in the unit that the terminal
 * counts in: for font ',%g'. */
double xr_plot_font(const struct xr_plot_style *style, double relative);
/* Margins of the plot as a whole: lines of text that stand between it and each edge of
 * the page. height is the page's, cm, as for xr_script_head. */
void xr_script_box(struct xr_script *script, const struct xr_plot_style *style,
                   double height, double left, double right, double top, double bottom);

/* Colours that people with any colour vision tell apart on white, as "#RRGGBB", by i
 * modulo their number; dash types go on where colours repeat. Source: Okabe and Ito,
 * "Color universal design" (2008), without the yellow, which is too light for a line. */
const char *xr_plot_color(size_t i);

/*
 * Run gnuplot on a script, append the picture to image. No file is written: script and
 * picture go through memory. Dates are taken out of it, so that equal scripts give equal
 * bytes; a PNG is told its resolution. Errors: gnuplot cannot be started, fails (its
 * first message is given), or gives something else than the format asked for.
 */
int xr_plot_run(struct xr_buf *image, const struct xr_buf *script,
                const struct xr_plot_style *style, struct xr_err *err) XR_MUST_USE;

#endif
