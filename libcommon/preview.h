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

#endif
