/* Solids to thickness on the film: projection, rasterising of tubes and ellipsoids,
 * noise, blur. */
#include "phantom_int.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The tube between its stations; t counts stations. */
struct ph_station ph_at(const struct ph_part *part, double t)
{
    struct ph_station a, b, out;
    int i = (int)t;
    double f;

    i = i < 0 ? 0 : i > part->n - 2 ? part->n - 2 : i;
    if (part->n < 2)
        return part->st[0];
    f = t - i;
    a = part->st[i];
    b = part->st[i + 1];
    out.x = a.x + f * (b.x - a.x);
    out.y = a.y + f * (b.y - a.y);
    out.z = a.z + f * (b.z - a.z);
    out.wx = a.wx + f * (b.wx - a.wx);
    out.wz = a.wz + f * (b.wz - a.wz);
    out.wall = a.wall + f * (b.wall - a.wall);
    return out;
}

void ph_project(double out[2], const struct ph_view *v, const struct ph_station *at,
                int segment)
{
    double y = at->y, z = at->z, px;

    if (segment) {
        double dy = y - v->pivot_y, dz = z - v->pivot_z;

        y = v->pivot_y + v->cb * dy + v->sb * dz;
        z = v->pivot_z - v->sb * dy + v->cb * dz;
    }
    px = at->x * v->ct + z * v->st;
    out[0] = v->m[0][0] * px + v->m[0][1] * y + v->shift[0];
    out[1] = v->m[1][0] * px + v->m[1][1] * y + v->shift[1];
}

void ph_flatten(struct ph_flat *f, const struct ph_part *part, const struct ph_view *v)
{
    double p[PH_STATIONS][2] = {{0}}, n;

    memset(f, 0, sizeof *f);
    f->n = part->n;
    for (int i = 0; i < part->n; i++) {
        const struct ph_station *t = &part->st[i];

        ph_project(p[i], v, t, part->segment);
        f->w[i] = hypot(t->wx * v->ct, t->wz * v->st) * v->scale;
        f->d[i] = hypot(t->wx * v->st, t->wz * v->ct) * v->scale;
        f->wall[i] = t->wall * v->scale;
    }
    f->x = p[0][0];
    f->y = p[0][1];
    if (part->n == 1) {
        /* an ellipsoid: the direction of its height on the film */
        double c = cos(part->turn), s = sin(part->turn);

        f->ux = v->m[0][0] * s + v->m[0][1] * c;
        f->uy = v->m[1][0] * s + v->m[1][1] * c;
        if (part->segment) { /* bending turns it, and mixes height with depth */
            struct ph_station a = part->st[0], b = a;
            double q[2];

            b.y += 1;
            ph_project(q, v, &b, 1);
            f->ux = q[0] - f->x;
            f->uy = q[1] - f->y;
        }
        n = hypot(f->ux, f->uy);
        if (n < 1e-9) {
            f->ux = 0;
            f->uy = 1;
        } else {
            f->ux /= n;
            f->uy /= n;
        }
        f->cap[0] = f->cap[1] = part->cap[0] * v->scale;
        return;
    }
    f->ux = p[part->n - 1][0] - f->x;
    f->uy = p[part->n - 1][1] - f->y;
    n = hypot(f->ux, f->uy);
    f->length = n;
    if (n < 1) { /* seen end on */
        f->ux = v->m[0][1] / v->scale;
        f->uy = v->m[1][1] / v->scale;
        f->length = 1;
    } else {
        f->ux /= n;
        f->uy /= n;
    }
    for (int i = 0; i < part->n; i++) {
        double dx = p[i][0] - f->x, dy = p[i][1] - f->y;

        f->u[i] = dx * f->ux + dy * f->uy;
        f->v[i] = dy * f->ux - dx * f->uy;
        if (i > 0 && f->u[i] < f->u[i - 1] + 0.25)
            f->u[i] = f->u[i - 1] + 0.25;
    }
    f->length = f->u[part->n - 1];
    f->cap[0] = part->cap[0] * v->scale;
    f->cap[1] = part->cap[1] * v->scale;
}

/* Cubic Hermite with finite differences; never below `floor`. */
static double curve(const double *u, const double *y, int n, int i, double x)
{
    double h = u[i + 1] - u[i], t = (x - u[i]) / h, d = (y[i + 1] - y[i]) / h;
    double m0 = i > 0 ? 0.5 * (d + (y[i] - y[i - 1]) / (u[i] - u[i - 1])) : d;
    double m1 = i + 2 < n ? 0.5 * (d + (y[i + 2] - y[i + 1]) / (u[i + 2] - u[i + 1])) : d;
    double t2 = t * t, t3 = t2 * t;

    return (2 * t3 - 3 * t2 + 1) * y[i] + (t3 - 2 * t2 + t) * h * m0 +
           (3 * t2 - 2 * t3) * y[i + 1] + (t3 - t2) * h * m1;
}

int ph_flat_profile(struct ph_flat *f, struct ph_canvas *c, struct xr_err *err)
{
    double total = f->length + f->cap[0] + f->cap[1];
    int seg = 0;

    f->step = fmax(0.5, total / 16384);
    f->from = -f->cap[0];
    f->steps = (int)(total / f->step) + 1;
    if ((size_t)f->steps > c->lut_room) {
        float *more = xr_alloc_array((size_t)f->steps, 4 * sizeof *more, err);

        if (!more)
            return -1;
        free(c->lut);
        c->lut = more;
        c->lut_room = (size_t)f->steps;
    }
    for (int k = 0; k < f->steps; k++) {
        float *o = c->lut + 4 * (size_t)k;
        double u = f->from + k * f->step, x = fmin(fmax(u, 0), f->length), round = 1,
               in = 1;
        double w, d, v, wall, inner;

        while (seg < f->n - 2 && x > f->u[seg + 1])
            seg++;
        v = curve(f->u, f->v, f->n, seg, x);
        w = fmax(curve(f->u, f->w, f->n, seg, x), 0.3);
        d = fmax(curve(f->u, f->d, f->n, seg, x), 0.3);
        wall = fmax(curve(f->u, f->wall, f->n, seg, x), 0);
        if (u < 0 || u > f->length) {
            double cap = u < 0 ? f->cap[0] : f->cap[1], q = u < 0 ? -u : u - f->length;
            double hollow = fmax(cap - wall, 1e-3);

            round = sqrt(fmax(0, 1 - q * q / (cap * cap)));
            in = sqrt(fmax(0, 1 - q * q / (hollow * hollow)));
        }
        inner = fmax(0, w - wall) * in;
        o[0] = (float)v;
        o[1] = (float)(w * round);
        o[2] = (float)(d * round);
        o[3] = (float)inner;
    }
    return 0;
}

static void touch(struct ph_box *box, int x0, int y0, int x1, int y1)
{
    if (box->x1 <= box->x0 || box->y1 <= box->y0) {
        *box = (struct ph_box){x0, y0, x1, y1};
        return;
    }
    box->x0 = x0 < box->x0 ? x0 : box->x0;
    box->y0 = y0 < box->y0 ? y0 : box->y0;
    box->x1 = x1 > box->x1 ? x1 : box->x1;
    box->y1 = y1 > box->y1 ? y1 : box->y1;
}

static int clip(double x, int hi)
{
    return x < 0 ? 0 : x > hi ? hi : (int)x;
}

static void keep_max(float *p, float v)
{
    if (v > *p)
        *p = v;
}

/* Half thickness in pixels of one part, merged by maximum into outer and inner. */
int ph_add_part(struct ph_canvas *c, const struct ph_part *part,
                const struct ph_view *view, float *outer, float *inner,
                struct ph_box *touched, struct xr_err *err)
{
    struct ph_flat f;
    double wide = 0, x[4], y[4], lo[2], hi[2];
    int x0, x1, y0, y1;

    ph_flatten(&f, part, view);
    for (int i = 0; i < f.n; i++)
        wide = fmax(wide, fabs(f.v[i]) + f.w[i]);
    wide *= f.n > 1 ? 1.1 : 1; /* the curve may leave its stations a little */
    for (int k = 0; k < 4; k++) {
        double u = k & 1 ? -f.cap[0] : f.length + f.cap[1], v = k & 2 ? -wide : wide;

        x[k] = f.x + u * f.ux - v * f.uy;
        y[k] = f.y + u * f.uy + v * f.ux;
    }
    lo[0] = fmin(fmin(x[0], x[1]), fmin(x[2], x[3]));
    hi[0] = fmax(fmax(x[0], x[1]), fmax(x[2], x[3]));
    lo[1] = fmin(fmin(y[0], y[1]), fmin(y[2], y[3]));
    hi[1] = fmax(fmax(y[0], y[1]), fmax(y[2], y[3]));
    x0 = clip(floor(lo[0]), c->w);
    x1 = clip(ceil(hi[0]) + 1, c->w);
    y0 = clip(floor(lo[1]), c->h);
    y1 = clip(ceil(hi[1]) + 1, c->h);
    if (x0 >= x1 || y0 >= y1)
        return 0;
    touch(touched, x0, y0, x1, y1);

    if (f.n == 1) {
        double w = f.w[0], h = f.cap[0], d = f.d[0];
        double wi = fmax(w - f.wall[0], 0.01), hin = fmax(h - f.wall[0], 0.01);
        double di = fmax(d - f.wall[0], 0);

        for (int r = y0; r < y1; r++) {
            for (int q = x0; q < x1; q++) {
                double dx = q - f.x, dy = r - f.y, u = dx * f.ux + dy * f.uy,
                       v = dy * f.ux - dx * f.uy;
                double e = 1 - u * u / (h * h) - v * v / (w * w);

                if (e <= 0)
                    continue;
                keep_max(&outer[(size_t)r * c->w + q], (float)(d * sqrt(e)));
                e = 1 - u * u / (hin * hin) - v * v / (wi * wi);
                if (e > 0)
                    keep_max(&inner[(size_t)r * c->w + q], (float)(di * sqrt(e)));
            }
        }
        return 0;
    }
    if (ph_flat_profile(&f, c, err))
        return -1;
    for (int r = y0; r < y1; r++) {
        float ux = (float)f.ux, uy = (float)f.uy, back = (float)(1 / f.step);
        float u = (float)((x0 - f.x) * f.ux + (r - f.y) * f.uy - f.from) * back;
        float v = (float)((r - f.y) * f.ux - (x0 - f.x) * f.uy), du = ux * back;
        float *o = outer + (size_t)r * c->w, *in = inner + (size_t)r * c->w;

        for (int q = x0; q < x1; q++, u += du, v -= uy) {
            const float *p;
            float e, a;

            if (u < 0 || u >= (float)f.steps)
                continue;
            p = c->lut + 4 * (size_t)u;
            a = v - p[0];
            e = p[1] * p[1] - a * a;
            if (e <= 0)
                continue;
            keep_max(&o[q], p[2] / p[1] * sqrtf(e));
            e = p[3] * p[3] - a * a;
            if (e > 0)
                keep_max(&in[q], p[2] / p[1] * sqrtf(e));
        }
    }
    return 0;
}

/* Bilinear look-up in the periodic tile of noise (mean 0, deviation 1). */
float ph_tile(const float *tile, double x, double y)
{
    double fx = floor(x), fy = floor(y);
    int i = (int)(int64_t)fx & (PH_TILE - 1), j = (int)(int64_t)fy & (PH_TILE - 1);
    int i1 = (i + 1) & (PH_TILE - 1), j1 = (j + 1) & (PH_TILE - 1);
    float a = (float)(x - fx), b = (float)(y - fy);
    float top = tile[j * PH_TILE + i] * (1 - a) + tile[j * PH_TILE + i1] * a;
    float low = tile[j1 * PH_TILE + i] * (1 - a) + tile[j1 * PH_TILE + i1] * a;

    return top * (1 - b) + low * b;
}

/* One pass of a box of side 2 r + 1 along rows; written transposed, so that two passes do
 * both. */
static void box_rows(float *out, const float *in, int w, int h, int r)
{
    float scale = 1.0f / (float)(2 * r + 1);

    for (int y = 0; y < h; y++) {
        const float *p = in + (size_t)y * w;
        float sum = p[0] * (float)(r + 1);

        for (int x = 0; x < r; x++)
            sum += p[x < w ? x : w - 1];
        for (int x = 0; x < w; x++) {
            int a = x + r, b = x - r - 1;

            sum += p[a < w ? a : w - 1];
            if (x > 0)
                sum -= p[b > 0 ? b : 0];
            else
                sum -= p[0];
            out[(size_t)x * h + y] = sum * scale;
        }
    }
}

void ph_blur(float *data, float *tmp, int w, int h, int radius)
{
    if (radius < 1)
        return;
    for (int pass = 0; pass < 2; pass++) {
        box_rows(tmp, data, w, h, radius);
        box_rows(data, tmp, h, w, radius);
    }
}
