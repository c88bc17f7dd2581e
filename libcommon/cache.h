/*
 * A folder of decoded and fitted films, found by what they are made of. An entry is a
 * file under the SHA-256 of its name, complete or absent, with a digest: what is damaged
 * counts as absent and is made again. Several processes may use one folder at once.
 */
#ifndef XR_CACHE_H
#define XR_CACHE_H

#include <stdbool.h>

#include <cjson/cJSON.h>

#include "array.h"
#include "image.h"

struct xr_cache; /* threads may share it */

/*
 * Open a folder, which is made if it is not there. max: bytes that it may hold, 0: any
 * number; once they are there nothing is put in any more, because films come in cycles:
 * an entry that is thrown away is the next one to be wanted.
 */
int xr_cache_open(struct xr_cache **cache, const char *folder, uint64_t max,
                  struct xr_err *err) XR_MUST_USE;
/* true: the entry of that name; the caller frees array and json. */
bool xr_cache_get(struct xr_array *array, cJSON **json, struct xr_cache *cache,
                  const char *name);
/* Put an 8-bit image in. What goes wrong is no error of the run: see xr_cache_said. */
void xr_cache_put(struct xr_cache *cache, const char *name, const struct xr_image *image,
                  const cJSON *json);
/* How many were asked for and found, and the first thing that went wrong, or NULL. */
const char *xr_cache_said(const struct xr_cache *cache, uint64_t *asked, uint64_t *found);
void xr_cache_close(struct xr_cache *cache);

#endif
