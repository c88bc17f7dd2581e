/*
 * One section of a YAML file, as a flat list of keys and texts: what --config reads.
 */
#ifndef XR_CONFIG_H
#define XR_CONFIG_H

#include <stddef.h>

#include "err.h"

struct xr_config_item {
    char *key, *value; /* a sequence gives one item for each of its values */
    size_t line;
};

struct xr_config {
    struct xr_config_item *items; /* in file order */
    size_t n;
};

/*
 * Read the mapping under `section` at the top of a YAML file; a file without it gives n =
 * 0. Values are scalars (as written), sequences of scalars, or sequences of mappings,
 * which become the text form of a call: {clahe: {clip: 2, p: .5}} and {name: clahe, clip:
 * 2, p: .5} are "clahe(clip=2,p=.5)". A parameter that is a sequence of two is a range,
 * {clip: [1, 4]} "clip=1:4"; calls in calls are a sequence, by itself or under the key
 * "transforms": {one_of: [hflip, {blur: {p: .2}}]} is "one_of(hflip,blur(p=.2))". Refused
 * with file and line: what is not YAML, other nesting, a key that stands twice, anchors
 * and aliases, more than 1 MiB.
 */
int xr_config_read(struct xr_config *config, const char *path, const char *section,
                   struct xr_err *err) XR_MUST_USE;
void xr_config_free(struct xr_config *config);

#endif
