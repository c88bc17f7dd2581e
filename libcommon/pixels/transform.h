/*
 * What transforms are made of; private to libcommon/pixels/. A new transform is a row in
 * the table of one of the transform_*.c beside its function, a line in xr-augment(1), and
 * a test.
 */
#ifndef XR_TRANSFORM_H
#define XR_TRANSFORM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cjson/cJSON.h>

#include "augment.h"
#include "pixels.h"
#include "rng.h"

#define XR_PARAMS 8  /* of a transform */
#define XR_DEPTH 8   /* of transforms in transforms */
#define XR_STEPS 256 /* of a chain, all in all */

enum xr_param_kind {
    XR_REAL,   /* v is v, lo:hi is drawn between */
    XR_AROUND, /* v is -v:v */
    XR_WHOLE,  /* whole numbers, both ends included */
    XR_FIXED,  /* one whole number, never drawn */
    XR_WORD,   /* one of words; its index */
    XR_FILE,   /* a path */
};

struct xr_param {
    const char *name;
    enum xr_param_kind kind;
    double lo, hi;     /* the default */
    double min, max;   /* what may be asked for */
    const char *words; /* XR_WORD: "black|reflect" */
};

#define XR_BORDER_PARAM                                                                  \
    {                                                                                    \
        "border", XR_WORD, 0, 0, 0, 1, "black|reflect"                                   \
    }

struct xr_transform;

/* A transform of a chain, with its settings; read-only once made. */
struct xr_step {
    const struct xr_transform *transform;
    double p, lo[XR_PARAMS], hi[XR_PARAMS];
    char *file;       /* of its XR_FILE; NULL: none given */
    void *loaded;     /* what xr_transform.load made of it; freed with free() */
    char place[48];   /* in the chain: "2", inside it "2.0" ... */
    char purpose[80]; /* of its random numbers: name and place */
    struct xr_step *inner;
    size_t n_inner;
};

/* For which film random numbers are, and where it is written what they were. */
struct xr_draw {
    uint64_t seed, epoch;
    const char *key;
    cJSON *applied; /* a list; NULL: nobody asks */
};

/* One transform at work on one film. */
struct xr_job {
    const struct xr_subject *film;
    const struct xr_step *step;
    const struct xr_draw *draw;
    struct xr_rng rng;
    const cJSON *again; /* replay: what was said then; nothing is drawn */
    cJSON *said;        /* what is drawn; NULL: nobody asks */
    bool failed;        /* what is replayed does not hold all of it: *err is set */
    struct xr_err *err;
};

enum {
    XR_INNER = 1,   /* applies others; nothing is written down for itself */
    XR_HOLDS = 2,   /* those that the text names */
    XR_SQUARE = 4,  /* of square films only */
    XR_ONLY8 = 8,   /* not of 16 bits */
    XR_GRAY16 = 16, /* of 16 bits gray only */
};

struct xr_transform {
    const char *name;
    int (*apply)(struct xr_job *job);
    struct xr_param params[XR_PARAMS]; /* ended by a NULL name */
    int flags;
    double p; /* the default */
    /* what comes out of films of that size; NULL: the same size */
    void (*size)(const struct xr_step *step, size_t *height, size_t *width);
    int (*load)(struct xr_step *step, struct xr_err *err); /* after parsing; or NULL */
};

/* The tables, each ended by a NULL name. */
extern const struct xr_transform xr_transforms_geometry[], xr_transforms_distortion[],
    xr_transforms_size[], xr_transforms_intensity[], xr_transforms_filter[],
    xr_transforms_noise[], xr_transforms_occlusion[], xr_transforms_inner[];

/* Row i of all tables, NULL behind the last; the row of that name, or NULL. */
const struct xr_transform *xr_transform_at(size_t i);
const struct xr_transform *xr_transform_named(const char *name);
int xr_transform_n_params(const struct xr_transform *transform);
/* Row with defaults. */
void xr_step_init(struct xr_step *step, const struct xr_transform *transform);
/* The word of a XR_WORD parameter (not ended by NUL), its length; index of a word, or -1
 */
size_t xr_word_at(const char **word, const char *words, size_t i);
int xr_word_index(const char *words, const char *word);

/* --- for the functions of transforms -------------------------------------------------
 */

/* A value of parameter i in its range, not yet written down. In a replay: its least. */
double xr_job_draw(struct xr_job *job, int i);
/* v as it is settled and written down under `name`; in a replay v is what was written,
 * which must be from min to max. */
double xr_job_say(struct xr_job *job, const char *name, double v, double min, double max);
int xr_job_say_list(struct xr_job *job, const char *name, double *v, size_t n, double min,
                    double max);
/* Both, under the parameter's own name. */
double xr_job_value(struct xr_job *job, int i);
/* The word of parameter i, written down: its index. The second for a word that is drawn.
 */
int xr_job_word(struct xr_job *job, int i);
int xr_job_say_word(struct xr_job *job, int i, int index);
/* Random numbers for a whole field, written down by their seed. xr_rng_fill gives what n
 * calls of xr_rng_u32 would, from the beginning of a block on, sooner. */
void xr_job_field(struct xr_job *job, struct xr_rng *rng);
void xr_rng_fill(struct xr_rng *rng, uint32_t *out, size_t n);

/* Is an even number below p? Draws one in any case. */
bool xr_job_chance(struct xr_job *job, double p);

/* Apply a step to the film of a job, drawing anew: inner transforms. surely: whatever its
 * p. */
int xr_job_inner(struct xr_job *job, const struct xr_step *step, bool surely) XR_MUST_USE;

/* Move all of a film along a map. forward: the same as a matrix [3][3], input to output;
 * NULL: it has none. */
int xr_job_follow(struct xr_job *job, const struct xr_map *map, const double forward[9],
                  enum xr_border border) XR_MUST_USE;
/* The points alone along a matrix, input to output. */
void xr_move_points(const struct xr_subject *film, const double m[9]);

/* Levels of 8 bits as levels of the image. */
static inline double xr_levels(const struct xr_image *image, double of8)
{
    return image->depth == 16 ? 257 * of8 : of8;
}

#endif
