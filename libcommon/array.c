/* Arrays with a type and a shape, and NumPy's .npy form of them. */
#include "array.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    const char *code; /* in .npy, less the byte order */
    size_t size;
} types[XR_N_DTYPES] = {
    [XR_U8] = {"uint8", "u1", 1},    [XR_U16] = {"uint16", "u2", 2},
    [XR_I32] = {"int32", "i4", 4},   [XR_I64] = {"int64", "i8", 8},
    [XR_F16] = {"float16", "f2", 2}, [XR_BF16] = {"bfloat16", NULL, 2},
    [XR_F32] = {"float32", "f4", 4}, [XR_F64] = {"float64", "f8", 8},
    [XR_BOOL] = {"bool", "b1", 1},
};

size_t xr_dtype_size(enum xr_dtype dtype)
{
    return types[dtype].size;
}

const char *xr_dtype_name(enum xr_dtype dtype)
{
    return types[dtype].name;
}

size_t xr_array_count(const struct xr_array *array)
{
    size_t n = 1;

    for (int i = 0; i < array->n_dims; i++) {
        if (__builtin_mul_overflow(n, array->shape[i], &n))
            return SIZE_MAX;
    }
    return n;
}

size_t xr_array_bytes(const struct xr_array *array)
{
    size_t n = xr_array_count(array);

    if (n == SIZE_MAX || __builtin_mul_overflow(n, types[array->dtype].size, &n))
        return SIZE_MAX;
    return n;
}

int xr_array_alloc(struct xr_array *array, struct xr_err *err)
{
    size_t n = xr_array_count(array);

    array->data = NULL;
    if (n == SIZE_MAX)
        return xr_fail(err, "an array of too many elements");
    array->data = xr_alloc_array(n, types[array->dtype].size, err);
    return array->data ? 0 : -1;
}

void xr_array_free(struct xr_array *array)
{
    free(array->data);
    memset(array, 0, sizeof *array);
}

/* The text behind 'key': in the header's Python dict; NULL if it is not there. */
static const char *find_key(const char *header, const char *key)
{
    const char *at = strstr(header, key);

    if (!at)
        return NULL;
    at += strlen(key);
    while (*at == ' ')
        at++;
    if (*at++ != ':')
        return NULL;
    while (*at == ' ')
        at++;
    return at;
}

static int parse_header(struct xr_array *array, const char *header, struct xr_err *err)
{
    const char *at = find_key(header, "'descr'");

    if (!at || *at++ != '\'')
        return xr_fail(err, "not a .npy file: no type");
    if (*at == '>')
        return xr_fail(err, "a big-endian .npy file is not supported");
    if (!strchr("<|=", *at) || !*at)
        return xr_fail(err, "a .npy file of objects or records is not supported");
    at++;
    for (array->dtype = 0; array->dtype < XR_N_DTYPES; array->dtype++) {
        const char *code = types[array->dtype].code;

        if (code && !strncmp(at, code, 2) && at[2] == '\'')
            break;
    }
    if (array->dtype == XR_N_DTYPES)
        return xr_fail(err, "a .npy file of type '%.8s' is not supported", at);
    at = find_key(header, "'fortran_order'");
    if (!at || strncmp(at, "False", 5))
        return xr_fail(err, "a .npy file in Fortran order is not supported");
    at = find_key(header, "'shape'");
    if (!at || *at++ != '(')
        return xr_fail(err, "not a .npy file: no shape");
    for (array->n_dims = 0; *at != ')';) {
        char *end;

        if (array->n_dims == XR_MAX_DIMS || !isdigit((unsigned char)*at) ||
            strspn(at, "0123456789") > 18)
            return xr_fail(err, "a .npy file with a bad shape");
        array->shape[array->n_dims++] = strtoull(at, &end, 10);
        at = end;
        while (*at == ',' || *at == ' ')
            at++;
    }
    return 0;
}

int xr_npy_parse(struct xr_array *array, const void *data, size_t size,
                 struct xr_err *err)
{
    const unsigned char *p = data;
    size_t length, offset, bytes;
    char *header;
    int rc;

    memset(array, 0, sizeof *array);
    if (size < 12 || memcmp(p, "\x93NUMPY", 6) || p[6] < 1 || p[6] > 3)
        return xr_fail(err, "not a .npy file");
    offset = p[6] == 1 ? 10 : 12;
    length = (size_t)p[8] | (size_t)p[9] << 8;
    if (p[6] > 1)
        length |= (size_t)p[10] << 16 | (size_t)p[11] << 24;
    if (length > size - offset || length > 65536)
        return xr_fail(err, "a .npy file that ends in its header");
    header = xr_sprintf(err, "%.*s", (int)length, (const char *)p + offset);
    if (!header)
        return -1;
    rc = parse_header(array, header, err);
    free(header);
    if (rc)
        return -1;
    offset += length;
    bytes = xr_array_bytes(array);
    if (bytes != size - offset)
        return xr_fail(err, "a .npy file whose size (%zu bytes) is not that of its shape",
                       size - offset);
    if (xr_array_alloc(array, err))
        return -1;
    if (bytes)
        memcpy(array->data, p + offset, bytes);
    return 0;
}

int xr_npy_format(struct xr_buf *buf, const struct xr_array *array, struct xr_err *err)
{
    char text[256];
    unsigned char start[10] = {0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0};
    size_t bytes = xr_array_bytes(array), n, pad;

    if (!types[array->dtype].code)
        return xr_fail(err, "an array of %s has no .npy form", types[array->dtype].name);
    if (bytes == SIZE_MAX)
        return xr_fail(err, "an array of too many elements");
    n = (size_t)snprintf(
        text, sizeof text, "{'descr': '%c%s', 'fortran_order': False, 'shape': (",
        types[array->dtype].size == 1 ? '|' : '<', types[array->dtype].code);
    for (int i = 0; i < array->n_dims; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "%s%zu%s", i ? " " : "",
                              array->shape[i],
                              i + 1 < array->n_dims || array->n_dims == 1 ? "," : "");
    n += (size_t)snprintf(text + n, sizeof text - n, "), }");
    pad = 63 - (n + 10) % 64;
    start[8] = (unsigned char)((n + pad + 1) & 255);
    start[9] = (unsigned char)((n + pad + 1) >> 8);
    if (xr_buf_reserve(buf, 10 + n + pad + 1 + bytes, err) ||
        xr_buf_put(buf, start, 10, err) ||
        xr_buf_printf(buf, err, "%s%*s\n", text, (int)pad, ""))
        return -1;
    return xr_buf_put(buf, array->data, bytes, err);
}
