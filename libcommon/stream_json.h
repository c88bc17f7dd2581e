/*
 * The header of a stream as JSON, shared by reader and writer. Not for tools.
 */
#ifndef XR_STREAM_JSON_H
#define XR_STREAM_JSON_H

#include <locale.h>
#include <string.h>

#include "stream.h"

#define XR_HEADER_NAME "__xr__/header.json"
#define XR_END_NAME "__xr__/end.json"

cJSON *xr_header_to_json(const struct xr_stream_header *header);
/* Takes json over, also on failure (then xr_stream_header_free frees it). */
int xr_header_from_json(struct xr_stream_header *header, cJSON *json,
                        struct xr_err *err) XR_MUST_USE;
/* May b follow a in one input? -1 with the first difference. */
int xr_header_agree(const struct xr_stream_header *a, const struct xr_stream_header *b,
                    struct xr_err *err) XR_MUST_USE;

/* The next header, and the end behind it, of what is read. */
int xr_part_begin(struct xr_part_row *row, const cJSON *header,
                  struct xr_err *err) XR_MUST_USE;
void xr_part_end(struct xr_part_row *row, const cJSON *end);
/* Nothing follows. */
int xr_part_finish(const struct xr_part_row *row, struct xr_err *err) XR_MUST_USE;

/*
 * libarchive takes the character set of names from the locale of the thread, and tools
 * run in "C". A locale in which names are UTF-8, or 0 where the system has none (then
 * names must be ASCII); free it with freelocale if it is not 0.
 */
static inline locale_t xr_utf8_locale(void)
{
    return newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
}

/* Use it until the locale returned here is given to uselocale. */
static inline locale_t xr_use_locale(locale_t locale)
{
    return uselocale(locale); /* 0: changes nothing */
}

/* The digest of a stream: of each member before the end, its name, NUL, its size in
 * decimal, NUL, its bytes. */
static inline void xr_stream_digest_member(struct xr_sha256 *sha, const char *name,
                                           const void *data, size_t size)
{
    char text[24];
    int n = snprintf(text, sizeof text, "%zu", size);

    xr_sha256_add(sha, name, strlen(name) + 1);
    xr_sha256_add(sha, text, (size_t)n + 1);
    xr_sha256_add(sha, data, size);
}

#endif
