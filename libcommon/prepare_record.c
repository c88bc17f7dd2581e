/* Records of a stream as films: arrays that were prepared before, or WebDataset's image
 * files. */
#include <stdlib.h>
#include <string.h>

#include "image_codec.h"
#include "json.h"
#include "prepare.h"

/* An array uint8 or uint16 (H,W) or (H,W,C) becomes an image; it is taken over. */
static int image_of(struct xr_image *image, struct xr_array *array, struct xr_err *err)
{
    size_t channels = array->n_dims == 3 ? array->shape[2] : 1;

    if ((array->dtype != XR_U8 && array->dtype != XR_U16) || array->n_dims < 2 ||
        array->n_dims > 3 || (channels != 1 && channels != 3))
        return xr_fail(
            err, "its image is not 8- or 16-bit gray or RGB: augment before normalising");
    if (xr_image_check(array->shape[1], array->shape[0], err))
        return -1;
    *image = (struct xr_image){array->shape[1], array->shape[0], channels,
                               array->dtype == XR_U16 ? 16 : 8, array->data};
    array->data = NULL;
    return 0;
}

/* The image file among the members. */
static const struct xr_member *image_member(const struct xr_record *in)
{
    static const char *const suffixes[] = {"jpg", "jpeg", "png",  "JPG",   "JPEG",
                                           "PNG", "tif",  "tiff", "pgm",   "ppm",
                                           "pbm", "dcm",  "nii",  "nii.gz"};
    const struct xr_member *found = NULL;

    for (size_t i = 0; !found && i < sizeof suffixes / sizeof *suffixes; i++)
        found = xr_record_member(in, suffixes[i]);
    return found;
}

static int open_image(struct xr_opened *opened, struct xr_prepared *to,
                      const struct xr_prepare *run, struct xr_err *err)
{
    const struct xr_member *file = image_member(&to->in);
    enum xr_color color = run->color;

    if (to->in.image.n_dims && run->stretch)
        return xr_fail(err, "--stretch is for films: this one was prepared before");
    if (to->in.image.n_dims) { /* the array first: beside it a .png is an overlay */
        return image_of(&opened->image, &to->in.image, err) ||
                       xr_recolor(&opened->image, color, err)
                   ? -1
                   : 0;
    }
    if (!file)
        return xr_fail(err, "no image: neither .npy nor a file of a known format");
    if (xr_image_decode(&opened->image, &to->info, file->data, file->size, color, err))
        return xr_fail_in(err, "cannot read '%s.%s'", to->in.key, file->suffix);
    opened->source = xr_prepare_source(&to->info);
    return run->stretch ? xr_stretch(&opened->image, run->stretch_ends, err) : 0;
}

static int open_mask(struct xr_opened *opened, struct xr_prepared *to, struct xr_err *err)
{
    const struct xr_member *file = xr_record_member(&to->in, "mask.png");
    struct xr_array array;
    int got = xr_record_array(&array, &to->in, "mask.npy", err);

    if (got < 0 || (got == 1 && image_of(&opened->mask, &array, err))) {
        xr_array_free(&array);
        return -1;
    }
    if (got == 0 && file &&
        (xr_image_decode(&opened->mask, NULL, file->data, file->size, XR_COLOR_GRAY,
                         err) ||
         xr_to8(&opened->mask, err)))
        return xr_fail_in(err, "cannot read '%s.mask.png'", to->in.key);
    if (!opened->mask.data)
        return 0;
    if (opened->mask.depth != 8)
        return xr_fail(err, "its mask is not uint8");
    if (xr_recolor(&opened->mask, XR_COLOR_GRAY, err))
        return -1;
    if (opened->mask.width != opened->image.width ||
        opened->mask.height != opened->image.height)
        return xr_fail(err, "its mask is %zux%zu, its image %zux%zu", opened->mask.width,
                       opened->mask.height, opened->image.width, opened->image.height);
    return 0;
}

int xr_prepare_open_record(struct xr_opened *opened, struct xr_prepared *to,
                           const struct xr_prepare *run, struct xr_err *err)
{
    struct xr_record *r = &to->record;
    double epoch = xr_json_number(to->in.meta, "epoch", 1);

    to->epoch = epoch >= 1 && epoch < 1e9 ? (int64_t)epoch : 1;
    if (open_image(opened, to, run, err) || open_mask(opened, to, err) ||
        xr_prepare_boxes_record(opened, &to->in, err))
        return xr_fail_in(err, "%s: record '%s'", to->from, to->in.key);
    opened->width = opened->image.width;
    opened->height = opened->image.height;
    r->key = to->in.key;
    r->label = to->in.label;
    r->meta = to->in.meta ? to->in.meta : cJSON_CreateObject();
    to->in.key = NULL;
    to->in.meta = NULL;
    if (!cJSON_GetObjectItemCaseSensitive(r->meta, "epoch"))
        cJSON_AddNumberToObject(r->meta, "epoch", (double)to->epoch);
    return 0;
}
