/* From the options of xr-augment to a run: settings, input, output. */
#include "prepare_open.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "certificate.h"
#include "model.h"
#include "text.h"

static const char *const splits[] = {"all", "train", "val", "test"};

/* Two whole numbers with `between` between them, each from 1 to its `most`. */
static bool parse_two(int64_t *a, int64_t *b, const char *text, char between,
                      int64_t most_a, int64_t most_b)
{
    const char *at = strchr(text, between);
    char first[32] = "";

    if (!at || at - text >= 31)
        return false;
    memcpy(first, text, (size_t)(at - text));
    return xr_parse_int(a, first, 1, most_a, NULL) == 0 &&
           xr_parse_int(b, at + 1, 1, most_b, NULL) == 0;
}

/* "I/N"; "auto": as Slurm counts its tasks. */
static int parse_shard(struct xr_prepare *run, const char *text, struct xr_err *err)
{
    const char *task = getenv("SLURM_PROCID"), *tasks = getenv("SLURM_NTASKS");
    int64_t i, n;

    if (!strcmp(text, "auto")) {
        if (!task || !tasks || xr_parse_int(&n, tasks, 1, 1000000, NULL) ||
            xr_parse_int(&i, task, 0, n - 1, NULL))
            return xr_fail_usage(
                err, "--shard auto: SLURM_PROCID and SLURM_NTASKS are '%s' and '%s'",
                task ? task : "", tasks ? tasks : "");
        i++;
    } else if (!parse_two(&i, &n, text, '/', 1000000, 1000000) || i > n) {
        return xr_fail_usage(err, "--shard: '%s': not auto or I/N with I from 1 to N",
                             text);
    }
    run->shard = (size_t)i - 1;
    run->n_shards = (size_t)n;
    return 0;
}

/* "EPOCH:RECORD", both from 1. */
static int parse_start(struct xr_prepare *run, const char *text, struct xr_err *err)
{
    int64_t epoch, at;

    if (!parse_two(&epoch, &at, text, ':', 1000000, (int64_t)1 << 50))
        return xr_fail_usage(err, "--start-at: '%s': not EPOCH:RECORD, both from 1",
                             text);
    run->start_epoch = epoch;
    run->start_at = (uint64_t)at - 1;
    return 0;
}

/* "LOW:HIGH", percentiles. */
static int parse_stretch(struct xr_prepare *run, const char *text, struct xr_err *err)
{
    double *ends = run->stretch_ends;
    const char *at = strchr(text, ':');
    char low[32] = "";

    if (at && at - text < 31)
        memcpy(low, text, (size_t)(at - text));
    if (!at || xr_parse_real(&ends[0], low, 0, 100, NULL) ||
        xr_parse_real(&ends[1], at + 1, 0, 100, NULL) || ends[0] >= ends[1])
        return xr_fail_usage(
            err, "--stretch: '%s': not LOW:HIGH, percentiles from 0 to 100", text);
    run->stretch = true;
    return 0;
}

static int parse_size(struct xr_fit *fit, const char *text, struct xr_err *err)
{
    int64_t h, w;
    bool square = xr_parse_int(&h, text, 1, 16384, NULL) == 0;

    if (!square && !parse_two(&h, &w, text, 'x', 16384, 16384))
        return xr_fail_usage(err, "--size: '%s': not N or HxW from 1 to 16384", text);
    w = square ? h : w;
    fit->height = (size_t)h;
    fit->width = (size_t)w;
    return 0;
}

static int like_model(struct xr_prepare *run, const char *path, cJSON *inputs,
                      struct xr_err *err)
{
    struct xr_model model;
    struct xr_preprocess pre;
    int rc = -1;

    if (xr_model_open(&model, path, err))
        return -1;
    if (xr_model_preprocess(&pre, &model, err) == 0 &&
        xr_model_digest(&model, err) == 0) {
        cJSON_AddStringToObject(inputs, xr_last_part(path), model.digest);
        run->fit.height = pre.height;
        run->fit.width = pre.width;
        run->color = pre.channels == 1 ? XR_COLOR_GRAY : XR_COLOR_RGB;
        run->fit.interp = XR_NEAREST;
        rc = xr_fit_parse(&run->fit, pre.fit, err);
        while (rc == 0 && strcmp(xr_interp_names[run->fit.interp], pre.interpolation)) {
            if (++run->fit.interp == XR_N_INTERP)
                rc = xr_fail(err, "unknown interpolation '%s'", pre.interpolation);
        }
        if (rc) { /* not the command line's fault */
            xr_fail_in(err, "%s", path);
            err->usage = 0;
        }
    }
    xr_model_close(&model);
    return rc;
}

static void like_stream(struct xr_prepare *run, bool size, bool channels, bool depth)
{
    const struct xr_stream_header *h = xr_source_header(run->source);

    if (size && h->height && h->width) {
        run->fit.height = h->height;
        run->fit.width = h->width;
    }
    if (channels && h->channels)
        run->color = h->channels == 1 ? XR_COLOR_GRAY : XR_COLOR_RGB;
    if (depth)
        run->depth = h->dtype == XR_U16 ? 16 : 8;
}

/* The settings of the run; what cannot be meant together is wrong usage. */
int xr_prepare_settle(struct xr_prepare *run, const struct xr_prepare_set *set,
                      const struct xr_cli *cli, cJSON *inputs, struct xr_err *err)
{
    static const char *const copied[] = {"size", "fit", "interpolation", "channels"};

    for (size_t i = 0; set->like && i < sizeof copied / sizeof *copied; i++) {
        if (xr_cli_given(cli, copied[i]))
            return xr_fail_usage(err, "--like and --%s exclude each other", copied[i]);
    }
    run->fit.interp = (enum xr_interp)set->interpolation;
    run->color = set->channels == 0 ? XR_COLOR_GRAY : XR_COLOR_RGB;
    run->depth = set->depth == 0 ? 8 : 16;
    run->split = splits[set->split];
    run->split_given = xr_cli_given(cli, "split");
    run->fold = set->fold;
    run->seed = (uint64_t)cli->seed;
    run->n_shards = 1;
    run->start_epoch = 1;
    run->min_visible = set->min_visible;
    run->polygon_mask = set->polygon_mask;
    run->fast_decode = set->fast_decode;
    run->shuffle =
        xr_cli_given(cli, "augment") ? set->augment : strcmp(run->split, "train") == 0;
    run->epochs = run->shuffle ? set->epochs : 1;
    run->balance = run->shuffle ? (enum xr_balance_kind)set->balance : XR_BALANCE_NONE;
    run->balance_beta = set->balance_beta;
    if (parse_size(&run->fit, set->size ? set->size : "224", err) ||
        (set->shard && parse_shard(run, set->shard, err)) ||
        (set->start_at && parse_start(run, set->start_at, err)) ||
        (set->stretch && parse_stretch(run, set->stretch, err)))
        return -1;
    if (set->deidentify_key && !set->deidentify)
        return xr_fail_usage(err, "--deidentify-key: only with --deidentify");
    if (set->deidentify && xr_deidentify_open(&run->deidentify, set->deidentify_key, err))
        return -1;
    if (xr_fit_parse(&run->fit, set->fit ? set->fit : "pad", err))
        return xr_fail_in(err, "--fit");
    return set->like ? like_model(run, set->like, inputs, err) : 0;
}

/* Options that need films, not records. */
static int open_streams(struct xr_prepare *run, const struct xr_cli *cli,
                        const struct xr_prepare_set *set, struct xr_err *err)
{
    static const char *const useless[] = {
        "coco",      "box-names", "polygon-mask", "fast-decode", "cache",
        "cache-max", "fold",      "inner",        "subset",      "certificate",
        "epochs",    "root",      "key-replace",  "balance"};
    static char *standard[] = {"-"};
    bool operands = cli->n_operands > 0;
    struct xr_source_rule rule = {.paths = operands ? cli->operands : standard,
                                  .n_paths = operands ? cli->n_operands : 1,
                                  .shard = run->shard,
                                  .n_shards = run->n_shards,
                                  .buffer = (size_t)set->shuffle_buffer,
                                  .seed = run->seed,
                                  .epoch = run->start_epoch,
                                  .at = run->start_at};

    for (size_t i = 0; i < sizeof useless / sizeof *useless; i++) {
        if (xr_cli_given(cli, useless[i]))
            return xr_fail_usage(
                err, "--%s: only for a table or image files, not a stream", useless[i]);
    }
    run->classes = set->classes;
    run->buffer = rule.buffer;
    run->shuffle =
        xr_cli_given(cli, "augment") ? run->shuffle : run->split_given && run->shuffle;
    if (xr_source_open(&run->source, &rule, err))
        return -1;
    like_stream(run, !xr_cli_given(cli, "size") && !xr_cli_given(cli, "like"),
                !xr_cli_given(cli, "channels") && !xr_cli_given(cli, "like"),
                !xr_cli_given(cli, "depth"));
    return 0;
}

/* What is no stream. */
static int open_films(struct xr_films *films, int kind, const struct xr_cli *cli,
                      const struct xr_prepare_set *set, const struct xr_films_rule *rule,
                      struct xr_err *err)
{
    const char *input = xr_cli_input(cli);

    if (set->files_from) {
        if (cli->n_operands)
            return xr_fail_usage(err, "'%s': --files-from names the films already",
                                 cli->operands[0]);
        return xr_films_list(films, set->files_from, set->null, rule, err);
    }
    if (kind == 'i' && strcmp(input, "-"))
        return xr_films_files(films, cli->operands, cli->n_operands, rule, err);
    if (cli->n_operands > 1)
        return xr_fail_usage(err, "'%s': give one table or folder, or streams, or images",
                             cli->operands[1]);
    if (kind == 'd' && set->root)
        return xr_fail_usage(err, "--root: a folder of classes is its own root");
    return kind == 'd' ? xr_films_folder(films, input, rule, err)
                       : xr_films_table(films, input, rule, err);
}

/* Is the table the split that the certificate is of? */
static int certify(const struct xr_films *films, const struct xr_cli *cli,
                   const char *path, cJSON *inputs, struct xr_err *err)
{
    struct xr_certificate certificate = {0};
    int status = 0;

    if (!films->has_table)
        return xr_fail_usage(err, "--certificate: only for a table");
    if (xr_certificate_read(&certificate, path, err) ||
        xr_certificate_verify(&certificate, &films->table, true, err)) {
        status = -1;
    } else {
        if (!xr_certificate_grouped(&certificate))
            xr_cli_warn(cli, "%s: the split was made without groups", certificate.name);
        cJSON_AddStringToObject(inputs, xr_last_part(path), certificate.digest);
    }
    xr_certificate_free(&certificate);
    return status;
}

int xr_prepare_input(struct xr_prepare *run, struct xr_films *films,
                     const struct xr_cli *cli, const struct xr_prepare_set *set,
                     cJSON *inputs, struct xr_err *err)
{
    struct xr_films_rule rule = {.split = splits[set->split],
                                 .fold = set->fold,
                                 .inner = set->inner,
                                 .subset = set->subset,
                                 .classes = set->classes,
                                 .root = set->root,
                                 .key_replace = set->key_replace};
    uint64_t most = 0;
    int kind = set->files_from ? 'i' : xr_films_sniff(xr_cli_input(cli));

    run->films = films;
    if (kind == 't')
        return open_streams(run, cli, set, err);
    if (set->shuffle_buffer)
        return xr_fail_usage(err, "--shuffle-buffer: only for a stream; tables and image "
                                  "files are shuffled as a whole");
    if (set->null && !set->files_from)
        return xr_fail_usage(err, "--null: only with --files-from");
    if (kind == 'i' && run->balance != XR_BALANCE_NONE)
        return xr_fail_usage(err, "--balance: image files have no labels");
    if (open_films(films, kind, cli, set, &rule, err))
        return -1;
    if (films->name && strcmp(films->name, "standard input"))
        cJSON_AddStringToObject(inputs, xr_last_part(films->name), films->digest);
    if (set->cache_max && !set->cache)
        return xr_fail_usage(err, "--cache-max: only with --cache");
    if (set->cache_max && xr_parse_bytes(&most, set->cache_max, err))
        return xr_fail_in(err, "--cache-max");
    if (set->cache && xr_cache_open(&run->cache, set->cache, most, err))
        return xr_fail_in(err, "--cache");
    if (xr_prepare_boxes_open(run, set->coco, set->box_names, inputs, err))
        return -1;
    if (set->certificate && certify(films, cli, set->certificate, inputs, err))
        return -1;
    if (run->deidentify && xr_deidentify_films(films, run->deidentify, err))
        return -1;
    if (films->n_others)
        xr_cli_warn(cli, "%s: %zu files without an image's suffix left out",
                    xr_cli_input(cli), films->n_others);
    return 0;
}

int xr_prepare_output(struct xr_writers **out, const struct xr_cli *cli,
                      const struct xr_prepare_set *set, const struct xr_prepare *run,
                      const cJSON *inputs, struct xr_err *err)
{
    struct xr_parts parts = {.records = (uint64_t)set->shard_records};
    struct xr_stream_header header;
    cJSON *entry;
    int rc;

    if (set->shard_size && xr_parse_bytes(&parts.bytes, set->shard_size, err))
        return xr_fail_in(err, "--shard-size");
    entry = xr_cli_history(cli, inputs);
    if (xr_prepare_header(&header, run, err)) {
        cJSON_Delete(entry);
        return -1;
    }
    if (run->deidentify) {
        xr_deidentify_header(&header);
        xr_deidentify_history(entry);
    }
    if (!header.history)
        header.history = cJSON_CreateArray();
    if (entry)
        cJSON_AddItemToArray(header.history, entry);
    rc = xr_writers_open(out, cli->output, &parts, &header, err);
    xr_stream_header_free(&header);
    if (rc == 0 && !run->deidentify && !run->source && run->films->name &&
        strcmp(run->films->name, "standard input") == 0)
        rc = xr_writers_source(*out, run->films->name, run->films->digest, err);
    return rc;
}

void xr_prepare_warning(char *text, size_t size, const struct xr_prepare *run,
                        const struct xr_prepared *p)
{
    char where[512];

    if (run->source) {
        snprintf(text, size, "%s: record '%s': %s", p->from, p->record.key,
                 p->info.warning);
        return;
    }
    xr_films_where(where, sizeof where, run->films, p->film);
    snprintf(text, size, "%s'%s': %s", where, run->films->films[p->film].path,
             p->info.warning);
}
