/* TIFF files, and nothing else. */
#include "picture.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (xr_tiff_is(data, size) && !xr_dicom_is(data, size))
        fuzz_picture(data, size);
    return 0;
}
