/* Small helpers over cJSON. */
#include "json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define JSON_MAX ((size_t)1 << 28)

cJSON *xr_json_parse(const char *text, size_t size, const char *name, struct xr_err *err)
{
    const char *end = NULL;
    cJSON *json = cJSON_ParseWithLengthOpts(text, size, &end, 0);
    size_t line = 1;

    if (json) {
        while (end < text + size && strchr(" \t\r\n", *end) && *end)
            end++;
        if (end == text + size)
            return json;
        cJSON_Delete(json);
    }
    for (const char *p = text; end && p < end && p < text + size; p++)
        line += *p == '\n';
    if (!size)
        xr_fail(err, "%s: empty input: did the previous command fail?", name);
    else
        xr_fail(err, "%s:%zu: not JSON", name, line);
    return NULL;
}

cJSON *xr_json_read(const char *path, char digest[XR_SHA256_TEXT], struct xr_err *err)
{
    struct xr_buf buf = {0};
    cJSON *json;

    if (xr_read_file(&buf, path, JSON_MAX, digest, err))
        return NULL;
    json = xr_json_parse(buf.data, buf.size, xr_input_name(path), err);
    xr_buf_free(&buf);
    return json;
}

static int put_text(struct xr_buf *buf, const char *text, struct xr_err *err)
{
    if (xr_buf_text(buf, "\"", err))
        return -1;
    for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
        static const char special[] = "\"\\\b\f\n\r\t", names[] = "\"\\bfnrt";
        const char *at = strchr(special, *p);

        if (at) {
            char pair[2] = {'\\', names[at - special]};

            if (xr_buf_put(buf, pair, 2, err))
                return -1;
        } else if (*p < 0x20 || *p == 0x7f) {
            if (xr_buf_printf(buf, err, "\\u%04x", *p))
                return -1;
        } else if (xr_buf_put(buf, p, 1, err)) {
            return -1;
        }
    }
    return xr_buf_text(buf, "\"", err);
}

void xr_json_digits(char text[XR_JSON_DIGITS], double v)
{
    if (v == floor(v) && fabs(v) < 1e15) {
        snprintf(text, XR_JSON_DIGITS, "%.0f", v == 0 ? 0.0 : v);
        return;
    }
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, XR_JSON_DIGITS, "%.*g", digits, v);
        if (strtod(text, NULL) == v)
            break;
    }
}

static int put_number(struct xr_buf *buf, double v, struct xr_err *err)
{
    char text[XR_JSON_DIGITS];

    if (!isfinite(v))
        return xr_buf_text(buf, "null", err);
    xr_json_digits(text, v);
    return xr_buf_text(buf, text, err);
}

/* depth < 0: one line. Arrays of plain values stay on one line. */
static int put_value(struct xr_buf *buf, const cJSON *json, int depth, struct xr_err *err)
{
    int object = cJSON_IsObject(json), nested = object;
    const cJSON *item;

    if (cJSON_IsString(json))
        return put_text(buf, json->valuestring, err);
    if (cJSON_IsNumber(json))
        return put_number(buf, json->valuedouble, err);
    if (cJSON_IsBool(json))
        return xr_buf_text(buf, cJSON_IsTrue(json) ? "true" : "false", err);
    if (!object && !cJSON_IsArray(json))
        return xr_buf_text(buf, "null", err);
    cJSON_ArrayForEach(item, json) nested |= cJSON_IsObject(item) || cJSON_IsArray(item);
    nested = nested && depth >= 0 && json->child;
    if (xr_buf_text(buf, object ? "{" : "[", err))
        return -1;
    cJSON_ArrayForEach(item, json)
    {
        if (item != json->child && xr_buf_text(buf, nested ? "," : ", ", err))
            return -1;
        if (nested && xr_buf_printf(buf, err, "\n%*s", 2 * (depth + 1), ""))
            return -1;
        if (object && (put_text(buf, item->string, err) || xr_buf_text(buf, ": ", err)))
            return -1;
        if (put_value(buf, item, nested ? depth + 1 : -1, err))
            return -1;
    }
    if (nested && xr_buf_printf(buf, err, "\n%*s", 2 * depth, ""))
        return -1;
    return xr_buf_text(buf, object ? "}" : "]", err);
}

int xr_json_line(struct xr_buf *buf, const cJSON *json, struct xr_err *err)
{
    return put_value(buf, json, -1, err);
}

int xr_json_write(struct xr_out *out, const cJSON *json, struct xr_err *err)
{
    struct xr_buf buf = {0};
    int rc = put_value(&buf, json, 0, err) || xr_buf_text(&buf, "\n", err) ||
             xr_out_write(out, buf.data, buf.size, err);

    xr_buf_free(&buf);
    return rc ? -1 : 0;
}

const char *xr_json_text(const cJSON *object, const char *key, const char *otherwise)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);

    return cJSON_IsString(item) ? item->valuestring : otherwise;
}

double xr_json_number(const cJSON *object, const char *key, double otherwise)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);

    return cJSON_IsNumber(item) ? item->valuedouble : otherwise;
}
