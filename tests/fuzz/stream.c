/* Record streams: whatever is read can be written again. */
#include "fuzz.h"
#include "stream.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct xr_reader *reader = NULL;
    struct xr_writer *writer = NULL;
    struct xr_record record = {0};
    struct xr_err err = {0};

    if (xr_reader_open(&reader, fuzz_file(data, size), true, &err))
        return 0;
    if (xr_reader_header(reader)->json &&
        xr_writer_open(&writer, "/dev/null", xr_reader_header(reader), &err))
        abort();
    while (xr_reader_next(reader, &record, &err) > 0) {
        struct xr_array array;

        if (xr_record_array(&array, &record, "mask.npy", &err) > 0)
            xr_array_free(&array);
        if (writer && xr_writer_put(writer, &record, &err))
            break; /* a key that a reader bears with and a writer does not */
    }
    xr_record_free(&record);
    xr_writer_close(writer);
    xr_reader_close(reader);
    return 0;
}
