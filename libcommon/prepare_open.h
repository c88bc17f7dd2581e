/*
 * How the options of xr-augment become a run: what is meant together, which kind of input
 * it is, what the output's header says.
 */
#ifndef XR_PREPARE_OPEN_H
#define XR_PREPARE_OPEN_H

#include "cli.h"
#include "prepare.h"

#define XR_PREPARE_SPLITS "all|train|val|test"

/* The options of the same names. Texts are NULL where they were not given. */
struct xr_prepare_set {
    char *size, *fit, *like, *root, *classes, *key_replace, *shard, *start_at,
        *files_from, *certificate, *deidentify_key, *shard_size, *coco, *box_names,
        *cache, *cache_max, *stretch;
    int split, interpolation, channels, depth, balance;
    double balance_beta, subset, min_visible;
    int64_t fold, inner, epochs, shuffle_buffer, shard_records;
    bool augment, null, deidentify, polygon_mask, fast_decode;
};
#define XR_PREPARE_DEFAULT                                                               \
    {                                                                                    \
        .interpolation = XR_BICUBIC, .fold = -1, .inner = -1, .epochs = 1,               \
        .balance_beta = 0.9999, .min_visible = 0.1                                       \
    }

/* The settings of the run. What cannot be meant together is wrong usage. The digest of
 * the model of --like goes into the object `inputs`. */
int xr_prepare_settle(struct xr_prepare *run, const struct xr_prepare_set *set,
                      const struct xr_cli *cli, cJSON *inputs,
                      struct xr_err *err) XR_MUST_USE;

/*
 * Open what is read, by its content: streams (run->source, which the caller closes), or
 * image files, a list of them, a folder of classes or a table (*films, which the caller
 * frees). The digest of a table or list that is a file goes into `inputs`. Warns of what
 * a folder has besides images.
 */
int xr_prepare_input(struct xr_prepare *run, struct xr_films *films,
                     const struct xr_cli *cli, const struct xr_prepare_set *set,
                     cJSON *inputs, struct xr_err *err) XR_MUST_USE;

/* Open the output, in parts where that was asked for, with its header, to which this
 * run's entry of the history is added. */
int xr_prepare_output(struct xr_writers **out, const struct xr_cli *cli,
                      const struct xr_prepare_set *set, const struct xr_prepare *run,
                      const cJSON *inputs, struct xr_err *err) XR_MUST_USE;

/* The decoder's first warning about a film, with where it stands. */
void xr_prepare_warning(char *text, size_t size, const struct xr_prepare *run,
                        const struct xr_prepared *prepared);

#endif
