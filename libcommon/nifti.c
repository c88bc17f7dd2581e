/* NIfTI images and slices of volumes: headers through libnifti, voxels from memory. */
#include "optional.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <zlib.h>

#include "nifti.h"

#define HEAD 540 /* the longer of the two headers */

/* The first bytes as they are without gzip; returns how many there are. */
static size_t head_of(unsigned char head[HEAD], const unsigned char *data, size_t size)
{
    z_stream z = {0};

    if (size < 2 || data[0] != 0x1f || data[1] != 0x8b) {
        size = size < HEAD ? size : HEAD;
        memcpy(head, data, size);
        return size;
    }
    if (inflateInit2(&z, 16 + MAX_WBITS) != Z_OK)
        return 0;
    z.next_in = (unsigned char *)(uintptr_t)data;
    z.avail_in = size < 65536 ? (uInt)size : 65536;
    z.next_out = head;
    z.avail_out = HEAD;
    inflate(&z, Z_SYNC_FLUSH);
    inflateEnd(&z);
    return HEAD - z.avail_out;
}

bool xr_nifti_is(const unsigned char *bytes, size_t size)
{
    unsigned char head[HEAD];
    size_t n = head_of(head, bytes, size);

    return (n >= 348 &&
            (!memcmp(head + 344, "n+1", 4) || !memcmp(head + 344, "ni1", 4))) ||
           (n >= 348 && (!memcmp(head + 4, "n+2", 4) || !memcmp(head + 4, "ni2", 4)));
}

#ifndef XR_HAS_NIFTI

static int absent(struct xr_err *err)
{
    return xr_fail(err, "a NIfTI file: this program was built without libnifti");
}

int xr_nifti_open(struct xr_nifti *n, const void *data, size_t size, bool head,
                  struct xr_err *err)
{
    (void)data, (void)size, (void)head;
    memset(n, 0, sizeof *n);
    return absent(err);
}

void xr_nifti_close(struct xr_nifti *n)
{
    (void)n;
}

double xr_nifti_raw(const struct xr_nifti *n, size_t i)
{
    (void)n, (void)i;
    return 0;
}

int xr_nifti_decode(struct xr_image *image, struct xr_image_info *info, const void *data,
                    size_t size, const struct xr_pick *pick, enum xr_color color,
                    struct xr_err *err)
{
    (void)image, (void)info, (void)data, (void)size, (void)pick, (void)color;
    return absent(err);
}

int xr_nifti_frames(struct xr_frames *frames, const void *data, size_t size,
                    struct xr_err *err)
{
    (void)frames, (void)data, (void)size;
    return absent(err);
}

#else

#include <pthread.h>

#include <nifti/nifti2_io.h>

#define MAX_BYTES ((size_t)1 << 30) /* of all voxels, unpacked */

/* --- the header ----------------------------------------------------------------------
 */

static pthread_once_t quiet = PTHREAD_ONCE_INIT;

static void be_quiet(void)
{
    nifti_set_debug_level(0);
}

/* libnifti prints what it does not like of a header: what is bad is not given to it. Its
 * check forgets to exchange the bytes of the type, so they are exchanged before. */
static bool looks_good(const unsigned char head[HEAD], size_t size)
{
    nifti_1_header one;
    nifti_2_header two;

    memcpy(&one, head, sizeof one);
    memcpy(&two, head, sizeof two);
    if (memcmp(head + 344, "n+1", 4) == 0) {
        if (one.sizeof_hdr != sizeof one)
            swap_nifti_header(&one, 1);
        return one.sizeof_hdr == sizeof one && one.dim[0] > 0 && one.dim[0] <= 7 &&
               one.dim[1] > 0 && one.datatype > DT_BINARY && nifti_hdr1_looks_good(&one);
    }
    if (two.sizeof_hdr != sizeof two)
        swap_nifti_header(&two, 2);
    return size >= sizeof two && memcmp(head + 4, "n+2", 4) == 0 &&
           two.sizeof_hdr == sizeof two && two.dim[0] > 0 && two.dim[0] <= 7 &&
           two.dim[1] > 0 && two.datatype > DT_BINARY && nifti_hdr2_looks_good(&two);
}

static nifti_image *read_header(const unsigned char head[HEAD], size_t size,
                                struct xr_err *err)
{
    nifti_image *nim = NULL;
    nifti_1_header one;
    nifti_2_header two;

    pthread_once(&quiet, be_quiet);
    memcpy(&one, head, sizeof one);
    memcpy(&two, head, sizeof two);
    if (!memcmp(head + 344, "ni1", 4) || !memcmp(head + 4, "ni2", 4)) {
        xr_fail(err, "a NIfTI header whose voxels are in another file: make one .nii of "
                     "the two");
        return NULL;
    }
    if (looks_good(head, size))
        nim = memcmp(head + 344, "n+1", 4) ? nifti_convert_n2hdr2nim(two, "a.nii")
                                           : nifti_convert_n1hdr2nim(one, "a.nii");
    if (!nim)
        xr_fail(err, "damaged NIfTI header");
    return nim;
}

/* Sides, number of volumes, bytes; everything that will be multiplied is checked. */
static int settle(struct xr_nifti *n, const nifti_image *nim, struct xr_err *err)
{
    size_t bytes;

    n->volumes = 1;
    for (int i = 1; i <= 7; i++) {
        int64_t side = i <= nim->dim[0] ? nim->dim[i] : 1;

        if (side < 1 || side > (int64_t)MAX_BYTES)
            return xr_fail(err, "a NIfTI file of %lld voxels along axis %d",
                           (long long)side, i);
        if (i <= 3)
            n->side[i - 1] = (size_t)side;
        else if (__builtin_mul_overflow(n->volumes, (size_t)side, &n->volumes))
            return xr_fail(err, "a NIfTI file of too many volumes");
    }
    n->type = nim->datatype;
    n->width = (size_t)nim->nbyper;
    if (nim->nbyper < 1 || nim->nbyper > 8 || nim->datatype == DT_COMPLEX64)
        return xr_fail(err, "a NIfTI file of type %s, which is not read",
                       nifti_datatype_to_string(nim->datatype));
    if (__builtin_mul_overflow(n->side[0], n->side[1], &n->n) ||
        __builtin_mul_overflow(n->n, n->side[2], &n->n) ||
        __builtin_mul_overflow(n->n, n->volumes, &n->n) ||
        __builtin_mul_overflow(n->n, n->width, &bytes) || bytes > MAX_BYTES)
        return xr_fail(err, "a NIfTI file of more than %zu bytes of voxels", MAX_BYTES);
    n->swapped = nim->byteorder != nifti_short_order();
    n->color = nim->datatype == DT_RGB24 || nim->datatype == DT_RGBA32;
    n->scaled = nim->scl_slope != 0 && isfinite(nim->scl_slope) &&
                isfinite(nim->scl_inter) && (nim->scl_slope != 1 || nim->scl_inter != 0);
    n->slope = n->scaled ? nim->scl_slope : 1;
    n->inter = n->scaled ? nim->scl_inter : 0;
    n->spacing[0] = nim->dx;
    n->spacing[1] = nim->dy;
    n->spacing[2] = nim->dz;
    n->cal[0] = nim->cal_min;
    n->cal[1] = nim->cal_max;
    return 0;
}

/* "RAS": where each axis goes; empty where the file does not know. */
static void find_axes(struct xr_nifti *n, const nifti_image *nim)
{
    static const char letters[] = "?LRPAIS"; /* NIFTI_L2R is 1: towards R, and so on */
    int code[3] = {0, 0, 0};

    if (nim->sform_code > 0)
        nifti_dmat44_to_orientation(nim->sto_xyz, &code[0], &code[1], &code[2]);
    else if (nim->qform_code > 0)
        nifti_dmat44_to_orientation(nim->qto_xyz, &code[0], &code[1], &code[2]);
    for (int i = 0; i < 3 && code[i] >= 1 && code[i] <= 6; i++)
        n->axes[i] = letters[code[i] % 2 ? code[i] + 1 : code[i] - 1];
    if (strlen(n->axes) < 3)
        n->axes[0] = '\0';
}

/* The voxels out of the file, unpacked where it is gzipped. */
static int load(struct xr_nifti *n, const unsigned char *data, size_t size, size_t offset,
                struct xr_err *err)
{
    size_t wants = n->n * n->width;
    z_stream z = {0};
    int rc;

    if (size < 2 || data[0] != 0x1f || data[1] != 0x8b) {
        if (offset > size || size - offset < wants)
            return xr_fail(err, "its voxels end early: %zu of %zu bytes",
                           offset < size ? size - offset : 0, wants);
        n->voxels = data + offset;
        return 0;
    }
    n->unpacked = xr_alloc_array(offset + wants, 1, err);
    if (!n->unpacked)
        return -1;
    if (inflateInit2(&z, 16 + MAX_WBITS) != Z_OK)
        return xr_fail(err, "out of memory");
    z.next_in = (unsigned char *)(uintptr_t)data;
    z.avail_in = (uInt)size; /* files are at most 1 GiB */
    z.next_out = n->unpacked;
    z.avail_out = (uInt)(offset + wants);
    rc = inflate(&z, Z_FINISH);
    /* bytes behind the voxels are no concern of ours, but a damaged end is */
    if (z.avail_out == 0 && rc == Z_BUF_ERROR) {
        unsigned char more[4096];

        do {
            z.next_out = more;
            z.avail_out = sizeof more;
            rc = inflate(&z, Z_NO_FLUSH);
        } while (rc == Z_OK);
    }
    inflateEnd(&z);
    if (rc != Z_STREAM_END)
        return xr_fail(err, rc == Z_DATA_ERROR ? "damaged gzip data"
                                               : "its gzip data end early");
    if (z.total_out < offset + wants)
        return xr_fail(err, "its voxels end early: %zu of %zu bytes",
                       z.total_out < offset ? 0 : (size_t)z.total_out - offset, wants);
    n->voxels = n->unpacked + offset;
    return 0;
}

int xr_nifti_open(struct xr_nifti *n, const void *data, size_t size, bool head,
                  struct xr_err *err)
{
    unsigned char bytes[HEAD] = {0};
    size_t got = head_of(bytes, data, size);
    int64_t offset;
    nifti_image *nim;
    int rc;

    memset(n, 0, sizeof *n);
    nim = read_header(bytes, got, err);
    if (!nim)
        return -1;
    rc = settle(n, nim, err);
    find_axes(n, nim);
    offset = nim->iname_offset;
    nifti_image_free(nim);
    if (rc == 0 && (offset < 348 || offset > (int64_t)MAX_BYTES))
        rc = xr_fail(err, "a NIfTI file whose voxels begin at byte %lld",
                     (long long)offset);
    if (rc == 0 && !head)
        rc = size > MAX_BYTES
                 ? xr_fail(err, "a NIfTI file of more than %zu bytes", MAX_BYTES)
                 : load(n, data, size, (size_t)offset, err);
    if (rc)
        xr_nifti_close(n);
    return rc;
}

void xr_nifti_close(struct xr_nifti *n)
{
    free(n->unpacked);
    memset(n, 0, sizeof *n);
}

/* --- voxels
 * ----------------------------------------------------------------------------- */

double xr_nifti_raw(const struct xr_nifti *n, size_t i)
{
    unsigned char b[8];
    union {
        int8_t i8;
        int16_t i16;
        uint16_t u16;
        int32_t i32;
        uint32_t u32;
        int64_t i64;
        uint64_t u64;
        float f32;
        double f64;
    } v;

    for (size_t k = 0; k < n->width; k++)
        b[k] = n->voxels[i * n->width + (n->swapped ? n->width - 1 - k : k)];
    memcpy(&v, b, n->width);
    switch (n->type) {
    case DT_UINT8:
        return b[0];
    case DT_INT8:
        return v.i8;
    case DT_INT16:
        return v.i16;
    case DT_UINT16:
        return v.u16;
    case DT_INT32:
        return v.i32;
    case DT_UINT32:
        return v.u32;
    case DT_INT64:
        return (double)v.i64;
    case DT_UINT64:
        return (double)v.u64;
    case DT_FLOAT32:
        return (double)v.f32;
    default:
        return v.f64;
    }
}

/* The values that become black and white: the header's, or else the least and the
 * greatest finite one of the file. */
static void find_range(double *low, double *high, const struct xr_nifti *n)
{
    double least = INFINITY, most = -INFINITY;

    *low = n->cal[0];
    *high = n->cal[1];
    if (isfinite(*low) && isfinite(*high) && *low < *high)
        return;
    for (size_t i = 0; i < n->n; i++) {
        double v = xr_nifti_raw(n, i);

        if (!isfinite(v))
            continue;
        least = v < least ? v : least;
        most = v > most ? v : most;
    }
    least = least * n->slope + n->inter;
    most = most * n->slope + n->inter;
    *low = least < most ? least : most;
    *high = least < most ? most : least;
}

/* A slice: where its first voxel is, and the steps to the next column and row. */
struct slice {
    size_t width, height, start, column, row;
};

/* Columns go along the first of the other axes, rows down the second one: an image viewer
 * has the last y above. */
static struct slice cut(const struct xr_nifti *n, int axis, size_t index, size_t volume)
{
    static const int other[3][2] = {{1, 2}, {0, 2}, {0, 1}};
    size_t step[3] = {1, n->side[0], n->side[0] * n->side[1]};
    int c = other[axis][0], r = other[axis][1];
    struct slice s = {n->side[c], n->side[r], index * step[axis], step[c], step[r]};

    s.start += volume * step[2] * n->side[2];
    return s;
}

static size_t at(const struct slice *s, size_t x, size_t y)
{
    return s->start + x * s->column + (s->height - 1 - y) * s->row;
}

static int read_color(struct xr_image *image, const struct xr_nifti *n,
                      const struct slice *s, struct xr_err *err)
{
    uint8_t *to;

    if (xr_image_alloc(image, s->width, s->height, n->width, 8, err))
        return -1;
    to = image->data;
    for (size_t y = 0; y < s->height; y++) {
        for (size_t x = 0; x < s->width; x++, to += n->width)
            memcpy(to, n->voxels + at(s, x, y) * n->width, n->width);
    }
    xr_over_black(image);
    return 0;
}

static int read_gray(struct xr_image *image, struct xr_image_info *info,
                     const struct xr_nifti *n, const struct slice *s, struct xr_err *err)
{
    bool plain = n->type == DT_UINT8 && !n->scaled && !(n->cal[0] < n->cal[1]);
    double low = 0, high = 255;
    size_t bad = 0;
    char text[80];

    if (xr_image_alloc(image, s->width, s->height, 1, plain ? 8 : 16, err))
        return -1;
    if (!plain)
        find_range(&low, &high, n);
    for (size_t y = 0; y < s->height; y++) {
        for (size_t x = 0; x < s->width; x++) {
            double v = xr_nifti_raw(n, at(s, x, y)), level;

            if (plain) {
                ((uint8_t *)image->data)[y * s->width + x] = (uint8_t)v;
                continue;
            }
            bad += isnan(v);
            v = v * n->slope + n->inter;
            level = high > low ? (v - low) / (high - low) : 0;
            level = level > 0 ? level < 1 ? level : 1 : 0; /* not a number: black */
            ((uint16_t *)image->data)[y * s->width + x] =
                (uint16_t)floor(level * 65535 + 0.5);
        }
    }
    if (bad) {
        snprintf(text, sizeof text, "%zu voxels that are not a number became black", bad);
        xr_image_warn(info, text);
    }
    if (!plain && isfinite(low) && isfinite(high))
        xr_image_json(info, "range", "[%.9g, %.9g]", low, high);
    return 0;
}

/* --- the file
 * --------------------------------------------------------------------------- */

static int choose(int *axis, size_t *index, size_t *volume, const struct xr_nifti *n,
                  const struct xr_pick *pick, struct xr_err *err)
{
    *axis = pick->axis ? pick->axis - 'x' : 2;
    *index = pick->index ? pick->index - 1 : 0;
    *volume = pick->volume ? pick->volume - 1 : 0;
    if (!pick->axis && pick->index > 1)
        return xr_fail(err, "a volume: choose a slice in its path, as in FILE#z%zu",
                       pick->index);
    if (!pick->axis && n->side[2] > 1)
        return xr_fail(err,
                       "a volume of %zu x %zu x %zu voxels: choose a slice in its path, "
                       "as in FILE#z%zu",
                       n->side[0], n->side[1], n->side[2], (n->side[2] + 1) / 2);
    if (!pick->volume && n->volumes > 1)
        return xr_fail(err, "%zu volumes: choose a slice of one, as in FILE#z%zut1",
                       n->volumes, (n->side[2] + 1) / 2);
    if (*index >= n->side[*axis])
        return xr_fail(err, "no slice %c%zu: it has %zu", "xyz"[*axis], pick -> index,
                       n -> side[*axis]);
    if (*volume >= n->volumes)
        return xr_fail(err, "no volume %zu: it has %zu", pick->volume, n->volumes);
    return 0;
}

/* INT16 and the like. */
static const char *type_name(int type)
{
    const char *name = nifti_datatype_to_string(type);

    return strncmp(name, "NIFTI_TYPE_", 11) ? name : name + 11;
}

static void keep(struct xr_image_info *info, const struct xr_nifti *n, int axis,
                 size_t index, size_t volume)
{
    info->stored_depth = (int)(8 * n->width);
    snprintf(info->mode, sizeof info->mode, "%s",
             n->width == 4 && n->color ? "rgba"
             : n->color                ? "rgb"
                                       : "gray");
    xr_image_text(info, "type", type_name(n->type));
    xr_image_text(info, "axes", n->axes);
    xr_image_json(info, "spacing", "[%.9g, %.9g, %.9g]", n->spacing[0], n->spacing[1],
                  n->spacing[2]);
    if (n->scaled)
        xr_image_json(info, "rescale", "[%.9g, %.9g]", n->slope, n->inter);
    if (n->side[2] > 1 || axis != 2) {
        xr_image_text(info, "axis", axis == 0 ? "x" : axis == 1 ? "y" : "z");
        xr_image_json(info, "slice", "%zu", index + 1);
        xr_image_json(info, "slices", "%zu", n->side[axis]);
    }
    if (n->volumes > 1)
        xr_image_json(info, "volume", "%zu", volume + 1);
}

int xr_nifti_decode(struct xr_image *image, struct xr_image_info *info, const void *data,
                    size_t size, const struct xr_pick *pick, enum xr_color color,
                    struct xr_err *err)
{
    struct xr_nifti n;
    struct slice s;
    size_t index, volume;
    int axis, rc;

    snprintf(info->format, sizeof info->format, "nifti");
    if (xr_nifti_open(&n, data, size, false, err))
        return -1;
    rc = choose(&axis, &index, &volume, &n, pick, err);
    if (rc == 0) {
        s = cut(&n, axis, index, volume);
        rc = n.color ? read_color(image, &n, &s, err)
                     : read_gray(image, info, &n, &s, err);
    }
    if (rc == 0) {
        keep(info, &n, axis, index, volume);
        rc = xr_recolor(image, color, err);
    }
    xr_nifti_close(&n);
    return rc;
}

int xr_nifti_frames(struct xr_frames *frames, const void *data, size_t size,
                    struct xr_err *err)
{
    struct xr_nifti n;

    if (xr_nifti_open(&n, data, size, true, err))
        return -1;
    if (n.side[2] > 1 || n.volumes > 1) {
        memcpy(frames->side, n.side, sizeof frames->side);
        frames->volumes = n.volumes;
        frames->n = n.side[2] * n.volumes;
    }
    xr_nifti_close(&n);
    return 0;
}

#endif
