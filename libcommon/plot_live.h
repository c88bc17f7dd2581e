/*
 * A plot of a log that grows: read as it comes, drawn again after each epoch.
 */
#ifndef XR_PLOT_LIVE_H
#define XR_PLOT_LIVE_H

#include "csv.h"

/* Called with the log as far as it is whole; last: nothing follows. Returns 0 or -1. */
typedef int xr_live_draw(void *of, const struct xr_table *log, bool last,
                         struct xr_err *err);

/*
 * Read CSV from a descriptor until its end and hand on the table each time that whole
 * rows have come and, for `pause` seconds, no more (rows of one epoch come together).
 * A row is whole with its line's end, which quotes may hide. More than 64 MiB is refused.
 * An input that ends without a row, or in the middle of one, is an error; so is a bad
 * row, when it comes. name: for messages.
 */
int xr_live_read(int fd, const char *name, double pause, xr_live_draw *draw, void *of,
                 struct xr_err *err) XR_MUST_USE;

#endif
