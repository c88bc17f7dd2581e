/*
 * Texts from outside: are they UTF-8, and fit to be a name?
 */
#ifndef XR_TEXT_H
#define XR_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"

/* Length of the well-formed UTF-8 sequence at p (Unicode 15, table 3-7), 1 to 4; 0 if
 * there is none. A NUL must stand behind the text: it ends any sequence that is cut. */
size_t xr_utf8_length(const unsigned char *p);

/* Not empty, UTF-8, without control characters: may stand in a line of text and in JSON.
 */
bool xr_is_name(const char *text);

/* "1GiB", "500 MB", "4096": a number of bytes from 1 on, with B, kB, MB, GB, TB (powers
 * of 1000) or KiB, MiB, GiB, TiB. The error is wrong usage. */
int xr_parse_bytes(uint64_t *bytes, const char *text, struct xr_err *err) XR_MUST_USE;

#endif
