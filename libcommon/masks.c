/* Masks from folders, files and record streams. */
#include "masks.h"

#include <dirent.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "boxes.h"
#include "cases.h"
#include "csv.h"
#include "image.h"
#include "json.h"
#include "pixels/pixels.h"
#include "stream.h"

#define MAX_FILE ((size_t)1 << 30)
#define MAX_SIDE 65500

struct xr_masks {
    struct xr_masks_rule rule;
    char *path, *group;
    struct dirent **entries; /* of a folder */
    size_t n, at;
    bool folder, only_masks;
    struct xr_sha256 *sha; /* of files */
    struct xr_coco *coco;
    char digest[XR_SHA256_TEXT]; /* of coco */
    struct xr_reader *reader;
    struct xr_record record;
};

void xr_mask_free(struct xr_mask *mask)
{
    free(mask->key);
    free(mask->on);
    free(mask->group);
    memset(mask, 0, sizeof *mask);
}

/* --- one mask -------------------------------------------------------------------- */

static int shape(struct xr_mask *mask, size_t height, size_t width, struct xr_err *err)
{
    if (!height || !width || height > MAX_SIDE || width > MAX_SIDE)
        return xr_fail(err, "a mask of %zux%zu pixels", width, height);
    mask->height = height;
    mask->width = width;
    mask->on = xr_alloc_array(height * width, 1, err);
    return mask->on ? 0 : -1;
}

static int from_array(struct xr_mask *mask, const struct xr_array *a, double threshold,
                      struct xr_err *err)
{
    size_t size = xr_dtype_size(a->dtype), n;

    if (a->n_dims != 2)
        return xr_fail(err, "an array of %d dimensions: a mask has rows and columns",
                       a->n_dims);
    if (a->dtype == XR_F16 || a->dtype == XR_BF16)
        return xr_fail(err, "a mask of type %s is not supported",
                       xr_dtype_name(a->dtype));
    if (shape(mask, a->shape[0], a->shape[1], err))
        return -1;
    n = mask->height * mask->width;
    for (size_t i = 0; i < n; i++) {
        const unsigned char *at = (const unsigned char *)a->data + i * size;
        double value = 0;

        if (a->dtype == XR_F32)
            value = (double)((const float *)a->data)[i];
        else if (a->dtype == XR_F64)
            value = ((const double *)a->data)[i];
        else
            for (size_t k = 0; k < size; k++)
                mask->on[i] |= at[k] != 0;
        if (isnan(value))
            return xr_fail(err, "row %zu, column %zu is not a number", i / mask->width,
                           i % mask->width);
        if (a->dtype == XR_F32 || a->dtype == XR_F64)
            mask->on[i] = value >= threshold;
    }
    return 0;
}

static int from_picture(struct xr_mask *mask, const void *data, size_t size,
                        struct xr_err *err)
{
    struct xr_image image = {0};
    int status = xr_image_decode(&image, NULL, data, size, XR_COLOR_GRAY, err) ||
                 shape(mask, image.height, image.width, err);

    for (size_t i = 0; status == 0 && i < image.height * image.width; i++)
        mask->on[i] = image.depth == 8 ? ((const uint8_t *)image.data)[i] != 0
                                       : ((const uint16_t *)image.data)[i] != 0;
    xr_image_free(&image);
    return status ? -1 : 0;
}

static int from_npy(struct xr_mask *mask, const void *data, size_t size, double threshold,
                    struct xr_err *err)
{
    struct xr_array array = {0};
    int status =
        xr_npy_parse(&array, data, size, err) || from_array(mask, &array, threshold, err);

    xr_array_free(&array);
    return status ? -1 : 0;
}

/* --- files ----------------------------------------------------------------------- */

static bool ends_in(const char *name, const char *suffix)
{
    size_t n = strlen(name), m = strlen(suffix);

    return n > m && !strcmp(name + n - m, suffix);
}

/* Bytes of the suffix of a mask's file, 0: it is none. */
static size_t suffix_of(const char *name)
{
    return ends_in(name, ".npy") ? 4 : xr_image_suffix(name);
}

static char *key_of(const char *name, struct xr_err *err)
{
    char *key = xr_sprintf(err, "%.*s", (int)(strlen(name) - suffix_of(name)), name);

    if (key && ends_in(key, ".mask"))
        key[strlen(key) - 5] = '\0';
    return key;
}

/* Is it KEY.mask.SUFFIX? */
static bool is_named_mask(const char *name)
{
    size_t n = strlen(name) - suffix_of(name);

    return n > 5 && !strncmp(name + n - 5, ".mask", 5);
}

static int visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.' && suffix_of(entry->d_name);
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int open_folder(struct xr_masks *m, struct xr_err *err)
{
    int n = scandir(m->path, &m->entries, visible, by_name);

    if (n < 0)
        return xr_fail_errno(err, "%s: cannot read the folder", m->path);
    m->n = (size_t)n;
    m->folder = true;
    for (size_t i = 0; i < m->n; i++)
        m->only_masks = m->only_masks || is_named_mask(m->entries[i]->d_name);
    return n ? 0 : xr_fail(err, "%s: neither .npy files nor pictures in it", m->path);
}

static int read_mask(struct xr_masks *m, struct xr_mask *mask, const char *path,
                     struct xr_err *err)
{
    struct xr_buf buf = {0};
    int status = -1;

    if (xr_read_file(&buf, path, MAX_FILE, NULL, err))
        return -1;
    xr_sha256_add(m->sha, path, strlen(path));
    xr_sha256_add(m->sha, buf.data, buf.size);
    status = ends_in(path, ".npy")
                 ? from_npy(mask, buf.data, buf.size, m->rule.threshold, err)
                 : from_picture(mask, buf.data, buf.size, err);
    if (status)
        xr_fail_in(err, "%s", path);
    xr_buf_free(&buf);
    return status;
}

/* The next file of a folder. */
static int next_of_folder(struct xr_masks *m, struct xr_mask *mask, struct xr_err *err)
{
    const char *name;
    char *path;
    int status;

    while (m->at < m->n && m->only_masks && !is_named_mask(m->entries[m->at]->d_name))
        m->at++;
    if (m->at == m->n)
        return 0;
    name = m->entries[m->at++]->d_name;
    mask->key = key_of(name, err);
    path = xr_sprintf(err, "%s/%s", m->path, name);
    status = mask->key && path ? read_mask(m, mask, path, err) : -1;
    free(path);
    return status ? -1 : 1;
}

/* --- COCO ------------------------------------------------------------------------ */

static int draw_polygons(struct xr_mask *mask, const struct xr_coco *coco,
                         const char *name, struct xr_err *err)
{
    struct xr_boxes boxes = {0};
    struct xr_image image = {0};
    int status = xr_coco_boxes(&boxes, coco, name, err) ||
                 xr_boxes_draw(&image, &boxes, mask->width, mask->height, err);

    for (size_t i = 0; !status && i < mask->height * mask->width; i++)
        mask->on[i] = ((const uint8_t *)image.data)[i] != 0;
    xr_image_free(&image);
    xr_boxes_free(&boxes);
    return status ? -1 : 0;
}

static int next_of_coco(struct xr_masks *m, struct xr_mask *mask, struct xr_err *err)
{
    const char *name;
    size_t height, width;

    if (!xr_coco_image(&name, &height, &width, m->coco, m->at))
        return 0;
    m->at++;
    mask->key = xr_case_key(name, err);
    if (!mask->key)
        return -1;
    if (!height || !width)
        return xr_fail(err, "%s: image '%s' has no height and width", m->path, name);
    if (shape(mask, height, width, err) || draw_polygons(mask, m->coco, name, err) ||
        xr_coco_runs(mask->on, height, width, m->coco, name, err))
        return xr_fail_in(err, "%s", m->path);
    return 1;
}

/* --- streams --------------------------------------------------------------------- */

/* The spacing of a record's pixels from that of its film and the fit. */
static int find_spacing(struct xr_masks *m, struct xr_mask *mask, struct xr_err *err)
{
    const struct xr_stream_header *header = xr_reader_header(m->reader);
    const cJSON *source = cJSON_GetObjectItemCaseSensitive(m->record.meta, "source");
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(source, "spacing");
    const cJSON *moved = cJSON_GetObjectItemCaseSensitive(m->record.meta, "transforms");
    double height = xr_json_number(source, "height", 0),
           width = xr_json_number(source, "width", 0), mm[2];
    struct xr_fit fit = {.height = mask->height, .width = mask->width};
    size_t sides[2];

    for (int i = 0; i < 2; i++) {
        const cJSON *item = cJSON_GetArrayItem(list, i);

        mm[i] = cJSON_IsNumber(item) ? item->valuedouble : 0;
    }
    if (cJSON_GetArraySize(list) != 2 || !(mm[0] > 0 && mm[1] > 0))
        return xr_fail(err, "its source tells no spacing of two numbers");
    if (!(height >= 1 && height <= MAX_SIDE && width >= 1 && width <= MAX_SIDE) ||
        xr_fit_parse(&fit, header->fit, NULL))
        return xr_fail(err, "how its film came to its size is not known");
    if (cJSON_GetArraySize(moved))
        return xr_fail(err, "transforms were applied: the spacing of its film does not "
                            "hold");
    xr_fit_least(sides, &fit, (size_t)width, (size_t)height);
    mask->spacing[0] = mm[0] * height / (double)sides[1];
    mask->spacing[1] = mm[1] * width / (double)sides[0];
    return 0;
}

static int find_group(struct xr_masks *m, struct xr_mask *mask, struct xr_err *err)
{
    const cJSON *row = cJSON_GetObjectItemCaseSensitive(m->record.meta, "row");
    const cJSON *cell = cJSON_GetObjectItemCaseSensitive(row, m->group);

    if (!cell)
        cell = cJSON_GetObjectItemCaseSensitive(m->record.meta, m->group);
    if (cJSON_IsNumber(cell))
        mask->group = xr_sprintf(err, "%.17g", cell->valuedouble);
    else if (cJSON_IsString(cell))
        mask->group = xr_strdup(cell->valuestring, err);
    else
        return xr_fail(err, "it has no column '%s'", m->group);
    return mask->group ? 0 : -1;
}

static int of_record(struct xr_masks *m, struct xr_mask *mask, struct xr_err *err)
{
    const struct xr_member *npy = xr_record_member(&m->record, "mask.npy"),
                           *png = xr_record_member(&m->record, "mask.png");

    mask->key = xr_strdup(m->record.key, err);
    if (!mask->key)
        return -1;
    if (!npy && !png && m->rule.absent)
        return m->group ? find_group(m, mask, err) : 0;
    if (!npy && !png)
        return xr_fail(err, "it has no mask");
    if (npy ? from_npy(mask, npy->data, npy->size, m->rule.threshold, err)
            : from_picture(mask, png->data, png->size, err))
        return -1;
    if (m->rule.spacing && find_spacing(m, mask, err))
        return -1;
    return m->group ? find_group(m, mask, err) : 0;
}

static int next_of_stream(struct xr_masks *m, struct xr_mask *mask, struct xr_err *err)
{
    int got = xr_reader_next(m->reader, &m->record, err);

    if (got == 1 && of_record(m, mask, err)) {
        xr_fail_in(err, "%s: record '%s'", xr_input_name(m->path), m->record.key);
        return -1;
    }
    return got;
}

/* --- both ------------------------------------------------------------------------ */

static int open_stream(struct xr_masks *m, struct xr_err *err)
{
    if (xr_reader_open(&m->reader, m->path, false, err))
        return -1;
    if (xr_reader_header(m->reader)->epochs > 1)
        return xr_fail(err, "%s: a stream of %lld epochs: masks are compared once",
                       xr_input_name(m->path),
                       (long long)xr_reader_header(m->reader)->epochs);
    return 0;
}

int xr_masks_open(struct xr_masks **result, const char *path,
                  const struct xr_masks_rule *rule, struct xr_err *err)
{
    struct xr_masks *m = xr_alloc_array(1, sizeof *m, err);
    struct stat st;
    bool exists = strcmp(path, "-") && stat(path, &st) == 0, single;
    int status;

    *result = NULL;
    if (!m)
        return -1;
    m->rule = *rule;
    m->path = xr_strdup(path, err);
    m->sha = xr_sha256_new(err);
    m->group = rule->group ? xr_strdup(rule->group, err) : NULL;
    single = strcmp(path, "-") && (suffix_of(path) || ends_in(path, ".json"));
    if (!m->path || !m->sha || (rule->group && !m->group))
        status = -1;
    else if ((rule->group || rule->spacing) &&
             ((exists && S_ISDIR(st.st_mode)) || single))
        status =
            xr_fail(err, "%s: files have neither groups nor spacing of their own", path);
    else if (exists && S_ISDIR(st.st_mode))
        status = open_folder(m, err);
    else if (ends_in(path, ".json"))
        status = xr_coco_open(&m->coco, path, m->digest, err);
    else
        status = single ? 0 : open_stream(m, err);
    if (status) {
        xr_masks_close(m);
        return -1;
    }
    *result = m;
    return 0;
}

int xr_masks_next(struct xr_masks *m, struct xr_mask *mask, struct xr_err *err)
{
    xr_mask_free(mask);
    if (m->folder)
        return next_of_folder(m, mask, err);
    if (m->reader)
        return next_of_stream(m, mask, err);
    if (m->coco)
        return next_of_coco(m, mask, err);
    if (m->at++)
        return 0;
    mask->key = xr_strdup("mask", err);
    return mask->key && read_mask(m, mask, m->path, err) == 0 ? 1 : -1;
}

void xr_masks_digest(const struct xr_masks *m, char text[72])
{
    if (m->coco)
        memcpy(text, m->digest, sizeof m->digest);
    else if (m->reader)
        xr_reader_digest(m->reader, text);
    else
        xr_sha256_text(m->sha, text);
}

void xr_masks_close(struct xr_masks *m)
{
    if (!m)
        return;
    for (size_t i = 0; i < m->n; i++)
        free(m->entries[i]);
    free(m->entries);
    xr_sha256_free(m->sha);
    xr_coco_close(m->coco);
    xr_record_free(&m->record);
    xr_reader_close(m->reader);
    free(m->group);
    free(m->path);
    free(m);
}
