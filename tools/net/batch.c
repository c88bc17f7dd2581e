/* Batches from a record stream. */
#include "batch.h"

#include <stdlib.h>
#include <string.h>

#include "formula.h"
#include "json.h"
#include "pixels/pixels.h"

int xr_batch_open(struct xr_batch *b, const struct xr_stream_header *h, size_t room,
                  struct xr_err *err)
{
    struct xr_array one = {
        .dtype = h->dtype, .n_dims = 3, .shape = {h->height, h->width, h->channels}};

    memset(b, 0, sizeof *b);
    b->room = room;
    b->dtype = h->dtype;
    b->height = h->height;
    b->width = h->width;
    b->channels = h->channels;
    b->image_bytes = xr_array_bytes(&one);
    b->records = xr_alloc_array(room, sizeof *b->records, err);
    b->labels = xr_alloc_array(room, sizeof *b->labels, err);
    b->pixels = xr_alloc_array(room, b->image_bytes, err);
    if (b->records && b->labels && b->pixels)
        return 0;
    xr_batch_close(b);
    return -1;
}

static int64_t epoch_of(const struct xr_record *r)
{
    double epoch = xr_json_number(r->meta, "epoch", 1);

    return epoch >= 1 && epoch < 1e9 ? (int64_t)epoch : 1;
}

int xr_batch_next(struct xr_batch *b, struct xr_reader *reader, struct xr_err *err)
{
    for (size_t i = 0; i < b->n; i++)
        xr_record_free(&b->records[i]);
    b->n = 0;
    while (b->n < b->room && !b->at_end) {
        struct xr_record *r = &b->records[b->n];
        int64_t epoch;

        if (!b->has_ahead) {
            int got = xr_reader_next(reader, &b->ahead, err);

            if (got < 0)
                return -1;
            if (got == 0) {
                b->at_end = true;
                break;
            }
            b->has_ahead = true;
        }
        epoch = epoch_of(&b->ahead);
        if (b->n && epoch != b->epoch)
            break;
        if (!b->ahead.image.n_dims)
            return xr_fail(err, "record '%s' has no image", b->ahead.key);
        *r = b->ahead;
        memset(&b->ahead, 0, sizeof b->ahead);
        b->has_ahead = false;
        memcpy((char *)b->pixels + b->n * b->image_bytes, r->image.data, b->image_bytes);
        xr_array_free(&r->image);
        b->labels[b->n++] = r->label;
        b->epoch = epoch;
    }
    return b->n > 0;
}

void xr_batch_warn(struct xr_cli *cli, const struct xr_reader *reader, const char *input)
{
    if (xr_part_row_partial(xr_reader_parts(reader)))
        xr_cli_warn(cli, "%s: parts of an output, not all of it", xr_input_name(input));
}

int xr_batch_input(const struct xr_batch *b, struct xk_net *net,
                   const struct xr_preprocess *pre, struct xr_err *err)
{
    float *floats;
    int rc;

    if (b->dtype == XR_U8)
        return xk_net_input_u8(net, b->pixels, b->n, b->channels, pre->mean, pre->std,
                               err);
    if (b->dtype == XR_F32)
        return xk_net_input_f32(net, b->pixels, b->n, err);
    floats = xr_alloc_array(b->n * pre->net_channels,
                            b->height * b->width * sizeof *floats, err);
    if (!floats)
        return -1;
    xr_batch_floats(floats, b, pre);
    rc = xk_net_input_f32(net, floats, b->n, err);
    free(floats);
    return rc;
}

/* A channel of a film of 16 bits: xk_normalize, where white is 65535. */
static void normalize16(float *to, const uint16_t *from, size_t step, size_t n,
                        float mean, float std)
{
    for (size_t p = 0; p < n; p++)
        to[p] = ((float)from[p * step] / 65535.0f - mean) / std;
}

void xr_batch_floats(float *dst, const struct xr_batch *b,
                     const struct xr_preprocess *pre)
{
    const uint8_t *src = b->pixels;
    size_t plane = b->height * b->width;

    if (b->dtype == XR_F32) {
        memcpy(dst, b->pixels, b->n * b->image_bytes);
        return;
    }
    for (size_t c = 0; c < pre->net_channels; c++) {
        float table[256];

        for (int v = 0; v < 256; v++)
            table[v] = xk_normalize((unsigned char)v, pre->mean[c], pre->std[c]);
        for (size_t i = 0; i < b->n; i++) {
            const uint8_t *from = src + i * b->image_bytes + (b->channels > 1 ? c : 0);
            float *to = dst + (i * pre->net_channels + c) * plane;

            if (b->dtype == XR_U16) {
                normalize16(to,
                            (const uint16_t *)(const void *)(src + i * b->image_bytes) +
                                (b->channels > 1 ? c : 0),
                            b->channels, plane, pre->mean[c], pre->std[c]);
                continue;
            }
            for (size_t p = 0; p < plane; p++)
                to[p] = table[from[p * b->channels]];
        }
    }
}

void xr_batch_mirror(struct xr_batch *b)
{
    size_t rows = b->n * b->height;
    /* [n][H] rows of pixels, or [n][C][H] rows of floats, four bytes each */
    struct xr_image all = {b->width, rows, b->channels, b->dtype == XR_U16 ? 16 : 8,
                           b->pixels};

    if (b->dtype == XR_F32)
        all = (struct xr_image){b->width, rows * b->channels, 2, 16, b->pixels};
    xr_hflip(&all);
}

struct xr_record xr_batch_record(const struct xr_batch *b, size_t i)
{
    struct xr_record r = b->records[i];
    bool f32 = b->dtype == XR_F32;

    r.image = (struct xr_array){.dtype = b->dtype,
                                .n_dims = f32 || b->channels > 1 ? 3 : 2,
                                .shape = {b->height, b->width, b->channels},
                                .data = (char *)b->pixels + i * b->image_bytes};
    if (f32)
        memcpy(r.image.shape, (size_t[]){b->channels, b->height, b->width},
               3 * sizeof *r.image.shape);
    return r;
}

void xr_batch_close(struct xr_batch *b)
{
    for (size_t i = 0; i < b->n; i++)
        xr_record_free(&b->records[i]);
    xr_record_free(&b->ahead);
    free(b->records);
    free(b->labels);
    free(b->pixels);
    memset(b, 0, sizeof *b);
}
