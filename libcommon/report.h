/*
 * One self-contained HTML page of an experiment, from the files that the other tools
 * left.
 */
#ifndef XR_REPORT_H
#define XR_REPORT_H

#include "io.h"

/* What the page is made of; everything borrowed, NULL where there is none (its section is
 * left out). */
struct xr_report {
    const char *title;
    const char *split, *log, *metrics, *predictions, *model, *cam,
        *cam_scores;    /* paths */
    char *const *plots; /* [n_plots] paths of SVG and PNG files */
    size_t n_plots;
    size_t max_images; /* of the grid of heat maps */
    const char *rule;  /* how the table was split */
    /* what only a person knows: the model card says MISSING instead */
    const char *intended_use, *limits, *source, *contact;
};

/*
 * Read all files, then write the page: HTML5 without scripts, links or fonts from
 * elsewhere, all texts escaped. Equal files give equal bytes. Plots whose names begin
 * with a kind of xr-plot(1) (curves, roc, pr, confusion, classes) come where they belong
 * and replace what this draws itself. Of the stream of heat maps at most max_images are
 * kept in memory for each class, right or wrong. Errors name the file. A split that
 * --check of xr-split(1) refuses is an error too.
 */
int xr_report_write(struct xr_out *out, const struct xr_report *report,
                    struct xr_err *err) XR_MUST_USE;

#endif
