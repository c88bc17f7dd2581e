/* Paths of figures, and figures of a JSON object as text. */
#include "metrics_parts.h"

#include <math.h>
#include <string.h>

#include "json.h"

char *xr_metric_path(size_t f, const char *const *classes, struct xr_err *err)
{
    const char *parent;

    if (f >= XR_N_METRICS) {
        size_t c = (f - XR_N_METRICS) / XR_PER_CLASS;

        return xr_sprintf(err, "per_class.%s.%s", classes[c],
                          xr_class_metric_name(
                              (enum xr_class_metric)((f - XR_N_METRICS) % XR_PER_CLASS)));
    }
    parent = xr_metric_parent((enum xr_metric)f);
    return xr_sprintf(err, "%s%s%s", parent ? parent : "", parent ? "." : "",
                      xr_metric_name((enum xr_metric)f));
}

void xr_json_add_real(cJSON *object, const char *key, double value)
{
    if (isfinite(value))
        cJSON_AddNumberToObject(object, key, value);
    else
        cJSON_AddNullToObject(object, key);
}

int xr_text_width(const char *text)
{
    int width = 0;

    for (; *text; text++)
        width += ((unsigned char)*text & 0xc0) != 0x80;
    return width;
}

int xr_text_pad(struct xr_buf *buf, const char *text, int width, bool right,
                struct xr_err *err)
{
    int pad = width - xr_text_width(text);

    if (right && pad > 0 && xr_buf_printf(buf, err, "%*s", pad, ""))
        return -1;
    for (const char *at = text; *at; at++) {
        char c = (unsigned char)*at < 0x20 || *at == 0x7f ? '?' : *at;

        if (xr_buf_put(buf, &c, 1, err))
            return -1;
    }
    return !right && pad > 0 ? xr_buf_printf(buf, err, "%*s", pad, "") : 0;
}

int xr_text_fill(struct xr_buf *buf, size_t from, int width, struct xr_err *err)
{
    int pad = width - (buf->data ? xr_text_width(buf->data + from) : 0);

    return pad > 0 ? xr_buf_printf(buf, err, "%*s", pad, "") : 0;
}

int xr_text_figure(struct xr_buf *buf, const cJSON *figure, bool sign, struct xr_err *err)
{
    double value = xr_json_number(figure, "value", NAN);
    double low = xr_json_number(figure, "low", NAN);
    double high = xr_json_number(figure, "high", NAN);

    if (isnan(value))
        return xr_buf_text(buf, "-", err);
    if (xr_buf_printf(buf, err, sign ? "%+.3f" : "%.3f", value))
        return -1;
    if (isnan(low) || isnan(high))
        return 0;
    return xr_buf_printf(buf, err, sign ? " [%+.3f, %+.3f]%s" : " [%.3f, %.3f]%s", low,
                         high,
                         cJSON_GetObjectItemCaseSensitive(figure, "note") ? "*" : "");
}

int xr_text_star(struct xr_buf *buf, size_t from, struct xr_err *err)
{
    if (!buf->data || !strstr(buf->data + from, "]*"))
        return 0;
    return xr_buf_text(buf,
                       "* not the interval asked for, or one that says nothing; the JSON "
                       "says which\n",
                       err);
}

int xr_text_p(struct xr_buf *buf, const cJSON *p, struct xr_err *err)
{
    if (!cJSON_IsNumber(p))
        return xr_buf_text(buf, "-", err);
    if (p->valuedouble < 0.0001)
        return xr_buf_text(buf, "<0.0001", err);
    return xr_buf_printf(buf, err, p->valuedouble < 0.01 ? "%.4f" : "%.3f",
                         p->valuedouble);
}

void xr_text_trim(struct xr_buf *buf, size_t from)
{
    size_t to = from, keep = from;

    for (size_t i = from; i < buf->size; i++) {
        if (buf->data[i] == '\n')
            to = keep;
        buf->data[to++] = buf->data[i];
        if (buf->data[i] != ' ')
            keep = to;
    }
    buf->size = to;
    if (buf->data)
        buf->data[to] = 0;
}
