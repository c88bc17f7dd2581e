/* Transforms that hide parts of a film, or lay over it what lies over real ones. The mask
 * is left as it is: the lesion is where it was. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "transform.h"

#define MAX_HOLES 1000

/* Boxes as they are said; those of a replay must be whole and inside. */
static int say_boxes(struct xr_job *job, size_t (*boxes)[4], size_t n)
{
    const struct xr_image *image = job->film->image;
    double *v = xr_alloc_array(n, 4 * sizeof *v, job->err);
    const cJSON *list, *box;
    size_t i = 0;

    if (!v)
        return -1;
    list = job->again ? cJSON_GetObjectItemCaseSensitive(job->again, "boxes") : NULL;
    cJSON_ArrayForEach(box, list)
    {
        for (int k = 0; k < 4 && i < n; k++) {
            const cJSON *at = cJSON_GetArrayItem(box, k);
            double side = (double)(k % 2 ? image->height : image->width);

            v[k] = cJSON_IsNumber(at) ? at->valuedouble : -1;
            if (!(v[k] >= 0 && v[k] <= side) || v[k] != floor(v[k])) {
                free(v);
                return xr_fail(job->err, "%s: 'boxes' are not inside the film",
                               job->step->transform->name);
            }
            boxes[i][k] = (size_t)v[k];
        }
        i++;
    }
    if (job->said) {
        cJSON *said = cJSON_AddArrayToObject(job->said, "boxes");

        for (i = 0; i < n; i++) {
            for (int k = 0; k < 4; k++)
                v[k] = (double)boxes[i][k];
            cJSON_AddItemToArray(said, cJSON_CreateDoubleArray(v, 4));
        }
    }
    free(v);
    return 0;
}

/* As many as are written down, in a replay. */
static size_t count_boxes(struct xr_job *job, size_t n)
{
    if (job->again)
        n = (size_t)cJSON_GetArraySize(
            cJSON_GetObjectItemCaseSensitive(job->again, "boxes"));
    return n;
}

static int do_coarse_dropout(struct xr_job *job)
{
    struct xr_image *image = job->film->image;
    size_t n = count_boxes(job, (size_t)xr_job_draw(job, 0)), w = image->width,
           h = image->height;
    size_t(*boxes)[4] = xr_alloc_array(n, sizeof *boxes, job->err);
    double fill = xr_job_value(job, 3);
    int rc;

    if (!boxes)
        return -1;
    for (size_t i = 0; i < n && !job->again; i++) {
        size_t bh = (size_t)(xr_job_draw(job, 1) * (double)h + 0.5);
        size_t bw = (size_t)(xr_job_draw(job, 2) * (double)w + 0.5);

        bh = bh < 1 ? 1 : bh;
        bw = bw < 1 ? 1 : bw;
        boxes[i][0] = (size_t)xr_rng_below(&job->rng, w - bw + 1);
        boxes[i][1] = (size_t)xr_rng_below(&job->rng, h - bh + 1);
        boxes[i][2] = boxes[i][0] + bw;
        boxes[i][3] = boxes[i][1] + bh;
    }
    rc = say_boxes(job, boxes, n);
    for (size_t i = 0; rc == 0 && i < n; i++)
        if (boxes[i][2] < boxes[i][0] || boxes[i][3] < boxes[i][1])
            rc = xr_fail(job->err, "coarse_dropout: a box ends before it begins");
    if (rc == 0)
        xr_fill_boxes(image, (const size_t(*)[4])boxes, n, (uint8_t)fill);
    free(boxes);
    return rc;
}

const struct xr_transform xr_transforms_occlusion[] = {
    {"coarse_dropout",
     do_coarse_dropout,
     {{"holes", XR_WHOLE, 1, 4, 1, 1000, NULL},
      {"height", XR_PLAIN, 0.05, 0.15, 0, 1, NULL},
      {"width", XR_PLAIN, 0.05, 0.15, 0, 1, NULL},
      {"fill", XR_WHOLE, 0, 0, 0, 255, NULL}},
     .p = 0.5},
    {0},
};
