/*
 * Phantom radiographs: bones, soft tissue, lesions and films made of random numbers, with
 * masks. A stand-in for patients in tests and demonstrations; nothing in it comes from a
 * patient.
 */
#ifndef XR_PHANTOM_H
#define XR_PHANTOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "image.h"

#define XR_PHANTOM_MAX_IMAGES 999999 /* the six digits of an image id */
#define XR_PHANTOM_MIN_SIZE 32
#define XR_PHANTOM_MAX_SIZE 4096

enum xr_phantom_class {
    XR_PHANTOM_NORMAL,
    XR_PHANTOM_BENIGN,
    XR_PHANTOM_MALIGNANT
};
enum xr_phantom_view {
    XR_PHANTOM_FRONTAL,
    XR_PHANTOM_LATERAL,
    XR_PHANTOM_OBLIQUE
};

const char *xr_phantom_class_name(int label);     /* normal, benign, malignant */
const char *xr_phantom_view_name(int view);       /* frontal, lateral, oblique */
const char *xr_phantom_anatomy_name(int anatomy); /* knee, tibia, femur, ... */
int xr_phantom_n_anatomies(void);

/* What a set of phantoms is made from; a plain value. */
struct xr_phantom_config {
    int64_t images;  /* exactly so many, 1..XR_PHANTOM_MAX_IMAGES */
    int64_t size;    /* longest side in pixels */
    bool square;     /* all images size x size; else sizes vary as films do */
    double ratio[3]; /* classes: normal, benign, malignant; not all 0 */
    int64_t patient_lo, patient_hi; /* images of one patient, 1..8 */
    double difficulty;              /* 0 (plain) to 1 (faint) */
    uint64_t seed;
};

/* The class ratio is BTXRD's (Yao et al., Scientific Data 2025). */
#define XR_PHANTOM_DEFAULT                                                               \
    {                                                                                    \
        .images = 1000, .size = 256, .ratio = {1879, 1525, 342}, .patient_lo = 1,        \
        .patient_hi = 4, .difficulty = 0.5                                               \
    }

/* One image of the plan: all that is known before it is drawn. */
struct xr_phantom_case {
    uint32_t patient; /* from 1 */
    uint8_t nth;      /* of this patient's images, from 0 */
    uint8_t label, anatomy, view;
    uint8_t center; /* 1..3: exposure, noise and film of that place */
    uint8_t age;    /* years */
    char gender;    /* F or M */
    uint16_t width, height;
};

/* A settled configuration and what all images share. Read-only once open: threads share
 * it. */
struct xr_phantom;

/* Checks the configuration (usage errors), then plans every image: class counts by
 * largest remainder, patients of each class, their order shuffled. Nothing but lesions
 * depends on the class. */
int xr_phantom_open(struct xr_phantom **phantom, const struct xr_phantom_config *config,
                    struct xr_err *err) XR_MUST_USE;
void xr_phantom_close(struct xr_phantom *phantom);

size_t xr_phantom_count(const struct xr_phantom *phantom); /* images */
/* Image i of the plan, 0 <= i < config.images; neighbours share a patient. */
const struct xr_phantom_case *xr_phantom_case(const struct xr_phantom *phantom, size_t i);

/*
 * Draw image i: 8-bit gray, and its lesion mask (0 or 255; all 0 for a normal). Both are
 * allocated here and freed by the caller with xr_image_free. The pixels depend on the
 * configuration and i alone.
 */
int xr_phantom_draw(struct xr_image *image, struct xr_image *mask,
                    const struct xr_phantom *phantom, size_t i,
                    struct xr_err *err) XR_MUST_USE;

/* A box of pixels; x1 and y1 are exclusive. area counts its component's pixels. */
struct xr_phantom_box {
    uint32_t x0, y0, x1, y1, area;
};

/* The 8-connected components of a mask, as boxes in scan order, at most `room` of them;
 * returns how many, -1 on failure. */
int xr_phantom_boxes(struct xr_phantom_box *boxes, int room, const struct xr_image *mask,
                     struct xr_err *err) XR_MUST_USE;

#define XR_PHANTOM_MAX_BOXES 16

/* How a set is written to a folder. */
struct xr_phantom_files {
    const char *dir; /* made if absent, with its parent present */
    bool png;        /* images as PNG instead of JPEG */
    bool force;   /* write into a folder that holds a set; its images are removed first */
    int64_t jobs; /* threads, at least 1 */
    void (*progress)(void *user, uint64_t done,
                     uint64_t total); /* may be NULL; one call at a time */
    void *user;
};

/*
 * images/IMGnnnnnn.jpg, masks/IMGnnnnnn.png (lesions only), boxes.csv, and, last of all,
 * dataset.csv, which is complete or absent. The same bytes for any number of jobs.
 */
int xr_phantom_write(const struct xr_phantom *phantom,
                     const struct xr_phantom_files *files,
                     struct xr_err *err) XR_MUST_USE;

#endif
