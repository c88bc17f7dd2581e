/*
 * A contact sheet of what a run does to films, to look at before it.
 */
#ifndef XR_PREVIEW_H
#define XR_PREVIEW_H

#include "prepare.h"

/*
 * Write a PNG of the first n films of a run that has begun: a row each, the film as it is
 * fitted, then as its chain (which may not be NULL) varies it in the epochs 1..variants;
 * what was applied stands below, masks are outlined. path NULL or "-": standard output.
 * A film that cannot be read ends it.
 */
int xr_preview(struct xr_prepare *run, size_t n, size_t variants, size_t threads,
               const char *path, struct xr_err *err) XR_MUST_USE;

#define XR_PREVIEW_LINES 18  /* below a film */
#define XR_PREVIEW_CHARS 200 /* of a line, with its NUL */

/* What was applied to a film (the list of transforms in KEY.json) in at most
 * XR_PREVIEW_LINES lines of at most `room` characters, a paragraph each. Returns how
 * many. */
size_t xr_preview_lines(char (*lines)[XR_PREVIEW_CHARS], size_t room,
                        const cJSON *applied);

/* Copy an 8-bit film, gray or RGB, into an 8-bit RGB picture with its corner at x0, y0,
 * where it has room; the border of a mask of the same size (data NULL: none) is drawn. */
void xr_preview_draw(struct xr_image *to, size_t x0, size_t y0,
                     const struct xr_image *film, const struct xr_image *mask);

#endif
