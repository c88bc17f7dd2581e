/* Boxes and polygons on their way from film to record. */
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "prepare.h"

int xr_prepare_boxes_open(struct xr_prepare *run, const char *coco, const char *names,
                          cJSON *inputs, struct xr_err *err)
{
    char digest[XR_SHA256_TEXT];
    size_t n = 1;

    if (coco) {
        if (xr_coco_open(&run->coco, coco, digest, err))
            return -1;
        run->coco_name = coco;
        cJSON_AddStringToObject(inputs, xr_last_part(coco), digest);
    }
    for (const char *p = names; p && *p; p++)
        n += *p == ',';
    run->box_names = xr_alloc_array(n, sizeof *run->box_names, err);
    if (!run->box_names)
        return -1;
    for (const char *p = names; p; run->n_box_names++) {
        size_t len = strcspn(p, ",");
        char *name = xr_sprintf(err, "%.*s", (int)len, p);

        if (!name)
            return -1;
        run->box_names[run->n_box_names] = name;
        p = p[len] ? p + len + 1 : NULL;
    }
    return 0;
}

void xr_prepare_boxes_close(struct xr_prepare *run)
{
    xr_coco_close(run->coco);
    for (size_t i = 0; i < run->n_box_names; i++)
        free(run->box_names[i]);
    free(run->box_names);
    run->coco = NULL;
    run->box_names = NULL;
    run->n_box_names = 0;
}

int xr_prepare_boxes(struct xr_opened *opened, const struct xr_prepare *run, size_t film,
                     struct xr_err *err)
{
    char where[512];

    if (xr_films_boxes(&opened->boxes, run->films, film, opened->width, opened->height,
                       run->box_names, run->n_box_names, err))
        return -1;
    if (!opened->boxes.known && run->coco &&
        xr_coco_boxes(&opened->boxes, run->coco, run->films->films[film].path, err)) {
        xr_films_where(where, sizeof where, run->films, film);
        return xr_fail_in(err, "%s%s", where, run->coco_name);
    }
    if (!run->polygon_mask || !opened->boxes.known || opened->mask.data)
        return 0;
    return xr_boxes_draw(&opened->mask, &opened->boxes, opened->width, opened->height,
                         err);
}

int xr_prepare_boxes_record(struct xr_opened *opened, const struct xr_record *in,
                            struct xr_err *err)
{
    const struct xr_member *member = xr_record_member(in, "boxes.json");
    struct xr_buf text = {0};
    int rc;

    if (!member)
        return 0;
    if (xr_buf_put(&text, member->data, member->size, err))
        return -1;
    rc = xr_boxes_parse(&opened->boxes, &text, opened->image.width, opened->image.height,
                        NULL, 0, err);
    xr_buf_free(&text);
    return rc ? xr_fail_in(err, "its .boxes.json") : 0;
}

int xr_prepare_boxes_put(struct xr_record *record, const struct xr_boxes *boxes,
                         const struct xr_prepare *run, struct xr_err *err)
{
    struct xr_buf buf = {0};
    cJSON *json;
    int rc;

    if (!boxes->known)
        return 0;
    json = xr_boxes_json(boxes, run->width, run->height, run->min_visible, err);
    if (!json)
        return -1;
    rc = xr_json_line(&buf, json, err) || xr_buf_text(&buf, "\n", err);
    cJSON_Delete(json);
    if (rc) {
        xr_buf_free(&buf);
        return -1;
    }
    return xr_record_put(record, "boxes.json", buf.data, buf.size, err);
}
