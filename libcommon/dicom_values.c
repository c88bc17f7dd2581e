/* The stored values of a DICOM frame, out of whatever its transfer syntax wraps them in.
 */
#include <stdlib.h>
#include <string.h>

#include "dicom.h"

/* A frame as bytes or as words, before high bit and sign. */
struct raw {
    const struct xr_dicom *dicom;
    struct xr_dicom_file *file;
    size_t frame, pixels, n; /* n: samples of the frame */
    uint16_t *out;           /* [n] interleaved */
};

/* --- uncompressed ------------------------------------------------------------------ */

static int too_short(size_t has, size_t wants, struct xr_err *err)
{
    return xr_fail(err, "its pixels end early: %zu of %zu bytes", has, wants);
}

/* Y Y Cb Cr for two pixels. */
static void native_422(const struct raw *r, const unsigned char *from)
{
    for (size_t i = 0; i < r->pixels; i++) {
        const unsigned char *pair = from + i / 2 * 4;

        r->out[3 * i] = pair[i % 2];
        r->out[3 * i + 1] = pair[2];
        r->out[3 * i + 2] = pair[3];
    }
}

static int native(const struct raw *r, struct xr_err *err)
{
    const struct xr_dicom *d = r->dicom;
    bool subsampled = strcmp(d->photometric, "YBR_FULL_422") == 0 && d->samples == 3;
    size_t bits = (subsampled ? 2 * r->pixels : r->n) * d->allocated, size, first, wants;
    const unsigned char *data, *from;

    if (subsampled && (d->cols % 2 || d->allocated != 8))
        return xr_fail(err, "YBR_FULL_422 of %zu columns and %u bits", d->cols,
                       d->allocated);
    if (xr_dicom_native(&data, &size, r->file, err))
        return -1;
    wants = (bits * d->frames + 7) / 8; /* 2^28 pixels, 3 samples, 10^6 frames: < 2^64 */
    if (size < wants)
        return too_short(size, wants, err);
    first = bits * r->frame; /* frames of single bits need not begin with a byte */
    from = data + first / 8;
    if (subsampled) {
        native_422(r, from);
        return 0;
    }
    for (size_t i = 0; i < r->n; i++) {
        size_t k = i % d->samples, at = d->planar ? k * r->pixels + i / d->samples : i;

        if (d->allocated == 1)
            r->out[i] = data[(first + at) / 8] >> ((first + at) % 8) & 1;
        else if (d->allocated == 8)
            r->out[i] = from[at];
        else
            memcpy(&r->out[i], from + 2 * at, 2);
    }
    return 0;
}

/* --- RLE: PackBits, one segment a byte of a sample, the highest first ----------------
 */

static uint32_t little32(const unsigned char *p)
{
    return (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0];
}

/* One segment: its bytes are or-ed, shifted, into every step-th value of out. */
static int unpack(uint16_t *out, size_t n, size_t step, unsigned shift,
                  const unsigned char *from, size_t size)
{
    size_t done = 0, at = 0;

    while (done < n) {
        size_t count;
        bool repeat;

        if (at >= size)
            return -1;
        repeat = from[at] > 128;
        count = repeat ? 257u - from[at] : from[at] + 1u;
        if (from[at++] == 128)
            continue;
        if (at + (repeat ? 1 : count) > size)
            return -1;
        for (size_t i = 0; i < count && done < n; i++, done++)
            out[done * step] |= (uint16_t)(from[at + (repeat ? 0 : i)] << shift);
        at += repeat ? 1 : count;
    }
    return 0;
}

static int rle(const struct raw *r, const struct xr_buf *buf, struct xr_err *err)
{
    const unsigned char *data = (const unsigned char *)buf->data;
    const struct xr_dicom *d = r->dicom;
    unsigned bytes = d->allocated / 8, segments = d->samples * bytes;

    if (buf->size < 64 || little32(data) != segments || d->allocated < 8)
        return xr_fail(err, "RLE pixels of %u segments, where %u are meant",
                       buf->size < 64 ? 0 : little32(data), segments);
    memset(r->out, 0, r->n * sizeof *r->out);
    for (unsigned s = 0; s < segments; s++) {
        size_t from = little32(data + 4 + 4 * s);
        size_t to = s + 1 < segments ? little32(data + 8 + 4 * s) : buf->size;

        if (from < 64 || from > to || to > buf->size ||
            unpack(r->out + s / bytes, r->pixels, d->samples, 8 * (bytes - 1 - s % bytes),
                   data + from, to - from))
            return xr_fail(err, "its RLE pixels end early");
    }
    return 0;
}

/* --- JPEG -------------------------------------------------------------------------- */

/* What the frame header of a JPEG or JPEG-LS says. */
struct frame_header {
    unsigned precision, height, width, components;
};

static int find_header(struct frame_header *h, const struct xr_buf *buf,
                       struct xr_err *err)
{
    const unsigned char *p = (const unsigned char *)buf->data;
    size_t at = 2;

    while (buf->size >= 12 && at + 10 <= buf->size && p[at] == 0xff) {
        unsigned marker = p[at + 1];
        size_t length = (size_t)p[at + 2] << 8 | p[at + 3];

        if (marker == 0xff) { /* fill */
            at++;
            continue;
        }
        if ((marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 &&
             marker != 0xcc) ||
            marker == 0xf7) {
            h->precision = p[at + 4];
            h->height = (unsigned)p[at + 5] << 8 | p[at + 6];
            h->width = (unsigned)p[at + 7] << 8 | p[at + 8];
            h->components = p[at + 9];
            return 0;
        }
        if (length < 2 || marker == 0xda)
            break;
        at += 2 + length;
    }
    return xr_fail(err, "its pixels are no JPEG");
}

/* What DCMTK only warns of, lost pixels at the end, is an error here. */
static bool has_end(const struct xr_buf *buf)
{
    const unsigned char *p = (const unsigned char *)buf->data;
    size_t n = buf->size;

    while (n > 2 && p[n - 1] != 0xd9)
        n--;
    return n > 2 && p[n - 2] == 0xff && p[n - 1] == 0xd9;
}

static void widen(const struct raw *r, const uint8_t *bytes)
{
    for (size_t i = 0; i < r->n; i++)
        r->out[i] = bytes[i];
}

static int jpeg(const struct raw *r, const struct xr_buf *buf, uint32_t first,
                bool sequential, struct xr_err *err)
{
    const struct xr_dicom *d = r->dicom;
    struct frame_header h = {0};
    size_t size = r->n * (d->allocated == 16 ? 2 : 1);
    uint8_t *bytes;
    int rc;

    if (find_header(&h, buf, err))
        return -1;
    if (h.width != d->cols || h.height != d->rows || h.components != d->samples ||
        h.precision > d->allocated)
        return xr_fail(err, "its JPEG holds %ux%u pixels of %u components of %u bits",
                       h.width, h.height, h.components, h.precision);
    if (!has_end(buf))
        return xr_fail(err, "Premature end of JPEG file");
    bytes = xr_alloc_array(size, 1, err);
    if (!bytes)
        return -1;
    if (sequential && h.precision == 8) {
        rc = xr_jpeg_stored(bytes, d->cols, d->rows, d->samples, buf->data, buf->size,
                            err);
        if (rc == 0)
            widen(r, bytes);
    } else {
        rc = xr_dicom_codec(bytes, size, r->file, r->frame, first, err);
        if (rc == 0 && d->allocated == 16)
            memcpy(r->out, bytes, size);
        else if (rc == 0)
            widen(r, bytes);
    }
    free(bytes);
    return rc;
}

/* --- all -----------------------------------------------------------------------------
 */

enum wrap {
    NATIVE,
    RLE,
    JPEG,       /* baseline and extended: 8 bits through libjpeg, 12 through DCMTK */
    JPEG_OTHER, /* lossless and JPEG-LS, through DCMTK */
    J2K
};

static int wrap_of(enum wrap *wrap, const char *transfer, struct xr_err *err)
{
    static const struct {
        const char *uid; /* behind 1.2.840.10008.1.2 */
        enum wrap wrap;
    } known[] = {{"", NATIVE},          {".1", NATIVE},        {".2", NATIVE},
                 {".1.99", NATIVE},     {".5", RLE},           {".4.50", JPEG},
                 {".4.51", JPEG},       {".4.57", JPEG_OTHER}, {".4.70", JPEG_OTHER},
                 {".4.80", JPEG_OTHER}, {".4.81", JPEG_OTHER}, {".4.90", J2K},
                 {".4.91", J2K}};
    static const char root[] = "1.2.840.10008.1.2";

    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        *wrap = known[i].wrap;
        if (strncmp(transfer, root, sizeof root - 1) == 0 &&
            strcmp(transfer + sizeof root - 1, known[i].uid) == 0)
            return 0;
    }
    return xr_fail(err, "a DICOM file of transfer syntax '%s', which is not read",
                   transfer);
}

/* Only the stored bits below the high bit count: above them overlays may hide. */
static void trim(const struct raw *r)
{
    const struct xr_dicom *d = r->dicom;
    unsigned shift = d->high + 1 - d->stored;
    unsigned mask = (1u << d->stored) - 1, sign = 1u << (d->stored - 1);

    for (size_t i = 0; i < r->n; i++) {
        unsigned v = r->out[i] >> shift & mask;

        r->out[i] = (uint16_t)(d->is_signed ? (v ^ sign) - sign : v);
    }
}

int xr_dicom_stored(struct xr_dicom_values *values, const struct xr_dicom *d,
                    struct xr_dicom_file *file, size_t frame, struct xr_err *err)
{
    struct raw r = {d,   file, frame, d->rows * d->cols, d->rows * d->cols * d->samples,
                    NULL};
    struct xr_buf buf = {0};
    enum wrap wrap;
    uint32_t first;
    int rc = -1;

    memset(values, 0, sizeof *values);
    if (wrap_of(&wrap, d->transfer, err) ||
        (wrap != NATIVE && xr_dicom_fragments(&buf, &first, file, frame, d->frames, err)))
        goto done;
    r.out = xr_alloc_array(r.n, sizeof *r.out, err);
    if (!r.out)
        goto done;
    rc = wrap == NATIVE ? native(&r, err)
         : wrap == RLE  ? rle(&r, &buf, err)
         : wrap == J2K
             ? xr_j2k_stored(r.out, d->cols, d->rows, d->samples, buf.data, buf.size, err)
             : jpeg(&r, &buf, first, wrap == JPEG, err);
    if (rc == 0) {
        trim(&r);
        *values = (struct xr_dicom_values){r.out, r.n};
        r.out = NULL;
    }
done:
    free(r.out);
    xr_buf_free(&buf);
    return rc;
}
