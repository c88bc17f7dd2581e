/* NIfTI files: headers through libnifti, voxels from memory. */
#include "optional.h"

#include <math.h>
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

void xr_nifti_range(double *least, double *most, const struct xr_nifti *n)
{
    (void)n;
    *least = *most = 0;
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
 * own checks forget to exchange the bytes of the type, and pass types without a size. */
static bool is_usable(int64_t n_dims, int64_t first, int type)
{
    int bytes = 0, swap;

    nifti_datatype_sizes(type, &bytes, &swap);
    return n_dims >= 1 && n_dims <= 7 && first >= 1 && bytes > 0;
}

static bool looks_good(const unsigned char head[HEAD], size_t size)
{
    nifti_1_header one;
    nifti_2_header two;

    memcpy(&one, head, sizeof one);
    memcpy(&two, head, sizeof two);
    if (memcmp(head + 344, "n+1", 4) == 0) {
        if (one.sizeof_hdr != sizeof one)
            swap_nifti_header(&one, 1);
        return one.sizeof_hdr == sizeof one &&
               is_usable(one.dim[0], one.dim[1], one.datatype) &&
               nifti_hdr1_looks_good(&one);
    }
    if (two.sizeof_hdr != sizeof two)
        swap_nifti_header(&two, 2);
    return size >= sizeof two && memcmp(head + 4, "n+2", 4) == 0 &&
           two.sizeof_hdr == sizeof two &&
           is_usable(two.dim[0], two.dim[1], two.datatype) && nifti_hdr2_looks_good(&two);
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

/* INT16 and the like. */
static const char *type_name(int type)
{
    const char *name = nifti_datatype_to_string(type);

    return strncmp(name, "NIFTI_TYPE_", 11) ? name : name + 11;
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
    n->type_name = type_name(nim->datatype);
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

/* The ends of all finite values of one type, in the machine's byte order: a volume is
 * looked through once for every slice. */
#define SCAN(type)                                                                       \
    do {                                                                                 \
        type low = 0, high = 0, v;                                                       \
        bool any = false;                                                                \
        for (size_t i = 0; i < n->n; i++) {                                              \
            memcpy(&v, n->voxels + i * sizeof v, sizeof v);                              \
            if (v - v != 0)                                                              \
                continue;                                                                \
            low = !any || v < low ? v : low;                                             \
            high = !any || v > high ? v : high;                                          \
            any = true;                                                                  \
        }                                                                                \
        *least = any ? (double)low : INFINITY;                                           \
        *most = any ? (double)high : -INFINITY;                                          \
    } while (0)

void xr_nifti_range(double *least, double *most, const struct xr_nifti *n)
{
    *least = INFINITY;
    *most = -INFINITY;
    if (!n->swapped && n->type == DT_INT16) {
        SCAN(int16_t);
    } else if (!n->swapped && n->type == DT_UINT16) {
        SCAN(uint16_t);
    } else if (!n->swapped && n->type == DT_UINT8) {
        SCAN(uint8_t);
    } else if (!n->swapped && n->type == DT_FLOAT32) {
        SCAN(float);
    } else {
        for (size_t i = 0; i < n->n; i++) {
            double v = xr_nifti_raw(n, i);

            if (!isfinite(v))
                continue;
            *least = v < *least ? v : *least;
            *most = v > *most ? v : *most;
        }
    }
}

#endif
