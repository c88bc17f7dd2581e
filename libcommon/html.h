/*
 * Writing HTML: markup as it is, texts escaped, files as data: URIs. The first error
 * stays.
 */
#ifndef XR_HTML_H
#define XR_HTML_H

#include "io.h"

/* A page being written: {out, err}. After a failed write everything is skipped; failed
 * tells. */
struct xr_html {
    struct xr_out *out;
    struct xr_err *err;
    int failed;
};

/* Markup, as it is. */
void xr_html_raw(struct xr_html *h, const char *markup);
/* Markup with numbers and the like; texts from outside never go through %s here. */
void xr_html_rawf(struct xr_html *h, const char *fmt, ...) XR_PRINTF(2, 3);
/* Text for content and for attributes in double quotes: & < > " ' escaped; what is not
 * UTF-8, and control characters but tab and line feed, becomes U+FFFD. NULL writes
 * nothing. */
void xr_html_text(struct xr_html *h, const char *text);
/* <tag>text</tag>; tag may carry attributes: "td class=n". */
void xr_html_element(struct xr_html *h, const char *tag, const char *text);
/* data:TYPE;base64,... */
void xr_html_data(struct xr_html *h, const char *type, const void *data, size_t size);

/* RFC 4648 base64 of size bytes, appended. */
int xr_base64(struct xr_buf *buf, const void *data, size_t size,
              struct xr_err *err) XR_MUST_USE;

#endif
