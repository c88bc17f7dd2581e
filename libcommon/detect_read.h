/*
 * Boxes to measure a detector with, from CSV or COCO's JSON, by case and class.
 */
#ifndef XR_DETECT_READ_H
#define XR_DETECT_READ_H

#include "cases.h"
#include "stats_detect.h"

/* {0} is empty; owned: xr_detect_data_free. */
struct xr_detect_data {
    struct xr_cases cases; /* may be of a table before anything is read */
    struct xr_texts classes;
    struct xr_truth_box *truth;
    struct xr_found_box *found;
    size_t n_truth, n_found, room_truth, room_found;
    size_t n_left_out; /* boxes of cases that are of another split of the table */
    char digest[2][XR_SHA256_TEXT]; /* of what was read: truth, prediction */
    bool all_images; /* the cases are all there are, not those with boxes */
    struct xr_coco_ids {
        double id;
        uint32_t number;
    } * images, *categories; /* of COCO's JSON, by id */
    size_t n_images, n_categories;
};

/*
 * The truth, then the predictions ("-": standard input). A file whose first byte is { or
 * [ is COCO's JSON: an object with images, categories and annotations (of predictions
 * with score), or, of predictions whose truth is such an object, a list of results
 * {image_id, category_id, bbox, score}. Else it is a table (xr-csv(5)) with the columns
 * key, or image, or path (the last part less its suffix is the key); class or label; x1,
 * y1, x2, y2 in pixels; of predictions score. A row without coordinates names an image
 * without boxes. Refused, with file and line: x2 < x1, a number that is none, an image or
 * a category that the truth does not know.
 *
 *   one_class  NULL, or the name of the one class that all boxes are then of
 */
int xr_detect_read(struct xr_detect_data *data, const char *truth, const char *prediction,
                   const char *one_class, struct xr_err *err) XR_MUST_USE;
void xr_detect_data_free(struct xr_detect_data *data);

/* Leave out findings that overlap one of higher score, of the same image and class, by
 * more than threshold (xr_nms). */
int xr_detect_suppress(struct xr_detect_data *data, double threshold,
                       struct xr_err *err) XR_MUST_USE;

#endif
