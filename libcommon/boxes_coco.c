/* COCO's JSON: one file that annotates many films. */
#include <stdlib.h>
#include <string.h>

#include "boxes.h"
#include "json.h"
#include "rle.h"

struct image {
    const char *name; /* file_name */
    double id;
    const cJSON *json;
};

struct annotation {
    double image;
    size_t place; /* in the file */
    const cJSON *json;
};

struct xr_coco {
    cJSON *json;
    struct image *images; /* by name */
    size_t n_images;
    struct annotation *annotations; /* by image, then as in the file */
    size_t n_annotations;
};

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct image *)a)->name, ((const struct image *)b)->name);
}

static int by_image(const void *a, const void *b)
{
    const struct annotation *x = a, *y = b;

    if (x->image != y->image)
        return x->image < y->image ? -1 : 1;
    return (x->place > y->place) - (x->place < y->place);
}

static const cJSON *list_of(const struct xr_coco *coco, const char *name,
                            struct xr_err *err)
{
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(coco->json, name);

    if (cJSON_IsArray(list))
        return list;
    xr_fail(err, "not COCO: no list \"%s\"", name);
    return NULL;
}

static int read_images(struct xr_coco *coco, struct xr_err *err)
{
    const cJSON *list = list_of(coco, "images", err), *item;

    if (!list)
        return -1;
    coco->images =
        xr_alloc_array((size_t)cJSON_GetArraySize(list), sizeof *coco->images, err);
    if (!coco->images)
        return -1;
    cJSON_ArrayForEach(item, list)
    {
        struct image *image = &coco->images[coco->n_images++];

        image->name = xr_json_text(item, "file_name", NULL);
        image->id = xr_json_number(item, "id", -1);
        image->json = item;
        if (!image->name)
            return xr_fail(err, "image %zu has no file_name", coco->n_images);
    }
    if (coco->n_images)
        qsort(coco->images, coco->n_images, sizeof *coco->images, by_name);
    for (size_t i = 1; i < coco->n_images; i++) {
        if (!strcmp(coco->images[i - 1].name, coco->images[i].name))
            return xr_fail(err, "two images '%s'", coco->images[i].name);
    }
    return 0;
}

static int read_annotations(struct xr_coco *coco, struct xr_err *err)
{
    const cJSON *list = list_of(coco, "annotations", err), *item;

    if (!list)
        return -1;
    coco->annotations =
        xr_alloc_array((size_t)cJSON_GetArraySize(list), sizeof *coco->annotations, err);
    if (!coco->annotations)
        return -1;
    cJSON_ArrayForEach(item, list)
    {
        struct annotation *a = &coco->annotations[coco->n_annotations];

        *a = (struct annotation){xr_json_number(item, "image_id", -1),
                                 coco->n_annotations, item};
        coco->n_annotations++;
    }
    if (coco->n_annotations)
        qsort(coco->annotations, coco->n_annotations, sizeof *coco->annotations,
              by_image);
    return list_of(coco, "categories", err) ? 0 : -1;
}

int xr_coco_open(struct xr_coco **result, const char *path, char digest[XR_SHA256_TEXT],
                 struct xr_err *err)
{
    struct xr_coco *coco = xr_alloc_array(1, sizeof *coco, err);

    *result = NULL;
    if (!coco)
        return -1;
    coco->json = xr_json_read(path, digest, err);
    if (!coco->json || read_images(coco, err) || read_annotations(coco, err)) {
        if (coco->json)
            xr_fail_in(err, "%s", path);
        xr_coco_close(coco);
        return -1;
    }
    *result = coco;
    return 0;
}

static const char *category(const struct xr_coco *coco, double id)
{
    const cJSON *item;

    cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(coco->json, "categories"))
    {
        if (xr_json_number(item, "id", -1) == id)
            return xr_json_text(item, "name", "");
    }
    return "";
}

/* Numbers of a JSON list into v, at most most; how many there are, or -1. */
static int numbers(double *v, const cJSON *list, int most)
{
    const cJSON *item;
    int n = 0;

    cJSON_ArrayForEach(item, list)
    {
        if (!cJSON_IsNumber(item) || n == most)
            return -1;
        v[n++] = item->valuedouble;
    }
    return n;
}

/* The polygons of an annotation; a run-length mask is passed over: its box stays. */
static int add_polygons(struct xr_boxes *b, const cJSON *rings, struct xr_err *err)
{
    const cJSON *ring;

    cJSON_ArrayForEach(ring, rings)
    {
        int room = cJSON_GetArraySize(ring), n;
        double *v = xr_alloc_array((size_t)room + 1, sizeof *v, err);
        int rc;

        if (!v)
            return -1;
        n = numbers(v, ring, room);
        rc = n < 0 || n % 2 ? xr_fail(err, "a polygon that is none")
                            : xr_boxes_ring(b, v, (size_t)n / 2, err);
        free(v);
        if (rc)
            return -1;
    }
    return 0;
}

static int add(struct xr_boxes *b, const struct xr_coco *coco, const cJSON *json,
               struct xr_err *err)
{
    const cJSON *rings = cJSON_GetObjectItemCaseSensitive(json, "segmentation");
    const char *label = category(coco, xr_json_number(json, "category_id", -1));
    double v[4], id = xr_json_number(json, "id", (double)b->n);

    if (!(id >= 0 && id < 9e15))
        return xr_fail(err, "an annotation with the id %.9g", id);
    if (cJSON_IsArray(rings) && cJSON_GetArraySize(rings))
        return xr_boxes_add(b, label, (int64_t)id, false, err) ||
                       add_polygons(b, rings, err)
                   ? -1
                   : 0;
    if (numbers(v, cJSON_GetObjectItemCaseSensitive(json, "bbox"), 4) != 4)
        return xr_fail(err, "annotation %.0f has neither polygon nor bbox", id);
    v[2] += v[0];
    v[3] += v[1];
    return xr_boxes_box(b, label, (int64_t)id, v, err);
}

static const struct image *find_image(const struct xr_coco *coco, const char *path)
{
    struct image wanted = {path, 0, NULL};
    const struct image *found =
        bsearch(&wanted, coco->images, coco->n_images, sizeof wanted, by_name);

    wanted.name = xr_last_part(path);
    return found ? found
                 : bsearch(&wanted, coco->images, coco->n_images, sizeof wanted, by_name);
}

/* The first annotation of an image; those behind it are of it, or of another. */
static size_t first_annotation(const struct xr_coco *coco, const struct image *image)
{
    size_t low = 0, high = coco->n_annotations;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (coco->annotations[middle].image < image->id)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

int xr_coco_boxes(struct xr_boxes *b, const struct xr_coco *coco, const char *path,
                  struct xr_err *err)
{
    const struct image *image = find_image(coco, path);
    size_t low;

    memset(b, 0, sizeof *b);
    if (!image)
        return 0;
    for (low = first_annotation(coco, image);
         low < coco->n_annotations && coco->annotations[low].image == image->id; low++) {
        if (add(b, coco, coco->annotations[low].json, err)) {
            xr_boxes_free(b);
            return xr_fail_in(err, "image '%s'", image->name);
        }
    }
    b->known = true;
    return 0;
}

bool xr_coco_image(const char **name, size_t *height, size_t *width,
                   const struct xr_coco *coco, size_t i)
{
    const char *const names[2] = {"height", "width"};
    size_t sides[2] = {0};

    if (i >= coco->n_images)
        return false;
    for (int k = 0; k < 2; k++) {
        double v = xr_json_number(coco->images[i].json, names[k], 0);

        if (v >= 1 && v <= 65500)
            sides[k] = (size_t)v;
    }
    *name = coco->images[i].name;
    *height = sides[0];
    *width = sides[1];
    return true;
}

int xr_coco_runs(unsigned char *mask, size_t height, size_t width,
                 const struct xr_coco *coco, const char *path, struct xr_err *err)
{
    const struct image *image = find_image(coco, path);

    for (size_t i = image ? first_annotation(coco, image) : coco->n_annotations;
         i < coco->n_annotations && coco->annotations[i].image == image->id; i++) {
        const cJSON *runs =
            cJSON_GetObjectItemCaseSensitive(coco->annotations[i].json, "segmentation");

        if (cJSON_IsObject(runs) && xr_rle_draw(mask, height, width, runs, err))
            return xr_fail_in(err, "image '%s'", image->name);
    }
    return 0;
}

void xr_coco_close(struct xr_coco *coco)
{
    if (!coco)
        return;
    cJSON_Delete(coco->json);
    free(coco->images);
    free(coco->annotations);
    free(coco);
}
