/*
 * One self-contained HTML page of an experiment, its model card, or a filled checklist,
 * from the files that the other tools left.
 */
#ifndef XR_REPORT_H
#define XR_REPORT_H

#include <stdbool.h>

#include "checklist.h"
#include "io.h"

enum xr_report_kind {
    XR_REPORT_PAGE,
    XR_REPORT_CARD,
    XR_REPORT_CHECKLIST,
};

/* What the document is made of; everything borrowed, NULL where there is none (its
 * section is left out). */
struct xr_report {
    enum xr_report_kind kind;
    bool markdown; /* of a card or a checklist; a page is always HTML */
    int checklist; /* an index of XR_CHECKLISTS */
    const char *title;
    /* paths */
    const char *split, *certificate, *demographics, *flow, *log, *metrics, *comparison,
        *predictions, *model, *cam, *cam_scores;
    const char *root;   /* folder of the films of the split: their digest is taken */
    char *const *plots; /* [n_plots] paths of SVG and PNG files */
    size_t n_plots;
    size_t max_images; /* of the grid of heat maps */
    const char *rule;  /* how the table was split */
    /* what only a person knows: the model card says MISSING instead */
    const char *intended_use, *limits, *source, *contact, *hardware;
};

/*
 * Read all files, then write the page: HTML5 without scripts, links or fonts from
 * elsewhere, all texts escaped. Equal files give equal bytes. Plots whose names begin
 * with a kind of xr-plot(1) (curves, roc, pr, confusion, classes, reliability, decision,
 * scores, forest) come where they belong; the first four replace what this draws itself.
 * Of the stream of heat maps at most max_images are kept in memory for each class, right
 * or wrong. Errors name the file. A split that --check of xr-split(1) refuses is an error
 * too, and so are a split or predictions that are not those of the certificate.
 *
 * A model card and a checklist are documents of their own, HTML or Markdown, with MISSING
 * where a person must write.
 */
int xr_report_write(struct xr_out *out, const struct xr_report *report,
                    struct xr_err *err) XR_MUST_USE;

#endif
