/* What streams that are read one behind the other say together. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "json.h"
#include "stream_json.h"

void xr_stream_forget(struct xr_stream_header *h)
{
    h->records_per_epoch = -1;
    free(h->class_counts);
    h->class_counts = NULL;
}

void xr_stream_no_part(struct xr_stream_header *h)
{
    if (xr_json_number(h->json, "part", 0) > 0)
        xr_stream_forget(h);
    cJSON_DeleteItemFromObjectCaseSensitive(h->json, "part");
}

/* --- which parts were read
 * ---------------------------------------------------------------------------------- */

/* Must the row be all of an output, and is not so far? */
static bool wants_more(const struct xr_part_row *row)
{
    return row->n && row->first == 0 && !row->complete;
}

int xr_part_begin(struct xr_part_row *row, const cJSON *header, struct xr_err *err)
{
    double number = xr_json_number(header, "part", -1);
    int64_t part = number >= 0 && number < 1e15 ? (int64_t)number : -1;

    if (wants_more(row) && part != row->last + 1)
        return xr_fail(err, "part %lld of an output is not followed by part %lld",
                       (long long)row->last, (long long)row->last + 1);
    if (part < 0) {
        memset(row, 0, sizeof *row);
    } else if (row->n == 0 || row->complete) {
        *row = (struct xr_part_row){.first = part, .last = part, .n = 1};
    } else {
        row->gap = row->gap || part != row->last + 1;
        row->last = part;
        row->n++;
    }
    return 0;
}

void xr_part_end(struct xr_part_row *row, const cJSON *end)
{
    row->complete = row->n && xr_json_number(end, "parts", -1) == (double)row->last + 1;
}

int xr_part_finish(const struct xr_part_row *row, struct xr_err *err)
{
    if (row->n < 2 || !wants_more(row))
        return 0;
    return xr_fail(err, "part %lld of an output is not its last: what follows is missing",
                   (long long)row->last);
}

bool xr_part_row_partial(const struct xr_part_row *row)
{
    return row->n && (row->first > 0 || row->gap || !row->complete);
}

/* --- headers together
 * ---------------------------------------------------------------------------------- */

/* Whether b is the next part of the output that a is part `before` of: the same header
 * but for its number. */
static bool follows(const struct xr_stream_header *a, const struct xr_stream_header *b,
                    size_t before)
{
    cJSON *x, *y;
    bool same;

    if (!a->json || !b->json || xr_json_number(b->json, "part", -1) != (double)before + 1)
        return false;
    x = cJSON_Duplicate(a->json, 1);
    y = cJSON_Duplicate(b->json, 1);
    cJSON_DeleteItemFromObjectCaseSensitive(x, "part");
    cJSON_DeleteItemFromObjectCaseSensitive(y, "part");
    same = cJSON_Compare(x, y, 1);
    cJSON_Delete(x);
    cJSON_Delete(y);
    return same;
}

/* The counts of one more input; false where they cannot be added. */
static bool add_counts(struct xr_stream_header *sum, const struct xr_stream_header *h)
{
    struct xr_err quiet = {0};

    if (h->records_per_epoch < 0 || h->epochs != 1 ||
        !h->class_counts != !sum->class_counts || xr_header_agree(sum, h, &quiet))
        return false;
    sum->records_per_epoch += h->records_per_epoch;
    for (size_t k = 0; h->class_counts && k < h->n_classes; k++)
        sum->class_counts[k] += h->class_counts[k];
    return true;
}

int xr_stream_join(struct xr_stream_header *sum, char *const *inputs, size_t n,
                   struct xr_err *err)
{
    bool part = xr_json_number(sum->json, "part", -1) >= 0;
    bool parts = part && xr_json_number(sum->json, "part", -1) == 0; /* and so far all */
    bool known = !parts && sum->records_per_epoch >= 0 && sum->epochs == 1;

    for (size_t i = 1; i < n && (known || parts); i++) {
        struct xr_reader *reader = NULL;
        struct xr_err quiet = {0};
        struct stat st;

        if (stat(inputs[i], &st) || !S_ISREG(st.st_mode) ||
            xr_reader_open(&reader, inputs[i], false, &quiet)) {
            known = parts = false;
            continue;
        }
        parts = parts && follows(sum, xr_reader_header(reader), i - 1);
        known = known && add_counts(sum, xr_reader_header(reader));
        xr_reader_close(reader);
    }
    if (parts) /* the whole of what was planned */
        cJSON_DeleteItemFromObjectCaseSensitive(sum->json, "part");
    else if (!known)
        xr_stream_forget(sum);
    return known || part || sum->epochs == 1
               ? 0
               : xr_fail(err, "streams of several epochs cannot be joined");
}
