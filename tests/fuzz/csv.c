/* Tables: any bytes give a table or one line of error. */
#include "csv.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct xr_table table = {0};
    struct xr_err err = {0};
    size_t sum = 0;

    if (xr_table_read(&table, fuzz_file(data, size), &err))
        return 0;
    for (size_t r = 0; r < table.n_rows; r++) {
        for (size_t c = 0; c < table.n_cols; c++)
            sum += strlen(xr_cell(&table, r, c));
    }
    if (sum > size)
        abort();
    xr_table_free(&table);
    return 0;
}
