/* From the options of xr-augment to a run: settings, input, output. */
#include "prepare_open.h"

#include <stdio.h>
#include <string.h>

#include "model.h"

static const char *const splits[] = {"all", "train", "val", "test"};

static int parse_shard(struct xr_prepare *run, const char *text, struct xr_err *err)
{
    const char *slash = strchr(text, '/');
    char first[32] = "";
    int64_t i, n;

    if (slash && slash - text < 31)
        memcpy(first, text, (size_t)(slash - text));
    if (!slash || xr_parse_int(&n, slash + 1, 1, 1000000, NULL) ||
        xr_parse_int(&i, first, 1, n, NULL))
        return xr_fail_usage(err, "--shard: '%s': not I/N with I from 1 to N", text);
    run->shard = (size_t)i - 1;
    run->n_shards = (size_t)n;
    return 0;
}

static int parse_size(struct xr_fit *fit, const char *text, struct xr_err *err)
{
    const char *x = strchr(text, 'x');
    char first[32] = "";
    int64_t h, w;

    if (x && x - text < 31)
        memcpy(first, text, (size_t)(x - text));
    if (xr_parse_int(&h, x ? first : text, 1, 16384, NULL) ||
        xr_parse_int(&w, x ? x + 1 : text, 1, 16384, NULL))
        return xr_fail_usage(err, "--size: '%s': not N or HxW from 1 to 16384", text);
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

static void like_stream(struct xr_prepare *run, bool size, bool channels)
{
    const struct xr_stream_header *h = xr_reader_header(run->reader);

    if (size && h->height && h->width) {
        run->fit.height = h->height;
        run->fit.width = h->width;
    }
    if (channels && h->channels)
        run->color = h->channels == 1 ? XR_COLOR_GRAY : XR_COLOR_RGB;
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
    run->split = splits[set->split];
    run->split_given = xr_cli_given(cli, "split");
    run->fold = set->fold;
    run->seed = (uint64_t)cli->seed;
    run->n_shards = 1;
    run->shuffle =
        xr_cli_given(cli, "augment") ? set->augment : strcmp(run->split, "train") == 0;
    run->epochs = run->shuffle ? set->epochs : 1;
    run->balance = run->shuffle ? (enum xr_balance_kind)set->balance : XR_BALANCE_NONE;
    run->balance_beta = set->balance_beta;
    if (parse_size(&run->fit, set->size ? set->size : "224", err) ||
        (set->shard && parse_shard(run, set->shard, err)))
        return -1;
    if (xr_fit_parse(&run->fit, set->fit ? set->fit : "pad", err))
        return xr_fail_in(err, "--fit");
    return set->like ? like_model(run, set->like, inputs, err) : 0;
}

static int open_stream(struct xr_prepare *run, const struct xr_cli *cli,
                       const struct xr_prepare_set *set, struct xr_err *err)
{
    static const char *const useless[] = {"fold", "epochs", "root", "key-replace",
                                          "balance"};

    for (size_t i = 0; i < sizeof useless / sizeof *useless; i++) {
        if (xr_cli_given(cli, useless[i]))
            return xr_fail_usage(
                err, "--%s: only for a table or image files, not a stream", useless[i]);
    }
    run->classes = set->classes;
    run->reader_name = xr_input_name(xr_cli_input(cli));
    run->shuffle =
        xr_cli_given(cli, "augment") ? run->shuffle : run->split_given && run->shuffle;
    if (xr_reader_open(&run->reader, xr_cli_input(cli), true, err))
        return -1;
    like_stream(run, !xr_cli_given(cli, "size") && !xr_cli_given(cli, "like"),
                !xr_cli_given(cli, "channels") && !xr_cli_given(cli, "like"));
    return 0;
}

/* What is read: image files, a stream, or a table. */
int xr_prepare_input(struct xr_prepare *run, struct xr_films *films,
                     const struct xr_cli *cli, const struct xr_prepare_set *set,
                     cJSON *inputs, struct xr_err *err)
{
    struct xr_films_rule rule = {splits[set->split], set->fold, set->classes, set->root,
                                 set->key_replace};
    int kind = xr_films_sniff(xr_cli_input(cli));

    run->films = films;
    if (kind == 'i' && run->balance != XR_BALANCE_NONE)
        return xr_fail_usage(err, "--balance: image files have no labels");
    if (kind == 'i' && cli->n_operands && strcmp(cli->operands[0], "-"))
        return xr_films_files(films, cli->operands, cli->n_operands, &rule, err);
    if (cli->n_operands > 1)
        return xr_fail_usage(err, "'%s': give one table or stream, or image files",
                             cli->operands[1]);
    if (kind == 't')
        return open_stream(run, cli, set, err);
    if (xr_films_table(films, xr_cli_input(cli), &rule, err))
        return -1;
    if (strcmp(xr_cli_input(cli), "-"))
        cJSON_AddStringToObject(inputs, xr_last_part(films->name), films->table.digest);
    return 0;
}

int xr_prepare_output(struct xr_writer **out, const struct xr_cli *cli,
                      const struct xr_prepare *run, const cJSON *inputs,
                      struct xr_err *err)
{
    struct xr_stream_header header;
    cJSON *entry = xr_cli_history(cli, inputs);
    int rc;

    if (xr_prepare_header(&header, run, err)) {
        cJSON_Delete(entry);
        return -1;
    }
    if (!header.history)
        header.history = cJSON_CreateArray();
    if (entry)
        cJSON_AddItemToArray(header.history, entry);
    rc = xr_writer_open(out, cli->output, &header, err);
    xr_stream_header_free(&header);
    if (rc == 0 && !run->reader && run->films->has_table &&
        strcmp(xr_cli_input(cli), "-") == 0)
        rc = xr_writer_source(*out, "standard input", run->films->table.digest, err);
    return rc;
}

void xr_prepare_warning(char *text, size_t size, const struct xr_prepare *run,
                        const struct xr_prepared *p)
{
    char where[512];

    if (run->reader) {
        snprintf(text, size, "%s: record '%s': %s", run->reader_name, p->record.key,
                 p->info.warning);
        return;
    }
    xr_films_where(where, sizeof where, run->films, p->film);
    snprintf(text, size, "%s'%s': %s", where, run->films->films[p->film].path,
             p->info.warning);
}
