/* Annotations: any bytes give boxes inside the record, or one line of error. */
#include "boxes.h"
#include "fuzz.h"
#include "json.h"

/* What is seen can be read, and lies inside. */
static void check(const struct xr_boxes *boxes)
{
    cJSON *json = xr_boxes_json(boxes, 64, 48, 0.1, NULL), *box, *number;
    struct xr_boxes again = {0};
    struct xr_buf text = {0};
    struct xr_image mask = {0};

    if (!json || xr_json_line(&text, json, NULL) ||
        xr_boxes_parse(&again, &text, 64, 48, NULL, 0, NULL) ||
        xr_boxes_draw(&mask, boxes, 64, 48, NULL))
        abort();
    cJSON_ArrayForEach(box, cJSON_GetObjectItem(json, "boxes"))
    {
        cJSON_ArrayForEach(number, box)
        {
            if (!(number->valuedouble >= 0 && number->valuedouble <= 64))
                abort();
        }
    }
    xr_image_free(&mask);
    xr_boxes_free(&again);
    xr_buf_free(&text);
    cJSON_Delete(json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char *names[] = {"a", "b"};
    struct xr_err err = {0};
    struct xr_boxes boxes = {0};
    struct xr_coco *coco;
    struct xr_buf text = {0};

    if (xr_buf_put(&text, data, size, &err) == 0 &&
        xr_boxes_parse(&boxes, &text, 64, 48, size % 2 ? names : NULL, size % 2 ? 2 : 0,
                       &err) == 0)
        check(&boxes);
    xr_boxes_free(&boxes);
    xr_buf_free(&text);
    if (xr_coco_open(&coco, fuzz_file(data, size), NULL, &err))
        return 0;
    if (xr_coco_boxes(&boxes, coco, "images/a.png", &err) == 0 && boxes.known)
        check(&boxes);
    xr_boxes_free(&boxes);
    xr_coco_close(coco);
    return 0;
}
