/* Attenuation to a film: scatter, noise, exposure, sharpening, collimation, lead markers.
 */
#include "phantom_int.h"

#include <math.h>
#include <string.h>

#define BINS 1024

void ph_film_draw(struct ph_film *f, int center, struct xr_rng *rng)
{
    /* three places: a modern flat panel, an older one, digitised film */
    static const struct {
        double noise, scatter, blur, sharpen, gamma, low, floor;
    } place[] = {{0.006, 0.20, 0.45, 0.7, 1.00, 0.35, 4},
                 {0.011, 0.35, 0.60, 0.4, 0.85, 0.20, 10},
                 {0.015, 0.30, 0.75, 0.1, 1.20, 0.30, 18}};
    int p = center - 1;

    f->noise = place[p].noise * xr_rng_between(rng, 0.6, 1.6);
    f->scatter = place[p].scatter * xr_rng_between(rng, 0.6, 1.5);
    f->blur = place[p].blur * xr_rng_between(rng, 0.8, 1.25);
    f->sharpen = place[p].sharpen * xr_rng_between(rng, 0.5, 1.5);
    f->gamma = place[p].gamma * xr_rng_between(rng, 0.8, 1.25);
    f->low = place[p].low + xr_rng_between(rng, -0.15, 0.25);
    f->high = xr_rng_between(rng, 0.96, 1.2);
    f->floor = place[p].floor * xr_rng_between(rng, 0.3, 1.5);
    f->tilt[0] = 0.12 * xr_rng_normal(rng);
    f->tilt[1] = 0.12 * xr_rng_normal(rng);
    for (int i = 0; i < 4; i++)
        f->shutter[i] = xr_rng_uniform(rng) < 0.35 ? xr_rng_between(rng, 0.01, 0.11) : -1;
    f->shutter_turn = 0.03 * xr_rng_normal(rng);
    f->outside = xr_rng_uniform(rng) < 0.15 ? xr_rng_between(rng, 60, 235)
                                            : xr_rng_between(rng, 0, 12);
}

/* 3 x 3 binomial kernel mixed with the identity: sigma from 0 to about 0.7 pixels, twice
 * for more. */
static void soften(float *data, float *tmp, int w, int h, double sigma)
{
    while (sigma > 0.05) {
        double s = fmin(sigma, 0.65);
        float k = (float)(s * s / 2), m = 1 - 2 * k;

        for (int y = 0; y < h; y++) {
            float *p = data + (size_t)y * w, *o = tmp + (size_t)y * w;

            o[0] = p[0];
            o[w - 1] = p[w - 1];
            for (int x = 1; x < w - 1; x++)
                o[x] = m * p[x] + k * (p[x - 1] + p[x + 1]);
        }
        memcpy(data, tmp, (size_t)w * sizeof *data);
        memcpy(data + (size_t)(h - 1) * w, tmp + (size_t)(h - 1) * w,
               (size_t)w * sizeof *data);
        for (int y = 1; y < h - 1; y++) {
            float *o = data + (size_t)y * w;
            const float *p = tmp + (size_t)y * w;

            for (int x = 0; x < w; x++)
                o[x] = m * p[x] + k * (p[x - w] + p[x + w]);
        }
        sigma = sqrt(fmax(0, sigma * sigma - s * s));
    }
}

/* About normal, deviation 1: four 16-bit uniforms (Irwin-Hall). */
static float cheap_normal(struct xr_rng *rng)
{
    uint32_t a = xr_rng_u32(rng), b = xr_rng_u32(rng);
    int32_t sum = (int32_t)((a & 0xffff) + (a >> 16) + (b & 0xffff) + (b >> 16));

    return (float)(sum - 131070) * (1.7320508f / 65536);
}

static bool shut(const struct ph_film *f, int w, int h, double x, double y)
{
    double c = cos(f->shutter_turn), s = sin(f->shutter_turn), dx = x / w - 0.5,
           dy = y / h - 0.5;
    double u = c * dx + s * dy + 0.5, v = c * dy - s * dx + 0.5;

    return u < f->shutter[0] || u > 1 - f->shutter[1] || v < f->shutter[2] ||
           v > 1 - f->shutter[3];
}

/* Strokes of a letter on a grid of 4 x 6, ends x0 y0 x1 y1; ended by a negative number.
 */
static const signed char glyph_l[] = {0, 0, 0, 6, 0, 6, 3, 6, -1};
static const signed char glyph_r[] = {0, 0, 0, 6, 0, 0, 3, 0, 3, 0, 4, 1, 4, 1, 4,
                                      2, 4, 2, 3, 3, 3, 3, 0, 3, 2, 3, 4, 6, -1};
static const signed char glyph_1[] = {1, 1, 2, 0, 2, 0, 2, 6, -1};
static const signed char glyph_2[] = {0, 1, 1, 0, 1, 0, 3, 0, 3, 0, 4, 1, 4,
                                      1, 4, 2, 4, 2, 0, 6, 0, 6, 4, 6, -1};
static const signed char glyph_4[] = {3, 6, 3, 0, 3, 0, 0, 4, 0, 4, 4, 4, -1};
static const signed char glyph_7[] = {0, 0, 4, 0, 4, 0, 1, 6, -1};

/* A line with soft ends of `thick` pixels, blended towards `value`. */
static void stroke(uint8_t *out, int w, int h, double x0, double y0, double x1, double y1,
                   double thick, double value)
{
    int ax = (int)fmax(0, floor(fmin(x0, x1) - thick)),
        bx = (int)fmin(w, ceil(fmax(x0, x1) + thick + 1));
    int ay = (int)fmax(0, floor(fmin(y0, y1) - thick)),
        by = (int)fmin(h, ceil(fmax(y0, y1) + thick + 1));
    double dx = x1 - x0, dy = y1 - y0, len = dx * dx + dy * dy;

    for (int y = ay; y < by; y++) {
        for (int x = ax; x < bx; x++) {
            double t = len > 0 ? ((x - x0) * dx + (y - y0) * dy) / len : 0, d, a;
            uint8_t *p = out + (size_t)y * w + x;

            t = t < 0 ? 0 : t > 1 ? 1 : t;
            d = hypot(x - x0 - t * dx, y - y0 - t * dy);
            a = fmin(1, fmax(0, thick / 2 + 0.5 - d));
            *p = (uint8_t)(*p + a * (value - *p) + 0.5);
        }
    }
}

static void letter(uint8_t *out, int w, int h, const signed char *glyph, double x,
                   double y, double size, double turn, double value)
{
    double c = cos(turn), s = sin(turn), k = size / 6;

    for (const signed char *g = glyph; g[0] >= 0; g += 4) {
        double p[4] = {(g[0] - 2) * k, (g[1] - 3) * k, (g[2] - 2) * k, (g[3] - 3) * k};

        stroke(out, w, h, x + c * p[0] - s * p[1], y + s * p[0] + c * p[1],
               x + c * p[2] - s * p[3], y + s * p[2] + c * p[3], fmax(1, size / 7),
               value);
    }
}

static void markers(uint8_t *out, int w, int h, bool left, struct xr_rng *rng)
{
    double side = fmax(w, h), size, x, y, turn, value, style;

    if (xr_rng_uniform(rng) < 0.78) {
        bool edge = xr_rng_uniform(rng) < 0.5;

        size = side * xr_rng_between(rng, 0.03, 0.065);
        x = w *
            (edge ? xr_rng_between(rng, 0.06, 0.14) : xr_rng_between(rng, 0.86, 0.94));
        y = h * xr_rng_between(rng, 0.08, 0.92);
        turn = xr_rng_uniform(rng) < 0.8 ? 0.1 * xr_rng_normal(rng)
                                         : xr_rng_between(rng, -3, 3);
        value = xr_rng_between(rng, 190, 255);
        style = xr_rng_uniform(rng);
        letter(out, w, h, left ? glyph_l : glyph_r, x, y, size, turn, value);
        if (style < 0.2) {
            for (int k = 0; k < 24; k++) {
                double a = 0.2618 * k, b = a + 0.2618, r = 0.85 * size;

                stroke(out, w, h, x + r * cos(a), y + r * sin(a), x + r * cos(b),
                       y + r * sin(b), fmax(1, size / 9), value);
            }
        } else if (style < 0.4) {
            static const signed char *const digits[] = {glyph_1, glyph_2, glyph_4,
                                                        glyph_7};

            for (int k = 0; k < 3; k++)
                letter(out, w, h, digits[xr_rng_below(rng, 4)], x + (k - 1) * 0.5 * size,
                       y + size, 0.5 * size, 0, value);
        }
    }
    if (xr_rng_uniform(rng) < 0.12) { /* a table edge, a sheet or a scratch */
        double a = xr_rng_between(rng, 0, 6.28), r = side * xr_rng_between(rng, 0.3, 0.5);
        double cx = w / 2.0 + r * cos(a), cy = h / 2.0 + r * sin(a);

        value = xr_rng_between(rng, 90, 200);
        stroke(out, w, h, cx - side * sin(a), cy + side * cos(a), cx + side * sin(a),
               cy - side * cos(a), 1, value);
    }
}

void ph_film_print(uint8_t *out, struct ph_canvas *c, const struct ph_film *f, bool left,
                   struct xr_rng *noise, struct xr_rng *marks)
{
    size_t n = (size_t)c->w * c->h, count[BINS] = {0}, total = 0, seen = 0;
    float *a = c->bone, *t = c->core, top = 0, body;
    double low, high, scale;
    int radius = (c->w > c->h ? c->w : c->h) / 12, q;

    soften(a, c->tmp, c->w, c->h, f->blur * fmax(1, (c->w > c->h ? c->w : c->h) / 256.0));
    for (int y = 0; y < c->h; y++) {
        for (int x = 0; x < c->w; x++) {
            size_t i = (size_t)y * c->w + x;
            double heel = f->tilt[0] * ((double)x / c->w - 0.5) +
                          f->tilt[1] * ((double)y / c->h - 0.5);

            a[i] = expf(-a[i]) * (float)(1 + heel);
        }
    }
    /* scattered light: a very blurred copy, from the scratch of the bones */
    memcpy(t, a, n * sizeof *t);
    ph_blur(t, c->tmp, c->w, c->h, radius < 1 ? 1 : radius);
    for (size_t i = 0; i < n; i++) {
        float light = (a[i] + (float)f->scatter * t[i]) / (1 + (float)f->scatter);

        a[i] = -logf(light) + (float)f->noise * cheap_normal(noise) / sqrtf(light);
    }
    soften(a, c->tmp, c->w, c->h, 0.3);
    /* exposure: the brightest of what the shutter shows, and the mean of the body */
    for (size_t i = 0; i < n; i++)
        top = a[i] > top ? a[i] : top;
    scale = top > 0 ? (BINS - 1) / top : 0;
    for (size_t i = 0; i < n; i++) {
        int b = (int)(a[i] * scale);

        if (a[i] > 0.15) {
            count[b < 0 ? 0 : b]++;
            total++;
        }
    }
    for (q = 0; q < BINS - 1 && seen + count[q] < total * 995 / 1000; q++)
        seen += count[q];
    high = (q + 1) / fmax(scale, 1e-9) * f->high;
    seen = 0;
    for (q = 0; q < BINS - 1 && seen + count[q] < total * 3 / 10; q++)
        seen += count[q];
    body = (float)(q / fmax(scale, 1e-9));
    low = body * fmax(0, f->low);
    high = fmax(high, low + 0.2);
    for (size_t i = 0; i < n; i++)
        a[i] = (float)((a[i] - low) / (high - low));
    if (f->sharpen > 0) {
        int r = (c->w > c->h ? c->w : c->h) / 100;

        memcpy(t, a, n * sizeof *t);
        ph_blur(t, c->tmp, c->w, c->h, r < 1 ? 1 : r);
        for (size_t i = 0; i < n; i++)
            a[i] += (float)f->sharpen * (a[i] - t[i]);
    }
    for (int y = 0; y < c->h; y++) {
        for (int x = 0; x < c->w; x++) {
            size_t i = (size_t)y * c->w + x;
            float g = a[i] < 0 ? 0 : a[i] > 1 ? 1 : a[i];

            g = (float)f->floor + (253 - (float)f->floor) * powf(g, (float)f->gamma);
            out[i] = (uint8_t)(shut(f, c->w, c->h, x, y) ? f->outside : g + 0.5f);
        }
    }
    markers(out, c->w, c->h, left, marks);
}
