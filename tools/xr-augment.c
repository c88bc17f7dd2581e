/* xr-augment: films from a table or files, decoded, brought to one shape and varied, as a
 * record stream. */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "prepare_open.h"
#include "preview.h"

struct settings {
    struct xr_prepare_set run;
    struct xr_list transforms;
    char *replay;
    int64_t preview;
    bool skip_bad, list;
};

#define ROW(name, letter, kind, field, arg, lo, hi, choices, help)                       \
    {                                                                                    \
        name, letter, XR_OPT_##kind, offsetof(struct settings, field), arg, help, lo,    \
            hi, choices, false                                                           \
    }
#define TEXT(name, field, arg, help) ROW(name, 0, TEXT, field, arg, 0, 0, NULL, help)
#define FLAG(name, field, help) ROW(name, 0, FLAG, field, NULL, 0, 0, NULL, help)

static const struct xr_opt options[] = {
    ROW("split", 0, CHOICE, run.split, NULL, 0, 0, XR_PREPARE_SPLITS, "which films"),
    ROW("fold", 0, INT, run.fold, "F", -1, 1000000, NULL,
        "test is fold F, val the next, train the rest; -1: by the column split"),
    ROW("inner", 0, INT, run.inner, "I", -1, 1000000, NULL,
        "with --fold: val is fold I of the rest (xr-split --nested)"),
    ROW("subset", 0, REAL, run.subset, "X", 0, 1, NULL,
        "train: only this share (xr-split --subsets); 0: all"),
    TEXT("certificate", run.certificate, "FILE", "the table must be this split"),
    ROW("epochs", 0, INT, run.epochs, "N", 1, 1000000, NULL, "passes over varied films"),
    TEXT("size", run.size, "N|HxW", "height and width of the records (default 224)"),
    TEXT("fit", run.fit, "HOW", "pad, squash, crop or crop:RATIO (default pad)"),
    ROW("interpolation", 0, CHOICE, run.interpolation, NULL, 0, 0, XR_INTERPS,
        "how pixels are resampled"),
    ROW("channels", 0, CHOICE, run.channels, NULL, 0, 0, "gray|rgb", "what a pixel is"),
    ROW("depth", 0, CHOICE, run.depth, NULL, 0, 0, "8|16", "bits of each of its levels"),
    TEXT("stretch", run.stretch, "LOW:HIGH",
         "black and white at these percentiles of each film"),
    TEXT("like", run.like, "MODEL",
         "size, fit, interpolation and channels of this model"),
    ROW("transform", 't', LIST, transforms, "CALL", 0, 0, NULL,
        "NAME(PARAMETER=VALUE,...); again for more, in order"),
    TEXT("replay", replay, "FILE",
         "apply what this stream (or JSON lines) says was applied"),
    FLAG("augment", run.augment, "shuffle and vary (default with --split train)"),
    ROW("balance", 0, CHOICE, run.balance, NULL, 0, 0, XR_BALANCES,
        "shares of the classes in an epoch of varied films"),
    ROW("balance-beta", 0, REAL, run.balance_beta, "X", 0, 1, NULL,
        "effective: what the number of films saturates by"),
    ROW("preview", 0, INT, preview, "N", 0, 1000, NULL,
        "write no stream but a PNG: N films beside their first epochs"),
    FLAG("list-transforms", list, "print the transforms with their defaults"),
    {"root", 0, XR_OPT_TEXT, offsetof(struct settings, run.root), "DIR",
     "folder of relative paths", 0, 0, NULL, true},
    TEXT("classes", run.classes, "A,B", "class names in order"),
    TEXT("key-replace", run.key_replace, "FROM=TO", "replace text in keys, as in .=_"),
    TEXT("coco", run.coco, "FILE", "boxes and polygons of the films, as COCO JSON"),
    TEXT("box-names", run.box_names, "A,B", "names of the classes in YOLO's files"),
    ROW("min-visible", 0, REAL, run.min_visible, "X", 0, 1, NULL,
        "drop boxes of which less is left"),
    FLAG("polygon-mask", run.polygon_mask, "draw polygons as the mask, where is none"),
    FLAG("fast-decode", run.fast_decode, "decode large JPEGs no larger than needed"),
    {"cache", 0, XR_OPT_TEXT, offsetof(struct settings, run.cache), "DIR",
     "keep decoded and fitted films there", 0, 0, NULL, true},
    {"cache-max", 0, XR_OPT_TEXT, offsetof(struct settings, run.cache_max), "SIZE",
     "as long as it holds no more than SIZE", 0, 0, NULL, true},
    TEXT("files-from", run.files_from, "FILE", "read the image files that FILE lists"),
    ROW("null", '0', FLAG, run.null, NULL, 0, 0, NULL,
        "its paths end in a NUL, not at the end of a line"),
    TEXT("shard", run.shard, "I/N", "only part I of N of every epoch; auto: Slurm's"),
    ROW("shuffle-buffer", 0, INT, run.shuffle_buffer, "N", 0, 1000000, NULL,
        "of a stream: draw each record from the next N"),
    TEXT("start-at", run.start_at, "E:R", "begin with record R of epoch E"),
    FLAG("deidentify", run.deidentify, "keys and ids as a keyed hash, drop what names"),
    {"deidentify-key", 0, XR_OPT_TEXT, offsetof(struct settings, run.deidentify_key),
     "FILE", "the secret key (default: XR_DEIDENTIFY_KEY)", 0, 0, NULL, true},
    TEXT("shard-size", run.shard_size, "SIZE", "a new file of -o OUT-%05d.tar at SIZE"),
    ROW("shard-records", 0, INT, run.shard_records, "N", 0, 1e15, NULL,
        "a new file after N records"),
    FLAG("skip-bad", skip_bad, "leave out, count and report films that cannot be read"),
    {NULL, 0, XR_OPT_FLAG, 0, NULL, NULL, 0, 0, NULL, false},
};

static const struct xr_tool tool = {
    .name = "xr-augment",
    .summary = "Decode, fit and vary films; write a record stream.",
    .operands = "[TABLE.csv | FOLDER | STREAM.tar... | IMAGE...]",
    .options = options,
    .common =
        XR_CLI_OUTPUT | XR_CLI_JOBS | XR_CLI_SEED | XR_CLI_HISTORY | XR_CLI_PROGRESS,
    .max_operands = -1,
    .libraries = xr_image_libraries,
};

static int open_chain(struct xr_chain **chain, const struct settings *set,
                      struct xr_err *err)
{
    size_t n = set->transforms.n;
    const char *const *texts = (const char *const *)set->transforms.items;

    if (n == 0)
        texts = xr_chain_default(&n);
    else if (set->replay)
        return xr_fail_usage(err, "--replay and --transform exclude each other");
    if (set->replay && set->preview)
        return xr_fail_usage(err, "--replay and --preview exclude each other");
    if (n == 1 && !strcmp(texts[0], "none"))
        n = 0;
    return xr_chain_parse(chain, texts, n, err) ? xr_fail_in(err, "--transform") : 0;
}

/* The loop: films in, in order, until the end or the first bad one. */
static int stream(struct xr_cli *cli, const struct settings *set, struct xr_prepare *run,
                  struct xr_pool *pool, struct xr_writers *out, struct xr_err *err)
{
    uint64_t done = 0, total = 0; /* 0: a stream, of unknown length */
    size_t bad = 0, turned = 0;
    char text[1024];
    int got, failed;
    void *slot;

    if (!run->source)
        total = xr_prepare_left(run);
    while ((got = xr_pool_next(pool, &slot, &failed, err)) > 0) {
        struct xr_prepared *p = slot;

        xr_cli_progress(cli, "films", ++done, total);
        if (failed) {
            if (!set->skip_bad)
                return -1;
            xr_cli_warn(cli, "%s", err->text);
            xr_writers_skip(out);
            bad++;
            continue;
        }
        if (p->info.n_warnings && p->epoch == 1) {
            xr_prepare_warning(text, sizeof text, run, p);
            xr_cli_warn(cli, "%s", text);
        }
        turned += p->epoch == 1 && p->info.orientation > 1;
        if (xr_writers_put(out, &p->record, err))
            return -1;
    }
    if (run->cache) {
        uint64_t asked, found;
        const char *wrong = xr_cache_said(run->cache, &asked, &found);

        xr_cli_note(cli, "cache: %zu of %zu films found", (size_t)found, (size_t)asked);
        if (wrong)
            xr_cli_warn(cli, "nothing more was put into the cache: %s", wrong);
    }
    if (got == 0 && run->source && xr_source_partial(run->source))
        xr_cli_warn(cli, "%s: parts of an output, not all of it", xr_cli_input(cli));
    if (bad)
        xr_cli_warn(cli, "%zu of %zu records skipped", bad, (size_t)done);
    if (turned)
        xr_cli_note(cli, "%zu films turned as their EXIF orientation says", turned);
    return got;
}

static int list_transforms(const char *path, struct xr_err *err)
{
    struct xr_buf buf = {0};
    int rc =
        xr_chain_describe(&buf, err) || xr_write_file(path, buf.data, buf.size, 0, err);

    xr_buf_free(&buf);
    return rc ? -1 : 0;
}

int main(int argc, char **argv)
{
    struct settings set = {.run = XR_PREPARE_DEFAULT};
    struct xr_prepare run = {0};
    struct xr_films films = {0};
    struct xr_chain *chain = NULL;
    struct xr_replay *replay = NULL;
    struct xr_pool *pool = NULL;
    struct xr_writers *out = NULL;
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
    if (xr_prepare_settle(&run, &set.run, &cli, inputs, &err) ||
        open_chain(&chain, &set, &err) ||
        (set.replay && xr_replay_open(&replay, set.replay, inputs, &err)) ||
        xr_prepare_input(&run, &films, &cli, &set.run, inputs, &err))
        goto done;
    run.chain = run.shuffle || set.preview ? chain : NULL;
    run.replay = replay;
    job = xr_prepare_job(&run);
    if (xr_prepare_begin(&run, &err))
        goto done;
    if (set.preview) {
        size_t variants = xr_cli_given(&cli, "epochs") ? (size_t)set.run.epochs : 5;

        if (xr_preview(&run, (size_t)set.preview, variants, (size_t)cli.jobs, cli.output,
                       &err) == 0)
            status = EXIT_SUCCESS;
        goto done;
    }
    if (xr_prepare_output(&out, &cli, &set.run, &run, inputs, &err) ||
        xr_pool_open(&pool, &job, (size_t)cli.jobs, &err))
        goto done;
    if (stream(&cli, &set, &run, pool, out, &err) == 0 &&
        xr_writers_finish(out, &err) == 0)
        status = EXIT_SUCCESS;
done:
    xr_pool_close(pool);
    xr_writers_close(out);
    xr_source_close(run.source);
    xr_prepare_end(&run);
    xr_films_free(&films);
    xr_chain_free(chain);
    xr_replay_close(replay);
    cJSON_Delete(inputs);
    return xr_cli_end(&cli, status, &err);
}
