/* xr-augment: films from a table or files, decoded, brought to one shape and varied, as a
 * record stream. */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "prepare.h"

static const char *const splits[] = {"all", "train", "val", "test"};

struct settings {
    char *size, *fit, *like, *root, *classes, *key_replace, *shard;
    int split, interpolation, channels, balance;
    double balance_beta;
    int64_t fold, epochs;
    struct xr_list transforms;
    bool augment, skip_bad, list;
};

#define ROW(name, letter, kind, field, arg, lo, hi, choices, help)                       \
    {                                                                                    \
        name, letter, XR_OPT_##kind, offsetof(struct settings, field), arg, help, lo,    \
            hi, choices, false                                                           \
    }
#define TEXT(name, field, arg, help) ROW(name, 0, TEXT, field, arg, 0, 0, NULL, help)
#define FLAG(name, field, help) ROW(name, 0, FLAG, field, NULL, 0, 0, NULL, help)

static const struct xr_opt options[] = {
    ROW("split", 0, CHOICE, split, NULL, 0, 0, "all|train|val|test", "which films"),
    ROW("fold", 0, INT, fold, "F", -1, 1000000, NULL,
        "test is fold F, val the next, train the rest; -1: by the column split"),
    ROW("epochs", 0, INT, epochs, "N", 1, 1000000, NULL, "passes over varied films"),
    TEXT("size", size, "N|HxW", "height and width of the records (default 224)"),
    TEXT("fit", fit, "HOW", "pad, squash, crop or crop:RATIO (default pad)"),
    ROW("interpolation", 0, CHOICE, interpolation, NULL, 0, 0,
        "nearest|box|bilinear|bicubic|lanczos|area|linear", "how pixels are resampled"),
    ROW("channels", 0, CHOICE, channels, NULL, 0, 0, "gray|rgb", "what a pixel is"),
    TEXT("like", like, "MODEL", "size, fit, interpolation and channels of this model"),
    ROW("transform", 't', LIST, transforms, "CALL", 0, 0, NULL,
        "NAME(PARAMETER=VALUE,...); again for more, in order"),
    FLAG("augment", augment, "shuffle and vary (default with --split train)"),
    ROW("balance", 0, CHOICE, balance, NULL, 0, 0, XR_BALANCES,
        "shares of the classes in an epoch of varied films"),
    ROW("balance-beta", 0, REAL, balance_beta, "X", 0, 1, NULL,
        "effective: what the number of films saturates by"),
    FLAG("list-transforms", list, "print the transforms with their defaults"),
    {"root", 0, XR_OPT_TEXT, offsetof(struct settings, root), "DIR",
     "folder of relative paths", 0, 0, NULL, true},
    TEXT("classes", classes, "A,B", "class names in order"),
    TEXT("key-replace", key_replace, "FROM=TO", "replace text in keys, as in .=_"),
    TEXT("shard", shard, "I/N", "only part I of N of every epoch"),
    FLAG("skip-bad", skip_bad, "leave out, count and report films that cannot be read"),
    {NULL, 0, XR_OPT_FLAG, 0, NULL, NULL, 0, 0, NULL, false},
};

static const struct xr_tool tool = {
    .name = "xr-augment",
    .summary = "Decode, fit and vary films; write a record stream.",
    .operands = "[TABLE.csv | STREAM.tar | IMAGE...]",
    .options = options,
    .common =
        XR_CLI_OUTPUT | XR_CLI_JOBS | XR_CLI_SEED | XR_CLI_HISTORY | XR_CLI_PROGRESS,
    .max_operands = -1,
};

/* The settings of the run; what cannot be meant together is wrong usage. */
static int settle(struct xr_prepare *run, const struct settings *set,
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
    if (xr_fit_size(&run->fit, set->size ? set->size : "224", err) ||
        (set->shard && xr_prepare_shard(run, set->shard, err)))
        return -1;
    if (xr_fit_parse(&run->fit, set->fit ? set->fit : "pad", err))
        return xr_fail_in(err, "--fit");
    return set->like ? xr_prepare_like(run, set->like, inputs, err) : 0;
}

static int open_stream(struct xr_prepare *run, const struct xr_cli *cli,
                       const struct settings *set, struct xr_err *err)
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
    xr_prepare_like_stream(run, !xr_cli_given(cli, "size") && !xr_cli_given(cli, "like"),
                           !xr_cli_given(cli, "channels") && !xr_cli_given(cli, "like"));
    return 0;
}

/* What is read: image files, a stream, or a table. */
static int open_input(struct xr_prepare *run, struct xr_films *films,
                      const struct xr_cli *cli, const struct settings *set, cJSON *inputs,
                      struct xr_err *err)
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

static int open_chain(struct xr_chain **chain, const struct settings *set,
                      struct xr_err *err)
{
    size_t n = set->transforms.n;
    const char *const *texts = (const char *const *)set->transforms.items;

    if (n == 0)
        texts = xr_chain_default(&n);
    if (n == 1 && !strcmp(texts[0], "none"))
        n = 0;
    return xr_chain_parse(chain, texts, n, err) ? xr_fail_in(err, "--transform") : 0;
}

static void warn(struct xr_cli *cli, const struct xr_prepare *run,
                 const struct xr_prepared *p)
{
    char where[512];

    if (run->reader) {
        xr_cli_warn(cli, "%s: record '%s': %s", run->reader_name, p->record.key,
                    p->info.warning);
        return;
    }
    xr_films_where(where, sizeof where, run->films, p->film);
    xr_cli_warn(cli, "%s'%s': %s", where, run->films->films[p->film].path,
                p->info.warning);
}

/* The loop: films in, in order, until the end or the first bad one. */
static int stream(struct xr_cli *cli, const struct settings *set, struct xr_prepare *run,
                  struct xr_pool *pool, struct xr_writer *out, struct xr_err *err)
{
    uint64_t done = 0, total = 0; /* 0: a stream, of unknown length */
    size_t bad = 0, turned = 0;
    int got, failed;
    void *slot;

    if (!run->reader)
        total = (uint64_t)run->epochs * xr_prepare_records(run);
    while ((got = xr_pool_next(pool, &slot, &failed, err)) > 0) {
        struct xr_prepared *p = slot;

        xr_cli_progress(cli, "films", ++done, total);
        if (failed) {
            if (!set->skip_bad)
                return -1;
            xr_cli_warn(cli, "%s", err->text);
            xr_writer_skip(out);
            bad++;
            continue;
        }
        if (p->info.n_warnings && p->epoch == 1)
            warn(cli, run, p);
        turned += p->epoch == 1 && p->info.orientation > 1;
        if (xr_writer_put(out, &p->record, err))
            return -1;
    }
    if (bad)
        xr_cli_warn(cli, "%zu of %zu records skipped", bad, (size_t)done);
    if (turned)
        xr_cli_note(cli, "%zu films turned as their EXIF orientation says", turned);
    return got;
}

static int open_output(struct xr_writer **out, const struct xr_cli *cli,
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

static int list_transforms(const char *path, struct xr_err *err)
{
    struct xr_buf buf = {0};
    struct xr_out *out = NULL;
    int rc = xr_chain_describe(&buf, err) || xr_out_open(&out, path, 0, err) ||
             xr_out_write(out, buf.data, buf.size, err) || xr_out_finish(out, err);

    xr_out_close(out);
    xr_buf_free(&buf);
    return rc ? -1 : 0;
}

int main(int argc, char **argv)
{
    struct settings set = {
        .interpolation = XR_BICUBIC, .fold = -1, .epochs = 1, .balance_beta = 0.9999};
    struct xr_prepare run = {0};
    struct xr_films films = {0};
    struct xr_chain *chain = NULL;
    struct xr_pool *pool = NULL;
    struct xr_writer *out = NULL;
    struct xr_pool_job job;
    struct xr_err err = {0};
    struct xr_cli cli;
    cJSON *inputs = cJSON_CreateObject();
    int status = EXIT_FAILURE;

    xr_cli_parse(&cli, &tool, &set, argc, argv);
    mallopt(M_MMAP_THRESHOLD, 32 << 20); /* images come and go: keep their memory */
    mallopt(M_TRIM_THRESHOLD, 512 << 20);
    if (set.list) {
        status = list_transforms(cli.output, &err) ? EXIT_FAILURE : EXIT_SUCCESS;
        goto done;
    }
    if (settle(&run, &set, &cli, inputs, &err) || open_chain(&chain, &set, &err) ||
        open_input(&run, &films, &cli, &set, inputs, &err) ||
        xr_chain_check(chain, run.fit.height, run.fit.width, &err))
        goto done;
    run.chain = run.shuffle ? chain : NULL;
    job = xr_prepare_job(&run);
    if (xr_prepare_begin(&run, &err) || open_output(&out, &cli, &run, inputs, &err) ||
        xr_pool_open(&pool, &job, (size_t)cli.jobs, &err))
        goto done;
    if (stream(&cli, &set, &run, pool, out, &err) == 0 &&
        xr_writer_finish(out, &err) == 0)
        status = EXIT_SUCCESS;
done:
    xr_pool_close(pool);
    xr_writer_close(out);
    xr_reader_close(run.reader);
    xr_prepare_end(&run);
    xr_films_free(&films);
    xr_chain_free(chain);
    cJSON_Delete(inputs);
    return xr_cli_end(&cli, status, &err);
}
