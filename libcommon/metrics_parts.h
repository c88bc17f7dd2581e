/*
 * What the modes of xr-metrics(1) share: paths of figures, and figures of a JSON object
 * as text.
 */
#ifndef XR_METRICS_PARTS_H
#define XR_METRICS_PARTS_H

#include "stats_report.h"

/* "accuracy", "macro_avg.f1", "per_class.benign.recall": where figure f of k classes
 * stands in the JSON object. Free with free(); NULL: out of memory. */
char *xr_metric_path(size_t f, const char *const *classes,
                     struct xr_err *err) XR_MUST_USE;

/* A number, or null where it is not finite. */
void xr_json_add_real(cJSON *object, const char *key, double value);

/* Columns a text takes on a terminal: code points, which is right for most scripts. */
int xr_text_width(const char *text);

/* A text padded to a width, on its left where `right`; control characters become '?'. */
int xr_text_pad(struct xr_buf *buf, const char *text, int width, bool right,
                struct xr_err *err) XR_MUST_USE;

/* Blanks until what was written from byte `from` on is `width` columns wide. */
int xr_text_fill(struct xr_buf *buf, size_t from, int width,
                 struct xr_err *err) XR_MUST_USE;

/*
 * A figure of a JSON object: "0.954 [0.921, 0.977]", with a star where it has a note; "-"
 * where it is undefined, the value alone where it has no interval. `sign` puts a + before
 * what is not negative. No padding. XR_FIGURE_WIDTH columns at most for values between
 * -10 and 10.
 */
int xr_text_figure(struct xr_buf *buf, const cJSON *figure, bool sign,
                   struct xr_err *err) XR_MUST_USE;
#define XR_FIGURE_WIDTH 24

/* Say what the stars mean, where any was written from byte `from` on. */
int xr_text_star(struct xr_buf *buf, size_t from, struct xr_err *err) XR_MUST_USE;

/* A p value: "0.012", "<0.0001", "-" where it is null. */
int xr_text_p(struct xr_buf *buf, const cJSON *p, struct xr_err *err) XR_MUST_USE;

/* Take the blanks off the ends of all lines from byte `from` on. */
void xr_text_trim(struct xr_buf *buf, size_t from);

#endif
