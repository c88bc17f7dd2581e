/*
 * Maps of a classifier's probabilities to calibrated ones, fitted on rows that are
 * neither trained nor tested on.
 *
 *   temperature  softmax(log p / T): one number, the order of classes stays (Guo et al.,
 *                ICML 2017). log T is searched in [-4, 4]
 *   platt        1 / (1 + exp(-(a logit p + b))) of each class, normalised; with Platt's
 *                targets (n + 1) / (n + 2) and 1 / (n + 2) (Platt 1999)
 *   isotonic     a rising step of each class, straight between its values, normalised
 *                (Zadrozny and Elkan, KDD 2002)
 *   dirichlet    softmax(W log p + b), W with a ridge (Kull et al., NeurIPS 2019)
 *
 * Of two classes, platt and isotonic are of the second one's probability. Logarithms are
 * of probabilities clipped to [2^-52, 1 - 2^-52].
 */
#ifndef XR_STATS_CALIBRATION_H
#define XR_STATS_CALIBRATION_H

#include <stdbool.h>
#include <stdint.h>

#include <cjson/cJSON.h>

#include "err.h"
#include "io.h"

enum xr_calibration_method {
    XR_CALIBRATE_NONE,
    XR_CALIBRATE_TEMPERATURE,
    XR_CALIBRATE_PLATT,
    XR_CALIBRATE_ISOTONIC,
    XR_CALIBRATE_DIRICHLET
};
const char *xr_calibration_name(enum xr_calibration_method method);

#define XR_DIRICHLET_RIDGE 1.0
#define XR_CALIBRATION_CLASSES 1024 /* at most */

/* A rising map: y at x, straight between, constant outside. x rises. */
struct xr_steps {
    size_t n;
    double *x, *y;
};

/* Owned: xr_calibration_free. Once made it is only read: threads may share it. */
struct xr_calibration {
    enum xr_calibration_method method;
    size_t k, n_maps; /* n_maps: classes that platt and isotonic have a map of */
    double temperature;
    bool at_bound;               /* the best temperature is outside of the bounds */
    double *a, *b;               /* [n_maps] platt */
    struct xr_steps *steps;      /* [n_maps] isotonic */
    double *w;                   /* [k][k + 1] dirichlet, the intercept last */
    char **classes;              /* [k] of a file that was read; NULL otherwise */
    char digest[XR_SHA256_TEXT]; /* of that file */
};

/*
 * Fit on p [n][k], probabilities, and label [n] below k. Refused: no row, one class or
 * too many, for platt and isotonic a class that no row or every row is of.
 */
int xr_calibration_fit(struct xr_calibration *calibration,
                       enum xr_calibration_method method, const double *p,
                       const uint32_t *label, size_t n, size_t k,
                       struct xr_err *err) XR_MUST_USE;
void xr_calibration_free(struct xr_calibration *calibration);

/* p [k] calibrated in place; it adds up to 1. */
void xr_calibration_apply(const struct xr_calibration *calibration, double *p);

/*
 * The temperature of logits z [n][k]: *t minimises the mean negative log likelihood of
 * softmax(z / t), by the root of its derivative in log t to the last bits; *at_bound:
 * there is none in [-4, 4]. The loss is convex in 1 / t.
 */
void xr_temperature_fit(double *t, bool *at_bound, const double *z, const uint32_t *label,
                        size_t n, size_t k);

/* {"method", "classes", "parameters"}; the caller owns it, NULL: out of memory. */
cJSON *xr_calibration_json(const struct xr_calibration *calibration,
                           const char *const *classes);

/* Read a file of xr-metrics --calibration-out: {"calibration": that object, ...}.
 * Whatever is not as it should be is refused, with the file's name. */
int xr_calibration_read(struct xr_calibration *calibration, const char *path,
                        struct xr_err *err) XR_MUST_USE;

#endif
