/* NumPy files: what parses is formatted and parsed to the same. */
#include "array.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct xr_array a = {0}, b = {0};
    struct xr_buf buf = {0};
    struct xr_err err = {0};

    if (xr_npy_parse(&a, data, size, &err))
        return 0;
    if (!xr_npy_format(&buf, &a, &err)) {
        if (xr_npy_parse(&b, buf.data, buf.size, &err) || b.n_dims != a.n_dims ||
            xr_array_bytes(&a) != xr_array_bytes(&b) ||
            memcmp(a.data, b.data, xr_array_bytes(&a)))
            abort();
        xr_array_free(&b);
    }
    xr_buf_free(&buf);
    xr_array_free(&a);
    return 0;
}
