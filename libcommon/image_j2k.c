/* JPEG 2000 through OpenJPEG: the frames of DICOM files. */
#include "optional.h"

#include "dicom.h"

#ifndef XR_HAS_OPENJPEG

int xr_j2k_stored(uint16_t *out, size_t width, size_t height, size_t channels,
                  const void *data, size_t size, struct xr_err *err)
{
    (void)out, (void)width, (void)height, (void)channels, (void)data, (void)size;
    return xr_fail(err, "JPEG 2000: this program was built without OpenJPEG");
}

#else

#include <stdio.h>
#include <string.h>

#include <openjpeg-2.5/openjpeg.h>

struct source {
    const unsigned char *data;
    size_t size, at;
    char error[200];
};

static OPJ_SIZE_T on_read(void *to, OPJ_SIZE_T n, void *user)
{
    struct source *s = user;

    if (s->at >= s->size)
        return (OPJ_SIZE_T)-1;
    n = n > s->size - s->at ? s->size - s->at : n;
    memcpy(to, s->data + s->at, n);
    s->at += n;
    return n;
}

static OPJ_OFF_T on_skip(OPJ_OFF_T n, void *user)
{
    struct source *s = user;

    if (n < 0 || (size_t)n > s->size - s->at)
        return -1;
    s->at += (size_t)n;
    return n;
}

static OPJ_BOOL on_seek(OPJ_OFF_T to, void *user)
{
    struct source *s = user;

    if (to < 0 || (size_t)to > s->size)
        return OPJ_FALSE;
    s->at = (size_t)to;
    return OPJ_TRUE;
}

static void on_error(const char *text, void *user)
{
    struct source *s = user;

    if (!s->error[0])
        snprintf(s->error, sizeof s->error, "%.*s", (int)strcspn(text, "\n"), text);
}

static void on_note(const char *text, void *user)
{
    (void)text, (void)user;
}

/* Is it the picture that was promised, component by component? Before any of it is
 * decoded. */
static int check(const opj_image_t *image, size_t width, size_t height, size_t channels,
                 struct xr_err *err)
{
    if (image->numcomps != channels || image->x1 <= image->x0 || image->y1 <= image->y0 ||
        image->x1 - image->x0 != width || image->y1 - image->y0 != height)
        return xr_fail(err, "its JPEG 2000 holds %ux%u pixels of %u components",
                       image->x1 - image->x0, image->y1 - image->y0, image->numcomps);
    for (size_t k = 0; k < channels; k++) {
        const opj_image_comp_t *c = &image->comps[k];

        if (c->dx != 1 || c->dy != 1 || c->prec < 1 || c->prec > 16)
            return xr_fail(err, "its JPEG 2000 has a component of %u bits, 1 in %u x %u",
                           c->prec, c->dx, c->dy);
    }
    return 0;
}

static int decode(uint16_t *out, size_t width, size_t height, size_t channels,
                  opj_codec_t *codec, opj_stream_t *stream, opj_image_t **image,
                  struct source *s, struct xr_err *err)
{
    if (!opj_read_header(stream, codec, image))
        goto damaged;
    if (check(*image, width, height, channels, err))
        return -1;
    if (!opj_decode(codec, stream, *image) || !opj_end_decompress(codec, stream))
        goto damaged;
    for (size_t k = 0; k < channels; k++) {
        const opj_image_comp_t *c = &(*image)->comps[k];

        if (c->w != width || c->h != height || !c->data)
            goto damaged;
        for (size_t i = 0; i < width * height; i++)
            out[i * channels + k] = (uint16_t)c->data[i]; /* signed: two's complement */
    }
    return 0;
damaged:
    return xr_fail(err, "damaged JPEG 2000: %s",
                   s->error[0] ? s->error : "it ends early");
}

int xr_j2k_stored(uint16_t *out, size_t width, size_t height, size_t channels,
                  const void *data, size_t size, struct xr_err *err)
{
    struct source s = {.data = data, .size = size};
    bool jp2 = size >= 12 && memcmp(s.data + 4, "jP  \r\n\x87\n", 8) == 0;
    opj_codec_t *codec = opj_create_decompress(jp2 ? OPJ_CODEC_JP2 : OPJ_CODEC_J2K);
    opj_stream_t *stream = opj_stream_default_create(OPJ_TRUE);
    opj_image_t *image = NULL;
    opj_dparameters_t parameters;
    int rc = -1;

    opj_set_default_decoder_parameters(&parameters);
    if (!codec || !stream || !opj_setup_decoder(codec, &parameters)) {
        xr_fail(err, "out of memory");
        goto done;
    }
    opj_set_error_handler(codec, on_error, &s);
    opj_set_warning_handler(codec, on_note, NULL);
    opj_set_info_handler(codec, on_note, NULL);
    opj_stream_set_user_data(stream, &s, NULL);
    opj_stream_set_user_data_length(stream, size);
    opj_stream_set_read_function(stream, on_read);
    opj_stream_set_skip_function(stream, on_skip);
    opj_stream_set_seek_function(stream, on_seek);
    rc = decode(out, width, height, channels, codec, stream, &image, &s, err);
done:
    opj_image_destroy(image);
    opj_stream_destroy(stream);
    opj_destroy_codec(codec);
    return rc;
}

#endif
