/* Boxes and masks to measure: any bytes give figures from 0 to 1, or one line of error.
 */
#include <math.h>

#include "detect_read.h"
#include "fuzz.h"
#include "masks.h"
#include "stats_segment.h"

static void measure(const struct xr_detect_data *data)
{
    static const double rates[] = {0.5, 2};
    const struct xr_detect_input in = {data->truth,
                                       data->n_truth,
                                       data->found,
                                       data->n_found,
                                       data->cases.keys.n,
                                       data->classes.n,
                                       0.5,
                                       rates,
                                       2};
    struct xr_detect *d = NULL;
    uint32_t *weight = calloc(data->cases.keys.n, sizeof *weight);
    double *figures;

    for (size_t i = 0; i < data->cases.keys.n; i++)
        weight[i] = 1;
    /* what is read can be measured */
    if (!weight || xr_detect_open(&d, &in, NULL))
        abort();
    figures = calloc(xr_detect_n(d), sizeof *figures);
    if (!figures || xr_detect_eval(figures, weight, d, NULL))
        abort();
    for (size_t i = 0; i < xr_detect_n(d); i++)
        if (!(isnan(figures[i]) || (figures[i] >= 0 && figures[i] <= 1)))
            abort();
    free(figures);
    free(weight);
    xr_detect_close(d);
}

static void masks(const char *path)
{
    static const struct xr_masks_rule rule = {.threshold = 0.5};
    char json[80];
    struct xr_masks *masks = NULL;
    struct xr_mask mask = {0};
    struct xr_segment s;

    /* the suffix decides what it is read as */
    snprintf(json, sizeof json, "./fuzz-%ld.json", (long)getpid());
    unlink(json);
    if (symlink(path, json))
        return;
    if (xr_masks_open(&masks, json, &rule, NULL) == 0) {
        while (xr_masks_next(masks, &mask, NULL) == 1) {
            if (mask.height * mask.width > 1 << 16)
                break;
            if (xr_segment_measure(&s, mask.on, mask.on, mask.height, mask.width,
                                   (double[]){1, 1}, NULL) ||
                s.truth != s.both)
                abort();
        }
    }
    xr_mask_free(&mask);
    xr_masks_close(masks);
    unlink(json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct xr_detect_data read = {0};
    struct xr_err err = {0};
    const char *path = fuzz_file(data, size);

    if (xr_detect_read(&read, path, path, NULL, &err) == 0 &&
        xr_detect_suppress(&read, 0.5, &err) == 0 && read.cases.keys.n < 1 << 16)
        measure(&read);
    xr_detect_data_free(&read);
    masks(path);
    return 0;
}
