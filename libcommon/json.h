/*
 * Small helpers over cJSON, which every result that is not a table is made with.
 */
#ifndef XR_JSON_H
#define XR_JSON_H

#include <cjson/cJSON.h>

#include "io.h"

/* Parse text of `size` bytes; NULL with the line of the mistake in *err. Depth is capped
 * by cJSON. */
cJSON *xr_json_parse(const char *text, size_t size, const char *name,
                     struct xr_err *err) XR_MUST_USE;
/* A whole file or "-". */
cJSON *xr_json_read(const char *path, char digest[XR_SHA256_TEXT],
                    struct xr_err *err) XR_MUST_USE;
/* Indented by two blanks, a LF at the end; numbers read back to the same double. */
int xr_json_write(struct xr_out *out, const cJSON *json, struct xr_err *err) XR_MUST_USE;
/* One line, no end of line. */
int xr_json_line(struct xr_buf *buf, const cJSON *json, struct xr_err *err) XR_MUST_USE;

/* A finite number as xr_json_write writes it: the shortest of 15, 16 and 17 digits that
 * reads back to the same double. */
#define XR_JSON_DIGITS 40
void xr_json_digits(char text[XR_JSON_DIGITS], double v);

/* Members with a default where they are absent or of another kind. Objects are searched
 * with case. */
const char *xr_json_text(const cJSON *object, const char *key, const char *otherwise);
double xr_json_number(const cJSON *object, const char *key, double otherwise);

#endif
