/* PNG files through libpng. */
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <png.h>

#include "image.h"
#include "image_codec.h"

/* What libpng's callbacks reach, and what must be freed after one of them jumped. */
struct trap {
    struct xr_image_info *info;
    struct xr_err *err;
    const unsigned char *data;
    size_t size, at;
    struct xr_buf *out;
    png_bytep *rows;
};

static void on_error(png_structp png, png_const_charp text)
{
    struct trap *trap = png_get_error_ptr(png);

    if (text)
        xr_fail(trap->err, "%s", text);
    png_longjmp(png, 1);
}

static void on_warning(png_structp png, png_const_charp text)
{
    struct trap *trap = png_get_error_ptr(png);

    if (trap->info)
        xr_image_warn(trap->info, text);
}

static void on_read(png_structp png, png_bytep to, size_t n)
{
    struct trap *trap = png_get_io_ptr(png);

    if (n > trap->size - trap->at)
        png_error(png, "Premature end of PNG file");
    memcpy(to, trap->data + trap->at, n);
    trap->at += n;
}

static void on_write(png_structp png, png_bytep from, size_t n)
{
    struct trap *trap = png_get_io_ptr(png);

    if (xr_buf_put(trap->out, from, n, trap->err))
        on_error(png, NULL);
}

static void on_flush(png_structp png)
{
    (void)png;
}

static const char *mode_name(int type, int depth)
{
    switch (type) {
    case PNG_COLOR_TYPE_PALETTE:
        return "palette";
    case PNG_COLOR_TYPE_GRAY_ALPHA:
        return "graya";
    case PNG_COLOR_TYPE_RGB:
        return "rgb";
    case PNG_COLOR_TYPE_RGB_ALPHA:
        return "rgba";
    default:
        return depth == 1 ? "bits" : "gray";
    }
}

/* Everything between png_read_info and the last chunk; errors jump. */
static void read_pixels(png_structp png, png_infop end, struct trap *trap,
                        struct xr_image *image, struct xr_image_info *info)
{
    png_uint_32 width, height;
    int depth, type;
    size_t stride;

    png_get_IHDR(png, end, &width, &height, &depth, &type, NULL, NULL, NULL);
    if (xr_image_check(width, height, trap->err))
        on_error(png, NULL);
    info->stored_depth = depth;
    snprintf(info->mode, sizeof info->mode, "%s", mode_name(type, depth));
    png_set_expand(png); /* palette to RGB, 1..4 bits to 0..255, tRNS to alpha */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    if (depth == 16)
        png_set_swap(png);
#endif
    png_set_interlace_handling(png);
    png_read_update_info(png, end);
    if (xr_image_alloc(image, width, height, png_get_channels(png, end),
                       depth == 16 ? 16 : 8, trap->err))
        on_error(png, NULL);
    stride = png_get_rowbytes(png, end);
    trap->rows = xr_alloc_array(height, sizeof *trap->rows, trap->err);
    if (!trap->rows)
        on_error(png, NULL);
    for (size_t y = 0; y < height; y++)
        trap->rows[y] = (png_bytep)image->data + y * stride;
    png_read_image(png, trap->rows);
    png_read_end(png, end);
}

int xr_png_decode(struct xr_image *image, struct xr_image_info *info, const void *data,
                  size_t size, enum xr_color color, struct xr_err *err)
{
    struct trap trap = {.info = info, .err = err, .data = data, .size = size};
    png_structp png;
    png_infop chunks;
    png_bytep exif = NULL;
    png_uint_32 n_exif = 0;

    snprintf(info->format, sizeof info->format, "png");
    png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &trap, on_error, on_warning);
    if (!png)
        return xr_fail(err, "out of memory");
    chunks = png_create_info_struct(png);
    if (!chunks || setjmp(png_jmpbuf(png))) {
        if (!chunks)
            xr_fail(err, "out of memory");
        png_destroy_read_struct(&png, &chunks, NULL);
        free(trap.rows);
        return -1; /* image belongs to the caller, who frees it */
    }
    png_set_read_fn(png, &trap, on_read);
    png_set_user_limits(png, XR_IMAGE_MAX_SIDE, XR_IMAGE_MAX_SIDE);
    png_set_chunk_malloc_max(png, 8000000);
    png_read_info(png, chunks);
    read_pixels(png, chunks, &trap, image, info);
#ifdef PNG_eXIf_SUPPORTED
    if (png_get_eXIf_1(png, chunks, &n_exif, &exif))
        info->orientation = xr_exif_orientation(exif, n_exif);
#endif
    png_destroy_read_struct(&png, &chunks, NULL);
    free(trap.rows);
    xr_over_black(image);
    return xr_recolor(image, color, err);
}

int xr_image_png(struct xr_buf *buf, const struct xr_image *image, struct xr_err *err)
{
    struct trap trap = {.err = err, .out = buf};
    size_t stride = image->width * image->channels * (image->depth == 16 ? 2 : 1);
    png_structp png;
    png_infop chunks;

    if (image->channels < 1 || image->channels > 4)
        return xr_fail(err, "PNG holds 1 to 4 channels, not %zu", image->channels);
    if (xr_image_check(image->width, image->height, err))
        return -1;
    png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &trap, on_error, on_warning);
    if (!png)
        return xr_fail(err, "out of memory");
    chunks = png_create_info_struct(png);
    if (!chunks || setjmp(png_jmpbuf(png))) {
        if (!chunks)
            xr_fail(err, "out of memory");
        png_destroy_write_struct(&png, &chunks);
        return -1;
    }
    png_set_write_fn(png, &trap, on_write, on_flush);
    png_set_IHDR(
        png, chunks, (png_uint_32)image->width, (png_uint_32)image->height, image->depth,
        image->channels == 1   ? PNG_COLOR_TYPE_GRAY
        : image->channels == 2 ? PNG_COLOR_TYPE_GRAY_ALPHA
        : image->channels == 3 ? PNG_COLOR_TYPE_RGB
                               : PNG_COLOR_TYPE_RGB_ALPHA,
        PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_set_compression_level(png, 6);
    png_write_info(png, chunks);
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    if (image->depth == 16)
        png_set_swap(png);
#endif
    for (size_t y = 0; y < image->height; y++)
        png_write_row(png, (png_const_bytep)image->data + y * stride);
    png_write_end(png, chunks);
    png_destroy_write_struct(&png, &chunks);
    return 0;
}
