/*
 * Boxes and polygons on a film: read from LabelMe JSON, YOLO text, COCO JSON or
 * KEY.boxes.json, moved with the film, clipped to the record, drawn as a mask.
 */
#ifndef XR_BOXES_H
#define XR_BOXES_H

#include <stdbool.h>

#include <cjson/cJSON.h>

#include "image.h"
#include "io.h"

/* One thing that somebody has marked. */
struct xr_object {
    char *label;
    int64_t id;
    bool box; /* its only ring is the rim of a box, not a polygon somebody drew */
};

/* A closed line of points, of an object. */
struct xr_ring {
    size_t object, first, n;
};

/*
 * Objects, rings in the order of objects, points x, y. Coordinates are those of struct
 * xr_subject: the centre of the first pixel is 0, 0, its edge -0.5. {0} is empty.
 */
struct xr_boxes {
    struct xr_object *objects;
    size_t n;
    struct xr_ring *rings;
    size_t n_rings;
    float *points;
    size_t n_points, room;
    bool known; /* somebody has looked: no object means that there is none */
};

void xr_boxes_free(struct xr_boxes *boxes);

/* Another object; its rings follow. Caps: 10,000 objects, 100,000 points a film. */
int xr_boxes_add(struct xr_boxes *boxes, const char *label, int64_t id, bool box,
                 struct xr_err *err) XR_MUST_USE;
/* A ring of the last object: n points in pixels from the corner of the film (edges). */
int xr_boxes_ring(struct xr_boxes *boxes, const double *edges, size_t n,
                  struct xr_err *err) XR_MUST_USE;
/* An object that is a box, edges x0 < x1, y0 < y1 in pixels from the corner. */
int xr_boxes_box(struct xr_boxes *boxes, const char *label, int64_t id,
                 const double edges[4], struct xr_err *err) XR_MUST_USE;

/*
 * The annotation of a film of that size, from text: LabelMe's or our own JSON (an object
 * with "shapes" or "boxes"), else YOLO's lines "CLASS X Y W H" or "CLASS X Y X Y ...",
 * shares of the sides. names[n_names]: of YOLO's classes; without, their numbers. Points
 * and lines of LabelMe, which have no area, are passed over; a rectangle and a polygon of
 * one label, whose sides differ by no more than a tenth or a pixel, are one object.
 */
int xr_boxes_parse(struct xr_boxes *boxes, const struct xr_buf *text, size_t width,
                   size_t height, char *const *names, size_t n_names,
                   struct xr_err *err) XR_MUST_USE;

/* COCO: one file for many films. Read-only once opened: threads may share it. */
struct xr_coco;
int xr_coco_open(struct xr_coco **coco, const char *path, char digest[XR_SHA256_TEXT],
                 struct xr_err *err) XR_MUST_USE;
/* Of the film with this path, as file_name has it, or by its last part. A film that is
 * not among the images leaves boxes->known false. */
int xr_coco_boxes(struct xr_boxes *boxes, const struct xr_coco *coco, const char *path,
                  struct xr_err *err) XR_MUST_USE;
/* Image i, in the order of names; false: there are not so many. height, width: 0 where
 * the file does not say them. */
bool xr_coco_image(const char **name, size_t *height, size_t *width,
                   const struct xr_coco *coco, size_t i);
/* Switch on (1), in mask [height][width], the pixels of the run-length masks of that
 * film. */
int xr_coco_runs(unsigned char *mask, size_t height, size_t width,
                 const struct xr_coco *coco, const char *path,
                 struct xr_err *err) XR_MUST_USE;
void xr_coco_close(struct xr_coco *coco);

/*
 * {"classes", "boxes": [[x0,y0,x1,y1]], "ids", "polygons"} of what can be seen of a
 * record of that size, in pixels from its corner, x1 and y1 exclusive, to 0.01 pixels;
 * polygons: for each object a list of [x,y,x,y ...], empty for boxes. Clipped to the
 * record; left out where less than min_visible of the area of its box is inside.
 */
cJSON *xr_boxes_json(const struct xr_boxes *boxes, size_t width, size_t height,
                     double min_visible, struct xr_err *err);

/*
 * Polygons filled with 255 on 0, as LabelMe (Pillow) draws them: coordinates are cut to
 * whole numbers and are then the centres of pixels, the rim belongs to it. One channel;
 * boxes are not drawn.
 */
int xr_boxes_draw(struct xr_image *mask, const struct xr_boxes *boxes, size_t width,
                  size_t height, struct xr_err *err) XR_MUST_USE;

#endif
