/*
 * What stats_detect.c has matched and stats_detect_eval.c counts. Private to them.
 */
#ifndef XR_STATS_DETECT_INT_H
#define XR_STATS_DETECT_INT_H

#include "stats_detect.h"

#define XR_DETECT_AREAS 4 /* all, small, medium, large */

struct detect_view {
    const struct xr_detect_input *input;
};

/* A finding: bits are thresholds; neither right nor ignored is wrong. */
struct detect_entry {
    double score;
    uint32_t image;
    unsigned char rank; /* in its image and class, from 0 */
    uint16_t right[XR_DETECT_AREAS], ignored[XR_DETECT_AREAS];
};

struct detect_object {
    uint32_t image;
    bool counts[XR_DETECT_AREAS];
};

/* Of FROC. */
struct detect_mark {
    double score;
    uint32_t image;
    bool right, wrong;
};

struct detect_marks {
    struct detect_mark *marks; /* [n] by falling score */
    uint32_t *objects;         /* [n_objects] their images */
    size_t n, n_objects;
};

struct detect_class {
    struct detect_object *objects;
    struct detect_entry *entries; /* by falling score, then image, then rank */
    size_t n_objects, n_entries;
    struct detect_marks marks;
};

struct xr_detect {
    size_t n_images, n_classes, n_rates;
    double *rates;
    struct detect_class *classes; /* [n_classes] */
    struct detect_marks all;      /* of all classes together */
};

#endif
