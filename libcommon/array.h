/*
 * Arrays with a type and a shape, and NumPy's .npy form of them (version 1.0,
 * little-endian, C order).
 */
#ifndef XR_ARRAY_H
#define XR_ARRAY_H

#include <stddef.h>
#include <stdint.h>

#include "err.h"

enum xr_dtype {
    XR_U8,
    XR_U16,
    XR_I32,
    XR_I64,
    XR_F16, /* IEEE half, as uint16_t */
    XR_BF16,
    XR_F32,
    XR_F64,
    XR_BOOL,
    XR_N_DTYPES
};

#define XR_MAX_DIMS 6

/* A plain value; data is owned by whoever filled it (xr_array_free frees it with free()).
 */
struct xr_array {
    enum xr_dtype dtype;
    int n_dims;
    size_t shape[XR_MAX_DIMS];
    void *data; /* 64-byte aligned where this library allocated it */
};

size_t xr_dtype_size(enum xr_dtype dtype);
const char *xr_dtype_name(enum xr_dtype dtype); /* NumPy's: "uint8", "float32" */

/* Elements; SIZE_MAX on overflow. */
size_t xr_array_count(const struct xr_array *array);
/* Bytes; SIZE_MAX on overflow. */
size_t xr_array_bytes(const struct xr_array *array);
int xr_array_alloc(struct xr_array *array,
                   struct xr_err *err) XR_MUST_USE; /* zeroed, by shape and dtype */
void xr_array_free(struct xr_array *array);

/* .npy. Parsing checks every size against `size` before it allocates, copies the data,
 * and accepts versions 1 to 3, C order, little-endian, no objects. */
int xr_npy_parse(struct xr_array *array, const void *data, size_t size,
                 struct xr_err *err) XR_MUST_USE;
int xr_npy_format(struct xr_buf *buf, const struct xr_array *array,
                  struct xr_err *err) XR_MUST_USE; /* appends */

#endif
