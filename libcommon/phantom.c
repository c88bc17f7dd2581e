/* The plan of a set of phantoms, and one image of it from the patient to the film. */
#include "phantom.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "phantom_int.h"

#define MU_BONE 0.048f /* per mm, beyond soft tissue */
#define MU_SPONGE 0.013f
#define MU_LEAN 0.0205f
#define MU_FAT 0.0165f
#define PI 3.14159265358979323846

struct xr_phantom {
    struct xr_phantom_config config;
    struct xr_phantom_case *cases;
    float tile[PH_TILE * PH_TILE];
};

const char *xr_phantom_class_name(int label)
{
    static const char *const names[] = {"normal", "benign", "malignant"};

    return names[label];
}

const char *xr_phantom_view_name(int view)
{
    static const char *const names[] = {"frontal", "lateral", "oblique"};

    return names[view];
}

const char *xr_phantom_anatomy_name(int anatomy)
{
    return ph_anatomy_name(anatomy);
}

int xr_phantom_n_anatomies(void)
{
    return ph_anatomies();
}

/* --- the plan
 * ------------------------------------------------------------------------------- */

static int check(const struct xr_phantom_config *c, struct xr_err *err)
{
    double sum = 0;

    if (c->images < 1 || c->images > XR_PHANTOM_MAX_IMAGES)
        return xr_fail_usage(err, "images: not a number from 1 to %d",
                             XR_PHANTOM_MAX_IMAGES);
    if (c->size < XR_PHANTOM_MIN_SIZE || c->size > XR_PHANTOM_MAX_SIZE)
        return xr_fail_usage(err, "size: not a number from %d to %d", XR_PHANTOM_MIN_SIZE,
                             XR_PHANTOM_MAX_SIZE);
    if (c->patient_lo < 1 || c->patient_hi < c->patient_lo || c->patient_hi > 8)
        return xr_fail_usage(err, "images per patient: not a range within 1:8");
    if (!(c->difficulty >= 0 && c->difficulty <= 1))
        return xr_fail_usage(err, "difficulty: not a number from 0 to 1");
    for (int i = 0; i < 3; i++) {
        if (!(c->ratio[i] >= 0 && c->ratio[i] <= 1e9))
            return xr_fail_usage(err, "ratio: not three numbers from 0 to 1e9");
        sum += c->ratio[i];
    }
    if (!(sum > 0))
        return xr_fail_usage(err, "ratio: at least one class must have a share");
    return 0;
}

/* Images of each class: largest remainder; of equal remainders the first class wins. */
static void class_counts(int64_t count[3], const struct xr_phantom_config *c)
{
    double sum = c->ratio[0] + c->ratio[1] + c->ratio[2], rest[3];
    int64_t given = 0;

    for (int i = 0; i < 3; i++) {
        double share = (double)c->images * c->ratio[i] / sum;

        count[i] = (int64_t)floor(share);
        rest[i] = share - (double)count[i];
        given += count[i];
    }
    while (given < c->images) {
        int best = -1;

        for (int i = 0; i < 3; i++) {
            if (c->ratio[i] > 0 && (best < 0 || rest[i] > rest[best] + 1e-9))
                best = i;
        }
        count[best]++;
        rest[best] -= 1;
        given++;
    }
}

static void key_of(char key[16], uint32_t patient)
{
    snprintf(key, 16, "P%06u", (unsigned)patient);
}

/* What is known of a patient without a drawing; the class has no part in it. */
static void meet(struct xr_phantom_case *c, uint64_t seed)
{
    static const double centers[] = {2938, 549, 259}; /* BTXRD's */
    struct xr_rng rng;
    double sum = 0, at;
    char key[16];
    int a = 0;

    key_of(key, c->patient);
    xr_rng_init(&rng, seed, 0, key, "phantom patient");
    for (int i = 0; i < ph_anatomies(); i++)
        sum += ph_anatomy_weight(i);
    at = xr_rng_uniform(&rng) * sum;
    while (a < ph_anatomies() - 1 && at >= ph_anatomy_weight(a))
        at -= ph_anatomy_weight(a++);
    c->anatomy = (uint8_t)a;
    at = xr_rng_uniform(&rng) * (centers[0] + centers[1] + centers[2]);
    c->center = at < centers[0] ? 1 : at < centers[0] + centers[1] ? 2 : 3;
    c->gender = xr_rng_uniform(&rng) < 0.55 ? 'M' : 'F';
    at = xr_rng_uniform(&rng);
    c->age =
        (uint8_t)(at < 0.4 ? xr_rng_between(&rng, 5, 22) : xr_rng_between(&rng, 18, 85));
}

/* The projection and the film's sides of one image. */
static void pose(struct xr_phantom_case *c, const struct xr_phantom_config *config)
{
    unsigned allowed = ph_anatomy_views(c->anatomy);
    size_t order[3], n = 0;
    struct xr_rng rng;
    double aspect, longer = (double)config->size;
    bool landscape;
    char key[16];

    key_of(key, c->patient);
    for (size_t v = 0; v < 3; v++) {
        if (allowed & 1u << v)
            order[n++] = v;
    }
    xr_rng_init(&rng, config->seed, 0, key, "phantom views");
    xr_rng_shuffle(&rng, order, n);
    if (c->nth == 0 ||
        order[0] != XR_PHANTOM_FRONTAL) { /* the frontal film is the usual one */
        for (size_t i = 1; i < n && xr_rng_uniform(&rng) < 0.5; i++) {
            if (order[i] == XR_PHANTOM_FRONTAL) {
                order[i] = order[0];
                order[0] = XR_PHANTOM_FRONTAL;
            }
        }
    }
    c->view = (uint8_t)order[c->nth % n];
    xr_rng_init(&rng, config->seed, c->nth, key, "phantom sides");
    aspect = ph_film_aspect(c->anatomy, &rng, &landscape);
    longer *= xr_rng_between(&rng, 0.8, 1.0);
    if (config->square) {
        c->width = c->height = (uint16_t)config->size;
    } else {
        uint16_t a = (uint16_t)lround(longer), b = (uint16_t)lround(longer * aspect);

        b = b < XR_PHANTOM_MIN_SIZE / 2 ? XR_PHANTOM_MIN_SIZE / 2 : b;
        c->width = landscape ? a : b;
        c->height = landscape ? b : a;
    }
}

/* Patients of one class after another, then their order is shuffled and they are
 * numbered. */
static int plan(struct xr_phantom *p, struct xr_err *err)
{
    const struct xr_phantom_config *c = &p->config;
    size_t n = (size_t)c->images, n_patients = 0, *order = NULL, at = 0;
    struct {
        uint8_t label, images;
    } *patients = NULL;
    int64_t count[3];
    struct xr_rng rng;
    int rc = -1;

    p->cases = xr_alloc_array(n, sizeof *p->cases, err);
    patients = xr_alloc_array(n, sizeof *patients, err);
    order = xr_alloc_array(n, sizeof *order, err);
    if (!p->cases || !patients || !order)
        goto done;
    class_counts(count, c);
    xr_rng_init(&rng, c->seed, 0, "", "phantom plan");
    for (int label = 0; label < 3; label++) {
        while (count[label] > 0) {
            int64_t k =
                c->patient_lo + (int64_t)xr_rng_below(
                                    &rng, (uint64_t)(c->patient_hi - c->patient_lo + 1));

            k = k < count[label] ? k : count[label];
            order[n_patients] = n_patients;
            patients[n_patients].label = (uint8_t)label;
            patients[n_patients++].images = (uint8_t)k;
            count[label] -= k;
        }
    }
    xr_rng_shuffle(&rng, order, n_patients);
    for (size_t i = 0; i < n_patients; i++) {
        for (int k = 0; k < patients[order[i]].images; k++) {
            struct xr_phantom_case *q = &p->cases[at++];

            q->patient = (uint32_t)(i + 1);
            q->nth = (uint8_t)k;
            q->label = patients[order[i]].label;
            meet(q, c->seed);
            pose(q, c);
        }
    }
    rc = 0;
done:
    free(order);
    free(patients);
    return rc;
}

/* Smooth periodic noise, mean 0, deviation 1. */
static void weave(float *tile, uint64_t seed)
{
    double sum = 0, square = 0;
    size_t n = (size_t)PH_TILE * PH_TILE;
    struct xr_rng rng;

    xr_rng_init(&rng, seed, 0, "", "phantom tile");
    for (size_t i = 0; i < n; i++)
        tile[i] = (float)xr_rng_normal(&rng);
    for (size_t i = 0; i < n; i++) {
        sum += tile[i];
        square += (double)tile[i] * tile[i];
    }
    sum /= (double)n;
    square = sqrt(square / (double)n - sum * sum);
    for (size_t i = 0; i < n; i++)
        tile[i] = (float)((tile[i] - sum) / square);
}

int xr_phantom_open(struct xr_phantom **out, const struct xr_phantom_config *config,
                    struct xr_err *err)
{
    struct xr_phantom *p;

    *out = NULL;
    if (check(config, err))
        return -1;
    p = xr_alloc_array(1, sizeof *p, err);
    if (!p)
        return -1;
    p->config = *config;
    weave(p->tile, config->seed);
    if (plan(p, err)) {
        xr_phantom_close(p);
        return -1;
    }
    *out = p;
    return 0;
}

void xr_phantom_close(struct xr_phantom *p)
{
    if (p)
        free(p->cases);
    free(p);
}

size_t xr_phantom_count(const struct xr_phantom *p)
{
    return (size_t)p->config.images;
}

const struct xr_phantom_case *xr_phantom_case(const struct xr_phantom *p, size_t i)
{
    return &p->cases[i];
}

/* --- one image
 * -------------------------------------------------------------------------------- */

static int canvas_open(struct ph_canvas *c, int w, int h, const float *tile,
                       struct xr_err *err)
{
    size_t n = (size_t)w * h;
    float *all = xr_alloc_array(8 * n, sizeof *all, err);

    memset(c, 0, sizeof *c);
    if (!all)
        return -1;
    c->w = w;
    c->h = h;
    c->bone = all;
    c->soft = all + n;
    c->lean = all + 2 * n;
    c->wall = all + 3 * n;
    c->core = all + 4 * n;
    c->add = all + 5 * n;
    c->mask = all + 6 * n;
    c->tmp = all + 7 * n;
    c->tile = tile;
    return 0;
}

static void canvas_close(struct ph_canvas *c)
{
    free(c->bone);
    free(c->lut);
}

/* Where the patient's lesion lies or would lie: the same draw for every class. */
static void patient_draw(struct ph_patient *p, const struct xr_phantom_case *c,
                         const struct ph_scene *s, struct xr_rng *rng)
{
    double sum = 0, at;

    memset(p, 0, sizeof *p);
    p->label = c->label;
    p->age = c->age;
    p->density = xr_rng_between(rng, 0.8, 1.2) * (c->age > 60 ? 0.88 : 1);
    p->texture = xr_rng_between(rng, 0.07, 0.2);
    p->tile_x = xr_rng_between(rng, 0, PH_TILE);
    p->tile_y = xr_rng_between(rng, 0, PH_TILE);
    for (int i = 0; i < s->n_sites; i++)
        sum += s->site[i].weight;
    at = xr_rng_uniform(rng) * sum;
    while (p->site < s->n_sites - 1 && at >= s->site[p->site].weight)
        at -= s->site[p->site++].weight;
    p->site_t = xr_rng_between(rng, s->site[p->site].lo, s->site[p->site].hi);
    /* mostly towards one side as the frontal film sees it */
    p->site_phi = 0.5 * xr_rng_normal(rng) + (xr_rng_uniform(rng) < 0.5 ? PI : 0);
    p->site_r = xr_rng_between(rng, 0, 0.45);
    p->left = xr_rng_uniform(rng) < 0.5;
}

static void view_draw(struct ph_view *v, const struct xr_phantom_case *c,
                      const struct ph_scene *s, const struct ph_patient *p,
                      double difficulty, struct xr_rng *rng)
{
    static const double degrees[] = {0, 90, 42};
    double turn = degrees[c->view] + 6 * xr_rng_normal(rng), bend, tilt, field, xy[2];
    double longer = c->width > c->height ? c->width : c->height, flip = p->left ? 1 : -1;
    struct ph_station at = ph_at(&s->part[s->site[p->site].part], p->site_t);

    if (c->view == XR_PHANTOM_OBLIQUE && xr_rng_uniform(rng) < 0.5)
        turn = -turn;
    turn *= PI / 180;
    bend = s->bend[c->view] * xr_rng_uniform(rng);
    tilt = (xr_rng_uniform(rng) < 0.85 ? 5 : 18) * xr_rng_normal(rng) * (PI / 180);
    field = xr_rng_between(rng, s->field_lo, s->field_hi) *
            (0.4 + 0.35 * difficulty * difficulty);
    v->ct = cos(turn);
    v->st = sin(turn);
    v->cb = cos(bend);
    v->sb = sin(bend);
    v->pivot_y = s->pivot_y;
    v->pivot_z = s->pivot_z;
    v->scale = longer / field;
    v->m[0][0] = flip * v->scale * cos(tilt);
    v->m[0][1] = -v->scale * sin(tilt);
    v->m[1][0] = flip * v->scale * sin(tilt);
    v->m[1][1] = v->scale * cos(tilt);
    v->shift[0] = v->shift[1] = 0;
    ph_project(xy, v, &at, s->part[s->site[p->site].part].segment);
    v->shift[0] = c->width * xr_rng_between(rng, 0.33, 0.67) - xy[0];
    v->shift[1] = c->height * xr_rng_between(rng, 0.27, 0.73) - xy[1];
}

static int draw_soft(struct ph_canvas *c, const struct ph_scene *s,
                     const struct ph_view *v, struct xr_err *err)
{
    struct ph_box box = {0};
    size_t n = (size_t)c->w * c->h;
    int radius = (int)(1.6 * v->scale + 0.5);

    for (int i = 0; i < s->n_parts; i++) {
        if (s->part[i].layer == PH_SOFT &&
            ph_add_part(c, &s->part[i], v, c->soft, c->lean, &box, err))
            return -1;
        if (s->part[i].layer == PH_GAS &&
            ph_add_part(c, &s->part[i], v, c->core, c->wall, &box, err))
            return -1;
    }
    ph_blur(c->soft, c->tmp, c->w, c->h, radius);
    ph_blur(c->lean, c->tmp, c->w, c->h, radius);
    ph_blur(c->core, c->tmp, c->w, c->h, radius);
    for (size_t i = 0; i < n; i++) {
        float gas = c->core[i], room = 0.8f * c->lean[i];

        gas = gas < room ? gas : room;
        c->soft[i] -= gas;
        c->lean[i] -= gas;
    }
    memset(c->wall, 0, n * sizeof *c->wall);
    memset(c->core, 0, n * sizeof *c->core);
    return 0;
}

static int draw_bones(struct ph_canvas *c, struct ph_scene *s,
                      const struct ph_lesion *lesion, const struct ph_patient *p,
                      const struct ph_view *v, const struct xr_rng *findings,
                      struct xr_err *err)
{
    int sick = s->part[s->site[p->site].part].bone, grown = ph_lesion_parts(s, lesion, p);
    float to_mm = (float)(2 / v->scale);
    double px = 1 / v->scale;

    for (int b = 0; b < s->n_bones; b++) {
        struct ph_box box = {0};
        struct xr_rng rng = *findings;

        for (int i = 0; i < s->n_parts; i++) {
            if (s->part[i].layer == PH_BONE && s->part[i].bone == b &&
                ph_add_part(c, &s->part[i], v, c->wall, c->core, &box, err))
                return -1;
        }
        if (b == sick) /* what grows on a bone may reach anywhere */
            box = (struct ph_box){0, 0, c->w, c->h};
        for (int y = box.y0; y < box.y1; y++) {
            for (int x = box.x0; x < box.x1; x++) {
                size_t i = (size_t)y * c->w + x;

                c->wall[i] -= c->core[i];
            }
        }
        if (ph_variants_apply(c, s, b, p, v, &rng, err))
            return -1;
        if (b == sick && ph_lesion_apply(c, s, grown, lesion, p, v, err))
            return -1;
        for (int y = box.y0; y < box.y1; y++) {
            for (int x = box.x0; x < box.x1; x++) {
                size_t i = (size_t)y * c->w + x;
                float grain = 1;

                if (c->core[i] > 0)
                    grain += (float)p->texture *
                             (ph_tile(c->tile, x * px / 1.1 + p->tile_x,
                                      y * px / 2.4 + p->tile_y) +
                              0.8f * ph_tile(c->tile, x * px / 6 + p->tile_y,
                                             y * px / 8 + p->tile_x));
                c->bone[i] += (MU_BONE * c->wall[i] + MU_SPONGE * c->core[i] * grain) *
                                  to_mm * (float)p->density +
                              c->add[i];
                c->wall[i] = c->core[i] = c->add[i] = 0;
            }
        }
    }
    return 0;
}

/* An outline as a reader would draw it: gaps between spicules and holes are inside. */
static void round_mask(struct ph_canvas *c, const struct ph_view *v)
{
    size_t n = (size_t)c->w * c->h;
    int radius = (int)fmax(1, 1.8 * v->scale + 0.5);

    ph_blur(c->mask, c->tmp, c->w, c->h, radius);
    for (size_t i = 0; i < n; i++)
        c->mask[i] = c->mask[i] > 0.4f ? 1 : 0;
}

/* Screws and plates in a few, whatever their class: away from the site, so as not to hide
 * it. */
static void hardware(struct ph_canvas *c, const struct ph_scene *s,
                     const struct ph_patient *p, const struct ph_view *v,
                     struct xr_rng *rng)
{
    const struct ph_part *host = &s->part[s->site[p->site].part];
    double at = xr_rng_between(rng, 0, host->n - 1), len = xr_rng_between(rng, 25, 60),
           w = 5;
    struct ph_station t;
    struct ph_flat f;
    double xy[2];

    if (xr_rng_uniform(rng) > 0.04 || fabs(at - p->site_t) < 1.2 || host->n < 3)
        return;
    t = ph_at(host, at);
    ph_project(xy, v, &t, host->segment);
    ph_flatten(&f, host, v);
    w = fmin(w, 0.5 * t.wx) * v->scale;
    len *= 0.5 * v->scale;
    for (int y = 0; y < c->h; y++) {
        for (int x = 0; x < c->w; x++) {
            double dx = x - xy[0], dy = y - xy[1], u = dx * f.ux + dy * f.uy,
                   q = dy * f.ux - dx * f.uy, r;

            if (fabs(u) > len || fabs(q) > w)
                continue;
            r = fmod(fabs(u), 3 * w) - 1.5 * w;
            if (r * r + q * q > 0.2 * w * w)
                c->bone[(size_t)y * c->w + x] += 1.4f;
        }
    }
}

int xr_phantom_draw(struct xr_image *image, struct xr_image *mask,
                    const struct xr_phantom *ph, size_t index, struct xr_err *err)
{
    const struct xr_phantom_case *kase = &ph->cases[index];
    uint64_t seed = ph->config.seed;
    struct ph_lesion lesion;
    struct ph_patient patient;
    struct ph_scene scene;
    struct ph_canvas c = {0};
    struct ph_view view;
    struct ph_film film;
    struct xr_rng rng, marks;
    char key[16];
    size_t n;
    int rc = -1;

    memset(image, 0, sizeof *image);
    memset(mask, 0, sizeof *mask);
    key_of(key, kase->patient);
    xr_rng_init(&rng, seed, 0, key, "phantom build");
    ph_build(&scene, kase->anatomy, &rng);
    xr_rng_init(&rng, seed, 0, key, "phantom site");
    patient_draw(&patient, kase, &scene, &rng);
    xr_rng_init(&rng, seed, 0, key, "phantom lesion");
    ph_lesion_draw(&lesion, &scene, &patient, ph->config.difficulty, &rng);
    xr_rng_init(&rng, seed, kase->nth, key, "phantom view");
    view_draw(&view, kase, &scene, &patient, ph->config.difficulty, &rng);
    xr_rng_init(&rng, seed, kase->nth, key, "phantom film");
    ph_film_draw(&film, kase->center, &rng);

    if (canvas_open(&c, kase->width, kase->height, ph->tile, err) ||
        xr_image_alloc(image, kase->width, kase->height, 1, 8, err) ||
        xr_image_alloc(mask, kase->width, kase->height, 1, 8, err))
        goto done;
    n = (size_t)c.w * c.h;
    xr_rng_init(&rng, seed, 0, key, "phantom findings");
    if (draw_soft(&c, &scene, &view, err) ||
        draw_bones(&c, &scene, &lesion, &patient, &view, &rng, err))
        goto done;
    if (kase->label == XR_PHANTOM_MALIGNANT)
        round_mask(&c, &view);
    xr_rng_init(&rng, seed, 0, key, "phantom hardware");
    hardware(&c, &scene, &patient, &view, &rng);
    for (size_t i = 0; i < n; i++) {
        float thick = (MU_FAT * (c.soft[i] - c.lean[i]) + MU_LEAN * c.lean[i]) *
                      (float)(2 / view.scale);

        c.bone[i] = c.bone[i] > 0 ? c.bone[i] + thick : thick;
        ((uint8_t *)mask->data)[i] = c.mask[i] > 0 ? 255 : 0;
    }
    xr_rng_init(&rng, seed, kase->nth, key, "phantom noise");
    xr_rng_init(&marks, seed, kase->nth, key, "phantom markers");
    ph_film_print(image->data, &c, &film, patient.left, &rng, &marks);
    rc = 0;
done:
    canvas_close(&c);
    if (rc) {
        xr_image_free(image);
        xr_image_free(mask);
    }
    return rc;
}
