/* JPEG files through libjpeg-turbo. */
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jpeglib.h>
#include <jerror.h>

#include "image.h"
#include "image_codec.h"

#define MAX_SCANS 500 /* more is an attack on the reader's time, not a picture */
#define BATCH 16      /* rows asked for in one call */

/* libjpeg's manager first, so that its pointer is ours as well. */
struct trap {
    struct jpeg_error_mgr base;
    struct jpeg_progress_mgr progress;
    struct xr_image_info *info; /* NULL while writing */
    struct xr_err *err;
    jmp_buf back;
};

static void on_error(j_common_ptr cinfo)
{
    struct trap *trap = (struct trap *)cinfo->err;
    char text[JMSG_LENGTH_MAX];

    trap->base.format_message(cinfo, text);
    xr_fail(trap->err, "%s", text);
    longjmp(trap->back, 1);
}

/* libjpeg calls lost pixels a warning and fills them with gray; here they are errors. */
static void on_message(j_common_ptr cinfo, int level)
{
    struct trap *trap = (struct trap *)cinfo->err;
    char text[JMSG_LENGTH_MAX];

    if (level >= 0)
        return;
    switch (trap->base.msg_code) {
    case JWRN_JPEG_EOF:
    case JWRN_HIT_MARKER:
    case JWRN_HUFF_BAD_CODE:
    case JWRN_ARITH_BAD_CODE:
    case JWRN_MUST_RESYNC:
        on_error(cinfo);
        return;
    default:
        trap->base.format_message(cinfo, text);
        if (trap->info)
            xr_image_warn(trap->info, text);
    }
}

static void on_progress(j_common_ptr cinfo)
{
    struct trap *trap = (struct trap *)cinfo->err;

    if (cinfo->is_decompressor &&
        ((j_decompress_ptr)cinfo)->input_scan_number > MAX_SCANS) {
        xr_fail(trap->err, "a JPEG file of more than %d scans", MAX_SCANS);
        longjmp(trap->back, 1);
    }
}

static void set_trap(struct trap *trap, struct xr_image_info *info, struct xr_err *err)
{
    jpeg_std_error(&trap->base);
    trap->base.error_exit = on_error;
    trap->base.emit_message = on_message;
    trap->progress.progress_monitor = on_progress;
    trap->info = info;
    trap->err = err;
}

/* a*b/255, rounded, for 8-bit a and b */
static unsigned mul255(unsigned a, unsigned b)
{
    unsigned t = a * b + 128;

    return (t + (t >> 8)) >> 8;
}

/* CMYK as every writer since Photoshop stores it in JPEG, inverted: 255 is no ink. So the
 * stored values are already the shares of light that are left. */
static void rgb_of_cmyk(uint8_t *rgb, const uint8_t *cmyk, size_t n)
{
    for (size_t i = 0; i < n; i++, rgb += 3, cmyk += 4) {
        rgb[0] = (uint8_t)mul255(cmyk[0], cmyk[3]);
        rgb[1] = (uint8_t)mul255(cmyk[1], cmyk[3]);
        rgb[2] = (uint8_t)mul255(cmyk[2], cmyk[3]);
    }
}

static int read_cmyk(struct jpeg_decompress_struct *jpeg, struct xr_image *image,
                     uint8_t *row)
{
    size_t w = image->width, c = image->channels;

    while (jpeg->output_scanline < jpeg->output_height) {
        uint8_t *dst = (uint8_t *)image->data + (size_t)jpeg->output_scanline * w * c;

        jpeg_read_scanlines(jpeg, &row, 1);
        rgb_of_cmyk(c == 3 ? dst : row, row, w); /* 3 bytes overwrite 4: never ahead */
        if (c == 1)
            xr_gray_of_rgb8(dst, row, w);
    }
    return 0;
}

static void read_rows(struct jpeg_decompress_struct *jpeg, struct xr_image *image)
{
    size_t stride = image->width * image->channels;

    while (jpeg->output_scanline < jpeg->output_height) {
        JSAMPROW rows[BATCH];
        JDIMENSION left = jpeg->output_height - jpeg->output_scanline;

        for (JDIMENSION i = 0; i < BATCH && i < left; i++)
            rows[i] = (uint8_t *)image->data + (jpeg->output_scanline + i) * stride;
        jpeg_read_scanlines(jpeg, rows, left < BATCH ? left : BATCH);
    }
}

static int orientation_of(const struct jpeg_decompress_struct *jpeg)
{
    for (jpeg_saved_marker_ptr m = jpeg->marker_list; m; m = m->next) {
        if (m->marker == JPEG_APP0 + 1 && m->data_length > 6 &&
            memcmp(m->data, "Exif\0", 6) == 0)
            return xr_exif_orientation(m->data + 6, m->data_length - 6);
    }
    return 1;
}

/* The largest divisor that leaves the sides as long as they have to be. */
static unsigned divisor(const struct jpeg_decompress_struct *jpeg, int orientation,
                        const struct xr_image_least *least)
{
    size_t w = orientation > 4 ? jpeg->image_height : jpeg->image_width;
    size_t h = orientation > 4 ? jpeg->image_width : jpeg->image_height, sides[2];
    unsigned by = 8;

    least->least(sides, least->of, w, h);
    while (by > 1 && ((w + by - 1) / by < sides[0] || (h + by - 1) / by < sides[1]))
        by /= 2;
    return by;
}

int xr_jpeg_decode(struct xr_image *image, struct xr_image_info *info, const void *data,
                   size_t size, enum xr_color color, const struct xr_image_least *least,
                   struct xr_err *err)
{
    struct jpeg_decompress_struct jpeg;
    struct trap trap;
    void *volatile row = NULL;

    memset(&jpeg, 0, sizeof jpeg);
    memset(&trap, 0, sizeof trap);
    set_trap(&trap, info, err);
    jpeg.err = &trap.base;
    snprintf(info->format, sizeof info->format, "jpeg");
    info->stored_depth = 8;
    if (setjmp(trap.back)) {
        jpeg_destroy_decompress(&jpeg);
        free(row);
        return -1; /* image belongs to the caller, who frees it */
    }
    jpeg_create_decompress(&jpeg);
    jpeg.progress = &trap.progress;
    jpeg_mem_src(&jpeg, data, size);
    jpeg_save_markers(&jpeg, JPEG_APP0 + 1, 0xffff);
    jpeg_read_header(&jpeg, TRUE);
    if (xr_image_check(jpeg.image_width, jpeg.image_height, err))
        longjmp(trap.back, 1);
    info->orientation = orientation_of(&jpeg);
    info->width = jpeg.image_width;
    info->height = jpeg.image_height;
    if (least)
        jpeg.scale_denom = divisor(&jpeg, info->orientation, least);

    switch (jpeg.jpeg_color_space) {
    case JCS_CMYK:
    case JCS_YCCK:
        snprintf(info->mode, sizeof info->mode, "cmyk");
        jpeg.out_color_space = JCS_CMYK;
        row = xr_alloc_array(jpeg.image_width, 4, err);
        if (!row)
            longjmp(trap.back, 1);
        break;
    case JCS_GRAYSCALE:
    case JCS_YCbCr:
    case JCS_RGB:
        snprintf(info->mode, sizeof info->mode, "%s",
                 jpeg.jpeg_color_space == JCS_GRAYSCALE ? "gray" : "rgb");
        /* of YCbCr this is Y as stored; of RGB libjpeg computes xr_gray_of_rgb8's formula
         */
        jpeg.out_color_space = color == XR_COLOR_GRAY ? JCS_GRAYSCALE : JCS_RGB;
        break;
    default:
        xr_fail(err, "a JPEG file of %d components in an unknown colour space",
                jpeg.num_components);
        longjmp(trap.back, 1);
    }
    jpeg_start_decompress(&jpeg);
    if (xr_image_room(image, jpeg.output_width, jpeg.output_height,
                      color == XR_COLOR_GRAY ? 1 : 3, 8, err))
        longjmp(trap.back, 1);
    if (row)
        read_cmyk(&jpeg, image, row);
    else
        read_rows(&jpeg, image);
    jpeg_finish_decompress(&jpeg);
    jpeg_destroy_decompress(&jpeg);
    free(row);
    return 0;
}

int xr_jpeg_stored(uint8_t *out, size_t width, size_t height, size_t channels,
                   const void *data, size_t size, struct xr_err *err)
{
    struct jpeg_decompress_struct jpeg;
    struct xr_image image = {width, height, channels, 8, out};
    struct trap trap;

    memset(&jpeg, 0, sizeof jpeg);
    memset(&trap, 0, sizeof trap);
    set_trap(&trap, NULL, err);
    jpeg.err = &trap.base;
    if (setjmp(trap.back)) {
        jpeg_destroy_decompress(&jpeg);
        return -1;
    }
    jpeg_create_decompress(&jpeg);
    jpeg.progress = &trap.progress;
    jpeg_mem_src(&jpeg, data, size);
    jpeg_read_header(&jpeg, TRUE);
    if (jpeg.image_width != width || jpeg.image_height != height ||
        (size_t)jpeg.num_components != channels) {
        xr_fail(err, "its JPEG holds %ux%u pixels of %d components", jpeg.image_width,
                jpeg.image_height, jpeg.num_components);
        longjmp(trap.back, 1);
    }
    jpeg.out_color_space = jpeg.jpeg_color_space;
    jpeg_start_decompress(&jpeg);
    read_rows(&jpeg, &image);
    jpeg_finish_decompress(&jpeg);
    jpeg_destroy_decompress(&jpeg);
    return 0;
}

int xr_image_jpeg(struct xr_buf *buf, const struct xr_image *image, int quality,
                  struct xr_err *err)
{
    struct jpeg_compress_struct jpeg;
    struct trap trap;
    unsigned char *out = NULL; /* address taken by libjpeg: lives in memory */
    unsigned long size = 0;
    size_t stride = image->width * image->channels;
    int rc;

    if (image->depth != 8 || (image->channels != 1 && image->channels != 3))
        return xr_fail(err, "JPEG holds 8-bit gray or RGB, not %zu channels of %d bits",
                       image->channels, image->depth);
    if (xr_image_check(image->width, image->height, err))
        return -1;
    memset(&jpeg, 0, sizeof jpeg);
    memset(&trap, 0, sizeof trap);
    set_trap(&trap, NULL, err);
    jpeg.err = &trap.base;
    if (setjmp(trap.back)) {
        jpeg_destroy_compress(&jpeg);
        free(*(unsigned char *volatile *)&out);
        return -1;
    }
    jpeg_create_compress(&jpeg);
    jpeg_mem_dest(&jpeg, &out, &size);
    jpeg.image_width = (JDIMENSION)image->width;
    jpeg.image_height = (JDIMENSION)image->height;
    jpeg.input_components = (int)image->channels;
    jpeg.in_color_space = image->channels == 1 ? JCS_GRAYSCALE : JCS_RGB;
    jpeg_set_defaults(&jpeg);
    jpeg_set_quality(&jpeg, quality, TRUE);
    jpeg_start_compress(&jpeg, TRUE);
    while (jpeg.next_scanline < jpeg.image_height) {
        JSAMPROW line = (uint8_t *)image->data + jpeg.next_scanline * stride;

        jpeg_write_scanlines(&jpeg, &line, 1);
    }
    jpeg_finish_compress(&jpeg);
    jpeg_destroy_compress(&jpeg);
    rc = xr_buf_put(buf, out, size, err);
    free(out);
    return rc;
}
