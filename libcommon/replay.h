/*
 * What an earlier run of xr-augment has applied to each film, to apply it again.
 */
#ifndef XR_REPLAY_H
#define XR_REPLAY_H

#include <stddef.h>

#include <cjson/cJSON.h>

#include "err.h"

struct xr_replay; /* opaque, read-only once open: threads may share it */

/*
 * Read a record stream, of which only KEY.json and the header are kept; or JSON lines,
 * one object a record with "key" and "transforms". A stream whose transforms this version
 * computes otherwise is refused. Its name and digest go into the object `inputs`. Memory
 * grows with the number of records, about a kilobyte each.
 */
int xr_replay_open(struct xr_replay **replay, const char *path, cJSON *inputs,
                   struct xr_err *err) XR_MUST_USE;
void xr_replay_close(struct xr_replay *replay); /* NULL is allowed */

/* The file's name; the list that belongs to a record's key, NULL: it has none. */
const char *xr_replay_name(const struct xr_replay *replay);
const cJSON *xr_replay_find(const struct xr_replay *replay, const char *key);
/* The chain that drew it, as the stream's header has it, and the size that came out; of
 * JSON lines NULL and 0. */
const cJSON *xr_replay_chain(const struct xr_replay *replay, size_t *height,
                             size_t *width);

#endif
