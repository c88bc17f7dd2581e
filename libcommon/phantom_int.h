/*
 * What the files of the phantom share: a scene of tubes and blobs in millimetres, and a
 * canvas. x to the patient's left as seen from the front, y towards the feet, z to the
 * front.
 */
#ifndef XR_PHANTOM_INT_H
#define XR_PHANTOM_INT_H

#include "phantom.h"
#include "rng.h"

#define PH_STATIONS 8
#define PH_PARTS 96
#define PH_SITES 8
#define PH_TILE 256

/* A cross-section: its centre, half widths across x and z, thickness of its wall (cortex
 * or fat). */
struct ph_station {
    double x, y, z, wx, wz, wall;
};

enum ph_layer {
    PH_BONE,
    PH_SOFT,
    PH_GAS
};
enum {
    PH_PHYSIS_FIRST = 1,
    PH_PHYSIS_LAST = 2
};

/* A tube through n stations with rounded ends, or (n == 1) an ellipsoid whose half height
 * is cap[0]. */
struct ph_part {
    enum ph_layer layer;
    int bone;    /* parts of one bone merge, different bones overlap */
    int segment; /* 1: beyond the joint that bends */
    int physis;  /* ends with a growth plate */
    bool both;   /* in the tables: stands on both sides of the body */
    int n;
    double cap[2]; /* length of the rounded ends, mm */
    double turn;   /* of an ellipsoid in the frontal plane, radians */
    struct ph_station st[PH_STATIONS];
};

/* Where a lesion may lie: between two stations of a tube, as fractions of the station
 * count. */
struct ph_site {
    int part;
    double lo, hi, weight;
};

struct ph_scene {
    int n_parts, n_sites, n_bones;
    struct ph_part part[PH_PARTS];
    struct ph_site site[PH_SITES];
    double pivot_y, pivot_z;   /* of the bending joint */
    double bend[3];            /* largest flexion for each view, radians */
    double field_lo, field_hi; /* long side of the film, mm */
};

/* The patient: everything that all of the patient's films share. */
struct ph_patient {
    int label;
    int age;
    double density, texture; /* of bone */
    double tile_x, tile_y;   /* where this patient's noise lies in the tile */
    int site;                /* index in scene.site */
    double site_t;           /* station coordinate */
    double site_phi, site_r; /* around the axis: angle, fraction of the radius */
    bool left;               /* the side that is imaged */
};

enum ph_kind {
    PH_NONE,
    PH_CYST,       /* geographic lysis, thin sclerotic rim */
    PH_EXPANSILE,  /* the same, blown out, with septa */
    PH_CHONDROID,  /* the same, with popcorn calcification */
    PH_EXOSTOSIS,  /* outgrowth with cortex of its own */
    PH_DENSE,      /* sharp dense island, with or without a nidus */
    PH_PERMEATIVE, /* moth-eaten lysis, broken cortex */
    PH_BLASTIC,    /* clouds of tumour bone */
    PH_MIXED
};

struct ph_lesion {
    enum ph_kind kind;
    double a, b;               /* half axes, mm: along and across the bone */
    double lysis;              /* 0..1 */
    double rim, rim_w;         /* strength; width in mm */
    double edge;               /* softness of the margin, fraction of the radius */
    double wobble;             /* roughness of the outline */
    double grain;              /* size of moth-eaten holes, mm */
    double cloud;              /* strength of tumour bone */
    double sun, onion, codman; /* strengths of periosteal reactions */
    double reach;              /* how far reactions stand off, mm */
    double mass;               /* half width of the soft-tissue mass, mm */
    double side;               /* +1 or -1 in the local frame */
    double phase;
};

/* From millimetres to pixels for one film. */
struct ph_view {
    double ct, st; /* turn about y */
    double cb, sb; /* bend about x of segment 1 */
    double pivot_y, pivot_z;
    double m[2][2], shift[2]; /* the film's plane to pixels */
    double scale;             /* pixels per mm */
};

struct ph_canvas {
    int w, h;
    float *bone;        /* attenuation of bone beyond soft tissue */
    float *soft, *lean; /* half thickness of all soft tissue, of muscle, in mm */
    float *wall, *core; /* scratch: half thickness of one bone's cortex and inside, mm */
    float *add;         /* scratch: attenuation that a lesion adds */
    float *mask;
    float *tmp;
    float *lut; /* scratch profile of one tube, 4 values a step */
    size_t lut_room;
    const float *tile;
};

/* A tube's or an ellipsoid's projection. */
struct ph_flat {
    double x, y;   /* origin: first station, or the centre */
    double ux, uy; /* direction of the axis */
    double length, cap[2];
    int n;
    double u[PH_STATIONS], v[PH_STATIONS], w[PH_STATIONS], d[PH_STATIONS],
        wall[PH_STATIONS];
    /* profile, filled by ph_flat_profile: 4 floats a step: centre, half width, depth,
     * inner width */
    double step, from;
    int steps;
};

struct ph_box {
    int x0, y0, x1, y1;
};

/* phantom_anatomy.c */
int ph_anatomies(void);
const char *ph_anatomy_name(int anatomy);
unsigned ph_anatomy_views(int anatomy); /* bit set of enum xr_phantom_view */
double ph_anatomy_weight(int anatomy);
void ph_build(struct ph_scene *scene, int anatomy, struct xr_rng *rng);
/* Short side by long side of a film, and which way it lies. */
double ph_film_aspect(int anatomy, struct xr_rng *rng, bool *landscape);

/* phantom_draw.c: solids to thickness */
struct ph_station ph_at(const struct ph_part *part, double t);
void ph_project(double out[2], const struct ph_view *view, const struct ph_station *at,
                int segment);
void ph_flatten(struct ph_flat *flat, const struct ph_part *part,
                const struct ph_view *view);
int ph_flat_profile(struct ph_flat *flat, struct ph_canvas *c,
                    struct xr_err *err) XR_MUST_USE;
int ph_add_part(struct ph_canvas *c, const struct ph_part *part,
                const struct ph_view *view, float *outer, float *inner,
                struct ph_box *touched, struct xr_err *err) XR_MUST_USE;
float ph_tile(const float *tile, double x, double y);
void ph_blur(float *data, float *tmp, int w, int h, int radius); /* box, twice */

/* phantom_lesion.c */
/* What the patient's class puts at the site; strengths fall with the difficulty. */
void ph_lesion_draw(struct ph_lesion *lesion, const struct ph_scene *scene,
                    const struct ph_patient *patient, double difficulty,
                    struct xr_rng *rng);
/* Parts that a lesion adds to its bone before that is drawn; the part of an exostosis or
 * -1. */
int ph_lesion_parts(struct ph_scene *scene, const struct ph_lesion *lesion,
                    const struct ph_patient *patient);
/* What it does to the bone that lies in the canvas's wall, core and add; sets the mask.
 */
int ph_lesion_apply(struct ph_canvas *c, const struct ph_scene *scene, int grown,
                    const struct ph_lesion *lesion, const struct ph_patient *patient,
                    const struct ph_view *view, struct xr_err *err) XR_MUST_USE;
/* Growth plates, vascular channels, vague lucencies, bone islands: in every class alike.
 */
int ph_variants_apply(struct ph_canvas *c, const struct ph_scene *scene, int bone,
                      const struct ph_patient *patient, const struct ph_view *view,
                      const struct xr_rng *rng, struct xr_err *err) XR_MUST_USE;

/* phantom_film.c */
/* How the three centres expose and print; drawn for one film. */
struct ph_film {
    double blur, scatter, noise, low, high, gamma, sharpen, floor, tilt[2];
    double shutter[4], shutter_turn,
        outside; /* collimation: inset of each side, fraction */
};
void ph_film_draw(struct ph_film *film, int center, struct xr_rng *rng);
/* The canvas's attenuation in c->bone (mm^-1 mm, soft tissue included) to 8 bit. */
void ph_film_print(uint8_t *out, struct ph_canvas *c, const struct ph_film *film,
                   bool left, struct xr_rng *noise, struct xr_rng *marks);

#endif
