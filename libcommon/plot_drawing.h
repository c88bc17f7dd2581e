/*
 * What a plot shows, apart from what draws it: panels of series, cells and pictures. The
 * kinds of xr-plot(1) fill one; it becomes a script for gnuplot (plot_script.c), a page
 * (plot_html.c) or lines of text (plot_terminal.c).
 */
#ifndef XR_PLOT_DRAWING_H
#define XR_PLOT_DRAWING_H

#include "image.h"
#include "plot.h"

#define XR_DRAW_PANELS 41
#define XR_DRAW_NOTES 4
#define XR_DRAW_LINES 24 /* of text in a cell or below a picture */
#define XR_GRAY (-1)     /* the colour of what stands behind */
#define XR_BLANK (-2)    /* of a line of the legend that has no line beside it */

enum xr_mark {
    XR_MARK_LINE,  /* through the points; NaN: a gap */
    XR_MARK_STEPS, /* a level from the point before to each point (gnuplot's fsteps) */
    XR_MARK_BAND,  /* between low and high */
    XR_MARK_BARS,  /* from 0, `width` wide */
    XR_MARK_POINTS /* with bars from low to high and from left to right, where given */
};

/* Points that belong together. Owned by their panel. */
struct xr_series {
    enum xr_mark mark;
    char *name;   /* in the legend; NULL: none */
    char *value;  /* before it, NULL: none */
    size_t group; /* those of one group are shown and hidden together; 0: always shown */
    int color;    /* xr_plot_color, or XR_GRAY */
    int dash;     /* of gnuplot, 0: by colour */
    bool thin, thick, dots,
        labels; /* dots on a line; labels: notes drawn beside the points */
    double width;
    size_t n;
    double *x, *y;                     /* [n]; of a band y is NULL */
    double *low, *high, *left, *right; /* [n] or NULL; NaN: none */
    char **notes; /* [n] or NULL: what is said of a point where it is pointed at */
};

struct xr_axis {
    char *name;
    double from, to; /* NaN: as the data are; from > to: reversed */
    double step;     /* between tics, 0: as suits */
    const char *format;
    char **names; /* of 0, 1, ...: classes, files */
    size_t n_names;
    bool hidden;
};

/* A square of a matrix around x, y. */
struct xr_cell_drawn {
    double x, y, shade; /* shade 0 white to 1 blue */
    char *lines[3];     /* the first is the large one */
    char *note;
};

/* An RGB picture with its upper left corner at x, y, one unit a pixel, y downward; text
 * below it, the first line in bold where there are bold letters. */
struct xr_picture {
    double x, y, width, height;
    struct xr_image image; /* 8-bit RGB */
    char *lines[XR_DRAW_LINES];
    size_t n_lines;
    int frame; /* colour of a frame, XR_GRAY: none */
};

struct xr_panel {
    struct xr_axis x, y;
    char *legend; /* its heading */
    double ratio; /* height by width of the plot itself */
    bool rows;    /* a line of text high for each name of y instead */
    struct xr_series **series;
    size_t n_series;
    struct xr_cell_drawn *cells;
    size_t n_cells;
    struct xr_picture *pictures;
    size_t n_pictures;
    double text;   /* size of the text below them, 1: of other text */
    char **beside; /* [y.n_names]: text right of each row, NULL: none */
    char *heading; /* above the text beside */
};

/* {.err = &err} is empty; xr_drawing_free frees what it holds. What fails is remembered
 * in err, and everything after it does nothing. */
struct xr_drawing {
    struct xr_panel panels[XR_DRAW_PANELS];
    size_t n_panels;
    char *notes[XR_DRAW_NOTES]; /* lines above all panels */
    size_t n_notes;
    bool failed;
    struct xr_err *err;
};

void xr_drawing_free(struct xr_drawing *drawing);

/* The next panel, of square form with both axes as the data are; its x and y names are
 * copied. Never NULL: one that is too many fails, and gives the last. */
struct xr_panel *xr_draw_panel(struct xr_drawing *drawing, const char *x, const char *y);

/* Text that the drawing may own; NULL where it failed. */
char *xr_draw_text(struct xr_drawing *drawing, const char *fmt, ...) XR_PRINTF(2, 3);
void xr_draw_note(struct xr_drawing *drawing, const char *fmt, ...) XR_PRINTF(2, 3);
/* Names of 0..n-1 on an axis, copied, with a range that holds all. */
void xr_draw_names(struct xr_drawing *drawing, struct xr_axis *axis,
                   const char *const *names, size_t n);

enum {
    XR_DRAW_LOW_HIGH = 1,
    XR_DRAW_LEFT_RIGHT = 2,
    XR_DRAW_NOTED = 4
};
/* A series with room for n points, all NaN; with: which of the optional arrays it has (a
 * band always has low and high). NULL where it failed. */
struct xr_series *xr_draw_series(struct xr_drawing *drawing, struct xr_panel *panel,
                                 enum xr_mark mark, int color, size_t n, int with);
/* A thin gray line between two points, dashed. */
void xr_draw_rule(struct xr_drawing *drawing, struct xr_panel *panel, double x0,
                  double y0, double x1, double y1);
struct xr_cell_drawn *xr_draw_cell(struct xr_drawing *drawing, struct xr_panel *panel,
                                   double x, double y, double shade);
/* Takes the pixels over (also on failure). */
struct xr_picture *xr_draw_picture(struct xr_drawing *drawing, struct xr_panel *panel,
                                   double x, double y, struct xr_image *image);

/* "0.881 [0.850, 0.906]"; "undefined"; without an interval that says something only the
 * value. */
struct xr_figure;
void xr_draw_figure(char *text, size_t room, const struct xr_figure *figure);

/* The range of the data of an axis, both ends set where it says so; no data: 0 to 1. Used
 * by what draws without gnuplot. */
void xr_draw_range(double range[2], const struct xr_panel *panel, bool y);
/* A step between tics: 1, 2 or 5 times a power of ten, about n of them. */
double xr_draw_step(double range, double n);

/* Leave out points of a line or of steps that no eye can tell from their neighbours:
 * those nearer than `finest` to the last one kept in both directions. First and last
 * stay. */
void xr_draw_thin(struct xr_series *series, double finest_x, double finest_y);

/* The script for gnuplot that draws it. */
int xr_drawing_script(struct xr_script *script, const struct xr_plot_style *style,
                      const struct xr_drawing *drawing) XR_MUST_USE;
/* One page of HTML that shows it and needs nothing else: values where one points, classes
 * that can be hidden. */
int xr_drawing_html(struct xr_buf *page, const struct xr_plot_style *style,
                    const struct xr_drawing *drawing, struct xr_err *err) XR_MUST_USE;
/* What text is drawn on. A plain value. */
struct xr_terminal {
    size_t columns, lines;
    bool utf8, color;
};
/* That of a descriptor: its size, or that of COLUMNS and LINES, or 80 x 24; UTF-8 as
 * LC_ALL, LC_CTYPE or LANG say; colours of 256 on a terminal unless NO_COLOR is set. */
struct xr_terminal xr_terminal_of(int fd);
/* Lines of text: curves in Braille dots where there is UTF-8. Pictures are refused. */
int xr_drawing_terminal(struct xr_buf *text, const struct xr_plot_style *style,
                        const struct xr_drawing *drawing,
                        const struct xr_terminal *terminal,
                        struct xr_err *err) XR_MUST_USE;

#endif
