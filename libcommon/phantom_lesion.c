/* Lesions, benign and malignant, and the harmless findings that every class has. */
#include "phantom_int.h"

#include <math.h>
#include <string.h>

#define MU_SOFT 0.020f

static double smooth(double lo, double hi, double x)
{
    double t = (x - lo) / (hi - lo);

    t = t < 0 ? 0 : t > 1 ? 1 : t;
    return t * t * (3 - 2 * t);
}

static double pick(struct xr_rng *rng, double lo, double hi)
{
    return xr_rng_between(rng, lo, hi);
}

static struct ph_station site_centre(const struct ph_scene *s, const struct ph_patient *p)
{
    return ph_at(&s->part[s->site[p->site].part], p->site_t);
}

void ph_lesion_draw(struct ph_lesion *l, const struct ph_scene *scene,
                    const struct ph_patient *patient, double difficulty,
                    struct xr_rng *rng)
{
    struct ph_station at = site_centre(scene, patient);
    double w = fmin(fmax(0.5 * (at.wx + at.wz), 6.5), 23),
           k = 2.2 - 1.0 * difficulty * difficulty;
    double kind = xr_rng_uniform(rng);

    memset(l, 0, sizeof *l);
    l->a = w * pick(rng, 1.0, 1.6);
    l->b = w * pick(rng, 0.7, 1.0);
    l->side = xr_rng_uniform(rng) < 0.5 ? -1 : 1;
    l->phase = pick(rng, 0, 6.28);
    l->wobble = pick(rng, 0.06, 0.14);
    l->edge = 0.07;
    if (patient->label == XR_PHANTOM_NORMAL)
        return;
    if (patient->label == XR_PHANTOM_BENIGN) {
        l->kind = kind < 0.28   ? PH_CYST
                  : kind < 0.50 ? PH_EXPANSILE
                  : kind < 0.62 ? PH_CHONDROID
                  : kind < 0.86 ? PH_EXOSTOSIS
                                : PH_DENSE;
        l->lysis = fmin(0.92, k * pick(rng, 0.65, 0.95));
        l->rim = k * pick(rng, 0.6, 1.2);
        l->rim_w = pick(rng, 1.1, 2.1);
        l->cloud = k * pick(rng, 0.6, 1.2);
        if (l->kind == PH_DENSE) {
            l->a = w * pick(rng, 0.6, 0.95);
            l->b = fmin(l->a, 0.7 * w);
            l->rim = xr_rng_uniform(rng) < 0.5 ? 0 : 1; /* a nidus */
        }
        return;
    }
    l->kind = kind < 0.45 ? PH_PERMEATIVE : kind < 0.7 ? PH_BLASTIC : PH_MIXED;
    l->a *= 1.2;
    l->b = fmin(l->b * 1.25, w * 1.1);
    l->edge = pick(rng, 0.35, 0.6);
    l->wobble = pick(rng, 0.15, 0.3);
    l->lysis = fmin(0.95, k * pick(rng, 0.75, 1.05));
    l->grain = fmin(pick(rng, 2.6, 4.6), 0.4 * w);
    l->cloud = l->kind == PH_PERMEATIVE ? 0 : k * pick(rng, 0.6, 1.2);
    l->reach = w * pick(rng, 0.5, 0.95);
    kind = xr_rng_uniform(rng);
    if (kind < 0.5)
        l->sun = k * pick(rng, 0.7, 1.2);
    else if (kind < 0.85)
        l->onion = k * pick(rng, 0.6, 1.1);
    if (xr_rng_uniform(rng) < 0.6)
        l->codman = k * pick(rng, 0.5, 1.0);
    if (xr_rng_uniform(rng) < 0.75)
        l->mass = w * pick(rng, 0.7, 1.3);
}

int ph_lesion_parts(struct ph_scene *s, const struct ph_lesion *l,
                    const struct ph_patient *patient)
{
    const struct ph_part *host = &s->part[s->site[patient->site].part];
    struct ph_station at = site_centre(s, patient), first = host->st[0],
                      last = host->st[host->n - 1];
    double dir[2] = {cos(patient->site_phi), sin(patient->site_phi)};
    double w = 0.5 * (at.wx + at.wz), up;
    struct ph_part *p = &s->part[s->n_parts];

    if (s->n_parts == PH_PARTS || (l->kind != PH_EXOSTOSIS && l->kind != PH_EXPANSILE))
        return -1;
    memset(p, 0, sizeof *p);
    p->bone = host->bone;
    p->segment = host->segment;
    if (l->kind == PH_EXPANSILE) {
        at.x += patient->site_r * at.wx * dir[0];
        at.z += patient->site_r * at.wz * dir[1];
        at.wx = at.wz = l->b * 1.12;
        at.wall = 1.1;
        p->n = 1;
        p->cap[0] = p->cap[1] = l->a * 1.05;
        p->turn = atan2(last.x - first.x, last.y - first.y);
        p->st[0] = at;
        s->n_parts++;
        return -1;
    }
    /* an exostosis points away from the nearer end of its bone */
    up = patient->site_t < 0.5 * (host->n - 1) ? 1 : -1;
    up *= last.y > first.y ? 1 : -1;
    p->n = 3;
    p->cap[0] = 1;
    for (int i = 0; i < 3; i++) {
        static const double out[] = {0.4, 1.15, 1.6}, along[] = {0, 0.4, 0.9},
                            wide[] = {0.75, 0.55, 0.85};
        double far = l->a / (1.2 * w);

        p->st[i].x = at.x + dir[0] * at.wx * (1 + (out[i] - 1) * far);
        p->st[i].z = at.z + dir[1] * at.wz * (1 + (out[i] - 1) * far);
        p->st[i].y = at.y + up * w * along[i] * far;
        p->st[i].wx = p->st[i].wz = l->b * wide[i];
        p->st[i].wall = 0.9 + 1.4 * l->cloud;
    }
    p->cap[1] = p->st[2].wx * 0.85;
    return s->n_parts++;
}

/* The frame of a lesion on the film: its centre and its host's profile. */
struct frame {
    struct ph_flat host;
    double x, y, shorten;
    struct ph_box box;
};

static int frame_open(struct frame *f, struct ph_canvas *c, const struct ph_scene *s,
                      const struct ph_patient *patient, const struct ph_view *view,
                      double reach, struct xr_err *err)
{
    const struct ph_part *host = &s->part[s->site[patient->site].part];
    struct ph_station at = site_centre(s, patient), a = host->st[0],
                      b = host->st[host->n - 1];
    double xy[2], len = sqrt((b.x - a.x) * (b.x - a.x) + (b.y - a.y) * (b.y - a.y) +
                             (b.z - a.z) * (b.z - a.z));

    at.x += patient->site_r * at.wx * cos(patient->site_phi);
    at.z += patient->site_r * at.wz * sin(patient->site_phi);
    ph_project(xy, view, &at, host->segment);
    ph_flatten(&f->host, host, view);
    if (ph_flat_profile(&f->host, c, err))
        return -1;
    f->x = xy[0];
    f->y = xy[1];
    f->shorten = fmax(0.4, fmin(1, f->host.length / (len * view->scale)));
    reach *= view->scale;
    f->box.x0 = (int)fmin(fmax(0, f->x - reach), c->w);
    f->box.x1 = (int)fmin(fmax(0, f->x + reach + 1), c->w);
    f->box.y0 = (int)fmin(fmax(0, f->y - reach), c->h);
    f->box.y1 = (int)fmin(fmax(0, f->y + reach + 1), c->h);
    return 0;
}

/* Distance in mm outside the host's outline (negative inside), and on which side. */
static double outside(double *side, const struct frame *f, const struct ph_canvas *c,
                      double x, double y, double scale)
{
    double dx = x - f->host.x, dy = y - f->host.y;
    double u = dx * f->host.ux + dy * f->host.uy, v = dy * f->host.ux - dx * f->host.uy;
    int k = (int)((u - f->host.from) / f->host.step);
    const float *p = c->lut + 4 * (size_t)(k < 0                ? 0
                                           : k >= f->host.steps ? f->host.steps - 1
                                                                : k);

    *side = v < p[0] ? -1 : 1;
    return (fabs(v - p[0]) - p[1]) / scale;
}

static void benign(struct ph_canvas *c, size_t i, const struct ph_lesion *l, double rho,
                   double r, double px, double u, double v,
                   const struct ph_patient *patient)
{
    double edge = fmax(l->edge, 0.7 * px / fmax(r / fmax(rho, 0.1), 1));
    double in = 1 - smooth(1 - edge, 1 + edge, rho), q, n;

    if (l->kind == PH_DENSE) {
        c->add[i] += (float)(0.7 * l->cloud * in);
        if (l->rim > 0)
            c->add[i] -= (float)(0.7 * l->cloud * (1 - smooth(0.25, 0.45, rho)));
        if (in > 0.5)
            c->mask[i] = 1;
        return;
    }
    c->core[i] *= (float)(1 - l->lysis * in);
    c->wall[i] *= (float)(1 - 0.65 * l->lysis * in);
    q = (rho - 1) * r / fmax(rho, 0.1) / fmax(l->rim_w, 0.7 * px);
    c->add[i] += (float)(0.26 * l->rim * exp(-q * q));
    n = ph_tile(c->tile, u / 3.2 + patient->tile_x, v / 3.2 + patient->tile_y);
    if (l->kind == PH_EXPANSILE)
        c->add[i] += (float)(0.16 * l->rim * in * exp(-n * n * 30));
    if (l->kind == PH_CHONDROID) {
        n = ph_tile(c->tile, u / 1.3 + patient->tile_x, v / 1.3 + patient->tile_y);
        c->add[i] +=
            (float)(0.4 * l->cloud * smooth(0.5, 1.3, n) * (1 - smooth(0.6, 0.85, rho)));
    }
    if (rho < 1.04)
        c->mask[i] = 1;
}

static void malignant(struct ph_canvas *c, size_t i, const struct ph_lesion *l,
                      double rho, double px, double u, double v, double out, double side,
                      bool bony, const struct ph_patient *patient)
{
    double field = 1 - smooth(1 - l->edge, 1 + l->edge, rho), n, k, t, line, shown = 0, q;

    n = ph_tile(c->tile, u / l->grain + patient->tile_x, v / l->grain + patient->tile_y);
    n = 0.8 * n +
        0.55 * ph_tile(c->tile, 2.3 * u / l->grain + patient->tile_y, 2.3 * v / l->grain);
    k = 1 - l->lysis * field * (0.3 + 0.7 * smooth(-0.6, 0.6, n));
    c->core[i] *= (float)k;
    c->wall[i] *= (float)k;
    if (l->cloud > 0 && out < l->reach) {
        n = ph_tile(c->tile, u / 5 - patient->tile_y, v / 5 + patient->tile_x);
        q = 0.3 * l->cloud * (1 - smooth(0.8, 1.5, rho)) * smooth(-0.4, 1.2, n);
        c->add[i] += (float)q;
        shown = q;
    }
    t = 1 - (u * u) / (1.7 * l->a * l->a);
    line = fmax(0.5, 0.6 * px);
    if (out > -0.5 && t > 0 && (side == l->side || l->phase > 3.5)) {
        if (l->sun > 0) {
            double fan = u * (1 - 0.4 * fmin(1, out / l->reach)),
                   period = fmax(2.6, 3.2 * px);
            double wave =
                0.5 + 0.5 * cos(6.2832 * fan / period + l->phase +
                                2.5 * ph_tile(c->tile, u / 9 + patient->tile_x, 7));
            double tall = 1 + 0.5 * ph_tile(c->tile, fan / period + patient->tile_y, 19);

            q = 0.45 * l->sun * wave * wave * wave * sqrt(t) * fmax(0, tall) *
                (1 -
                 smooth(0.3 * l->reach * t * tall, 1.5 * l->reach * t * tall + 0.1, out));
            c->add[i] += (float)q;
            shown += q;
        }
        if (l->onion > 0) {
            double gap = fmax(0.28 * l->reach, 2.2 * px);

            for (int m = 1; m <= 3; m++) {
                q = (out - m * gap * sqrt(t)) / line;
                q = 0.34 * l->onion * exp(-q * q) *
                    (0.7 + 0.3 * ph_tile(c->tile, u / 4 + patient->tile_x, m * 11));
                c->add[i] += (float)q;
                shown += q;
            }
        }
    }
    if (l->codman > 0 && out > -0.5 && side == l->side) {
        double along = (fabs(u) - 0.85 * l->a) / (0.6 * l->a);

        if (along > 0 && along < 1 && out < 0.6 * l->reach * (1 - along) + px) {
            q = 0.3 * l->codman;
            c->add[i] += (float)q;
            shown += q;
        }
    }
    if ((l->sun > 0 || l->onion > 0 || l->codman > 0) && t > 0 && out > 0 &&
        out < 0.7 * l->reach * sqrt(t) && side == l->side)
        shown = 1;
    if ((bony && field > 0.4) || shown > 0.09)
        c->mask[i] = 1;
}

static void soft_mass(struct ph_canvas *c, size_t i, const struct ph_lesion *l, double u,
                      double out, double side)
{
    double q;

    if (l->mass <= 0 || side != l->side)
        return;
    q = 1 - (u * u) / (2 * l->a * l->a) - (out / l->mass - 0.4) * (out / l->mass - 0.4);
    if (q > 0)
        c->add[i] += MU_SOFT * 1.1f * (float)(l->mass * q);
}

int ph_lesion_apply(struct ph_canvas *c, const struct ph_scene *scene, int grown,
                    const struct ph_lesion *l, const struct ph_patient *patient,
                    const struct ph_view *view, struct xr_err *err)
{
    struct frame f;
    /* the finest line: a pixel, or what a film shrunk to 128 pixels would show */
    double px = fmax(1, (c->w > c->h ? c->w : c->h) / 128.0) / view->scale;
    double step = 1 / view->scale, reach = 2 * (l->a + l->reach + l->mass) + 6;

    if (l->kind == PH_NONE)
        return 0;
    if (l->kind == PH_EXOSTOSIS) {
        struct ph_box box = {0};

        if (grown < 0)
            return 0;
        memset(c->tmp, 0, (size_t)c->w * c->h * sizeof *c->tmp);
        if (ph_add_part(c, &scene->part[grown], view, c->tmp, c->tmp, &box, err))
            return -1;
        for (int y = box.y0; y < box.y1; y++) {
            for (int x = box.x0; x < box.x1; x++) {
                size_t i = (size_t)y * c->w + x;

                double t = c->tmp[i] / view->scale / (0.85 * l->b);

                if (t <= 0)
                    continue;
                /* a lumpy shell, and a cap of calcified cartilage */
                c->mask[i] = 1;
                c->add[i] +=
                    (float)(0.3 * l->cloud * fmin(1, 1.5 * t) *
                            (1 + 0.6 * ph_tile(c->tile, x * px / 3 + patient->tile_x,
                                               y * px / 3 + patient->tile_y)));
            }
        }
        return 0;
    }
    if (frame_open(&f, c, scene, patient, view, reach, err))
        return -1;
    for (int y = f.box.y0; y < f.box.y1; y++) {
        for (int x = f.box.x0; x < f.box.x1; x++) {
            size_t i = (size_t)y * c->w + x;
            double dx = (x - f.x) * step, dy = (y - f.y) * step, side, out, r, rho, bend;
            double u = (dx * f.host.ux + dy * f.host.uy) / f.shorten;
            double v = dy * f.host.ux - dx * f.host.uy;
            bool bony = c->wall[i] + c->core[i] > 0;

            r = sqrt(u * u + v * v);
            bend = ph_tile(c->tile, patient->tile_x + 2.2 * u / (r + 0.01),
                           patient->tile_y + 2.2 * v / (r + 0.01));
            rho = sqrt(u * u / (l->a * l->a) + v * v / (l->b * l->b)) *
                  (1 + l->wobble * bend);
            if (patient->label == XR_PHANTOM_BENIGN) {
                if (bony && rho < 2)
                    benign(c, i, l, rho, r, px, u, v, patient);
                continue;
            }
            out = outside(&side, &f, c, x, y, view->scale);
            malignant(c, i, l, rho, px, u, v, out, side, bony, patient);
            soft_mass(c, i, l, u, out, side);
        }
    }
    return 0;
}

/* A dark plate with a bright border in the young, a faint bright line later in some. */
static int plates(struct ph_canvas *c, const struct ph_part *part,
                  const struct ph_patient *patient, const struct ph_view *view,
                  struct xr_rng *rng, struct xr_err *err)
{
    double open = 1 - smooth(13, 19, patient->age), scar = 0, where[2],
           px = 1 / view->scale;
    struct ph_flat f;

    if (open <= 0)
        scar = xr_rng_uniform(rng) < 0.45 ? pick(rng, 0.05, 0.14) : 0;
    where[0] = pick(rng, 0.45, 0.65);
    where[1] = pick(rng, 0.45, 0.65);
    if (open <= 0 && scar <= 0)
        return 0;
    ph_flatten(&f, part, view);
    if (ph_flat_profile(&f, c, err))
        return -1;
    for (int end = 0; end < 2; end++) {
        double w = end ? f.w[f.n - 1] : f.w[0], at, reach = 1.1 * w, cx, cy;
        int x0, x1, y0, y1;

        if (!(part->physis & (end ? PH_PHYSIS_LAST : PH_PHYSIS_FIRST)))
            continue;
        at = end ? f.length + f.cap[1] - where[1] * w : where[0] * w - f.cap[0];
        cx = f.x + at * f.ux;
        cy = f.y + at * f.uy;
        x0 = (int)fmin(fmax(0, cx - reach), c->w);
        x1 = (int)fmin(fmax(0, cx + reach), c->w);
        y0 = (int)fmin(fmax(0, cy - reach), c->h);
        y1 = (int)fmin(fmax(0, cy + reach), c->h);
        for (int y = y0; y < y1; y++) {
            for (int x = x0; x < x1; x++) {
                size_t i = (size_t)y * c->w + x;
                double dx = x - f.x, dy = y - f.y, u, v, d, n;

                if (c->wall[i] + c->core[i] <= 0)
                    continue;
                u = dx * f.ux + dy * f.uy;
                v = dy * f.ux - dx * f.uy;
                n = ph_tile(c->tile, v * px / 8 + patient->tile_x,
                            31 * end + patient->tile_y);
                d = (u - at) * px + 1.3 * n + 0.0015 * v * v * px * px;
                if (open > 0) {
                    double gap = exp(-d * d / 1.4),
                           rim = exp(-(fabs(d) - 2) * (fabs(d) - 2));

                    c->wall[i] *= (float)(1 - 0.6 * open * gap);
                    c->core[i] *= (float)(1 - 0.6 * open * gap);
                    c->add[i] += (float)(0.09 * open * rim);
                } else {
                    c->add[i] += (float)(scar * exp(-d * d / 0.8));
                }
            }
        }
    }
    return 0;
}

int ph_variants_apply(struct ph_canvas *c, const struct ph_scene *s, int bone,
                      const struct ph_patient *patient, const struct ph_view *view,
                      const struct xr_rng *shared, struct xr_err *err)
{
    const struct ph_part *host = &s->part[s->site[patient->site].part];
    struct xr_rng rng = *shared;
    double channel, vague, island, at_u, at_v, lean, wide, px = 1 / view->scale;
    struct frame f;

    for (int i = 0; i < s->n_parts; i++) {
        const struct ph_part *p = &s->part[i];
        struct xr_rng own = *shared;

        if (p->layer == PH_BONE && p->bone == bone && p->n > 1 && p->physis &&
            plates(c, p, patient, view, &own, err))
            return -1;
    }
    if (host->bone != bone)
        return 0;
    channel = xr_rng_uniform(&rng) < 0.4 ? pick(&rng, 0.3, 0.6) : 0;
    vague = xr_rng_uniform(&rng) < 0.35 ? pick(&rng, 0.1, 0.35) : 0;
    island = xr_rng_uniform(&rng) < 0.08 ? pick(&rng, 0.15, 0.4) : 0;
    at_u = pick(&rng, -35, 35);
    at_v = pick(&rng, -0.7, 0.7);
    lean = pick(&rng, 0.25, 0.6);
    wide = pick(&rng, 10, 24);
    if (frame_open(&f, c, s, patient, view, 70, err))
        return -1;
    for (int y = f.box.y0; y < f.box.y1; y++) {
        for (int x = f.box.x0; x < f.box.x1; x++) {
            size_t i = (size_t)y * c->w + x;
            double dx = (x - f.x) * px, dy = (y - f.y) * px, side, out, u, v, d, k = 1;

            if (c->wall[i] + c->core[i] <= 0)
                continue;
            u = dx * f.host.ux + dy * f.host.uy - at_u;
            v = dy * f.host.ux - dx * f.host.uy;
            out = outside(&side, &f, c, x, y, view->scale);
            if (channel > 0 && fabs(u) < 9) {
                d = v - lean * u - at_v * 8;
                k *=
                    1 - channel * exp(-d * d / (0.5 + 0.3 * px * px)) * (1 - fabs(u) / 9);
            }
            if (vague > 0)
                k *= 1 - vague * exp(-(u * u + 2 * v * v) / (wide * wide));
            if (island > 0 && out < -2) {
                d = ((u - 14) * (u - 14) + (v - 4 * at_v) * (v - 4 * at_v)) / 4;
                c->add[i] += (float)(island * exp(-d * d));
            }
            c->wall[i] *= (float)k;
            c->core[i] *= (float)k;
        }
    }
    return 0;
}
