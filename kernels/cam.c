/* Class activation maps: one table row a method. */
#include "cam.h"

#include <string.h>

/* Sum over channels of weight * activation, added to map. */
static void add_channel(double *sum, const float *act, double weight, size_t hw)
{
    for (size_t i = 0; i < hw; i++)
        sum[i] += weight * act[i];
}

enum {
    MAX_BLOCK = 4096
};

/* Every method is a sum over channels, so it can be taken a block of pixels at a time:
 * `weight` is asked once a channel, or NULL where `each` gives the term of a pixel
 * itself. */
static void sum_channels(float *map, const float *act, const float *grad, size_t c,
                         size_t hw,
                         double (*weight)(const float *act, const float *grad, size_t hw),
                         double (*each)(double a, double g))
{
    double block[MAX_BLOCK];

    for (size_t from = 0; from < hw; from += MAX_BLOCK) {
        size_t n = hw - from < MAX_BLOCK ? hw - from : MAX_BLOCK;

        memset(block, 0, sizeof block);
        for (size_t k = 0; k < c; k++) {
            const float *a = act + k * hw, *g = grad + k * hw;

            if (weight) {
                add_channel(block, a + from, weight(a, g, hw), n);
                continue;
            }
            for (size_t i = 0; i < n; i++)
                block[i] += each(a[from + i], g[from + i]);
        }
        for (size_t i = 0; i < n; i++)
            map[from + i] = (float)block[i];
    }
}

static double mean_gradient(const float *act, const float *grad, size_t hw)
{
    double sum = 0;

    (void)act;
    for (size_t i = 0; i < hw; i++)
        sum += grad[i];
    return sum / (double)hw;
}

static double plus_plus(const float *act, const float *grad, size_t hw)
{
    double activity = 0, sum = 0;

    for (size_t i = 0; i < hw; i++)
        activity += act[i];
    for (size_t i = 0; i < hw; i++) {
        double g = grad[i], g2 = g * g, a;

        if (!(g > 0)) /* max(g, 0) is the factor: negative gradients add nothing */
            continue;
        a = g2 / (2 * g2 + activity * g2 * g + 1e-6);
        sum += g * a;
    }
    return sum;
}

static double normalised(const float *act, const float *grad, size_t hw)
{
    double activity = 0, product = 0;

    for (size_t i = 0; i < hw; i++) {
        activity += act[i];
        product += (double)grad[i] * act[i];
    }
    return product / (activity + 1e-7);
}

static double product(double a, double g)
{
    return a * g;
}

static double positive_gradient(double a, double g)
{
    return g > 0 ? a * g : 0;
}

static double positive_product(double a, double g)
{
    return a * g > 0 ? a * g : 0;
}

static void gradcam(float *map, const float *act, const float *grad, size_t c, size_t hw)
{
    sum_channels(map, act, grad, c, hw, mean_gradient, NULL);
}

static void gradcampp(float *map, const float *act, const float *grad, size_t c,
                      size_t hw)
{
    sum_channels(map, act, grad, c, hw, plus_plus, NULL);
}

static void xgradcam(float *map, const float *act, const float *grad, size_t c, size_t hw)
{
    sum_channels(map, act, grad, c, hw, normalised, NULL);
}

static void hirescam(float *map, const float *act, const float *grad, size_t c, size_t hw)
{
    sum_channels(map, act, grad, c, hw, NULL, product);
}

static void layercam(float *map, const float *act, const float *grad, size_t c, size_t hw)
{
    sum_channels(map, act, grad, c, hw, NULL, positive_gradient);
}

static void elementwise(float *map, const float *act, const float *grad, size_t c,
                        size_t hw)
{
    sum_channels(map, act, grad, c, hw, NULL, positive_product);
}

static const struct xk_cam methods[] = {
    {"gradcam", "Selvaraju et al. 2017, eq. 1 and 2", gradcam},
    {"gradcampp", "Chattopadhay et al. 2018, eq. 19, as pytorch-grad-cam 1.5.7",
     gradcampp},
    {"hirescam", "Draelos and Carin 2020", hirescam},
    {"layercam", "Jiang et al. 2021, eq. 6", layercam},
    {"xgradcam", "Fu et al. 2020, eq. 8", xgradcam},
    {"gradcam_elementwise", "pytorch-grad-cam 1.5.7, GradCAMElementWise", elementwise},
};

const struct xk_cam *xk_cam_at(size_t i)
{
    return i < sizeof methods / sizeof *methods ? &methods[i] : NULL;
}

const struct xk_cam *xk_cam_find(const char *name)
{
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        if (!strcmp(methods[i].name, name))
            return &methods[i];
    }
    return NULL;
}

void xk_cam_scale(float *map, size_t n)
{
    float low, high;

    if (!n)
        return;
    for (size_t i = 0; i < n; i++)
        map[i] = map[i] > 0 ? map[i] : 0;
    low = high = map[0];
    for (size_t i = 0; i < n; i++) {
        low = map[i] < low ? map[i] : low;
        high = map[i] > high ? map[i] : high;
    }
    for (size_t i = 0; i < n; i++)
        map[i] = (map[i] - low) / (1e-7f + (high - low));
}
