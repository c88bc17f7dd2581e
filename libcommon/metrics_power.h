/*
 * xr-metrics --power: how many cases intervals of wanted widths need, as a JSON object.
 */
#ifndef XR_METRICS_POWER_H
#define XR_METRICS_POWER_H

#include "cli.h"
#include "metrics_classify.h"

/* What is asked for; the command line fills it. Nothing is owned. */
struct xr_power_set {
    struct xr_list power;  /* "FIGURE[:CLASS]=HALFWIDTH" */
    struct xr_list expect; /* "FIGURE[:CLASS]=VALUE", also of prevalence */
};

/*
 * The JSON object with its history, which the caller deletes; NULL with *err. path: a
 * table of predictions that tells what to expect; NULL: --expect tells it.
 */
cJSON *xr_power_run(const struct xr_power_set *set, const struct xr_classify *classify,
                    const struct xr_cli *cli, const char *path,
                    struct xr_err *err) XR_MUST_USE;

#endif
