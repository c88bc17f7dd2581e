/*
 * What xr-cat does with streams and model files.
 */
#ifndef XR_CAT_H
#define XR_CAT_H

#include <stdbool.h>

#include "cli.h"

struct xr_cat {
    bool text, header, check, digests, phi; /* at most one; none: streams are joined */
    char *extract;                          /* suffix of the member to write, or NULL */
    struct xr_list keys;                    /* records to take; empty and no file: all */
    char *keys_file;
    int64_t first;  /* at most so many records, -1: all */
    cJSON *history; /* this run's entry, or NULL */
};

/*
 * Inputs ("-" is standard input) are read in order and to their end, whatever is taken. A
 * safetensors file is printed (architecture, classes, preprocessing, training, metrics,
 * history; with text the tensors too; with check its digest) and must stand alone. Every
 * key asked for must be there. Returns 0, or -1 with *err and nothing left under
 * `output`.
 */
int xr_cat_run(const struct xr_cat *cat, char **inputs, size_t n_inputs,
               const char *output, struct xr_err *err) XR_MUST_USE;

#endif
