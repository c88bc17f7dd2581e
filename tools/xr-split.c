/* xr-split: divide a table of images into train, val and test, or into folds; prove such
 * a split. */
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "csv.h"
#include "io.h"
#include "split.h"

struct settings {
    char *ratio, *label, *one_hot, *rest, *classes, *group, *key, *key_replace, *path,
        *mask, *mask_labels;
    int64_t folds;
    double test_ratio;
    bool no_group, drop_unlabelled, check;
};

#define TEXT(option, letter, member, arg, help)                                          \
    {                                                                                    \
        option, letter, XR_OPT_TEXT, offsetof(struct settings, member), arg, help, 0, 0, \
            NULL, false                                                                  \
    }
#define FLAG(option, member, help)                                                       \
    {                                                                                    \
        option, 0, XR_OPT_FLAG, offsetof(struct settings, member), NULL, help, 0, 0,     \
            NULL, false                                                                  \
    }

static const struct xr_opt options[] = {
    TEXT("ratio", 0, ratio, "T/V/T", "shares of train, val, test (default 70/15/15)"),
    {"folds", 'k', XR_OPT_INT, offsetof(struct settings, folds), "K",
     "K folds instead; 0: none", 0, 1000, NULL, false},
    {"test-ratio", 0, XR_OPT_REAL, offsetof(struct settings, test_ratio), "X",
     "with --folds: a hold-out of this share", 0, 0.9, NULL, false},
    TEXT("label", 0, label, "COL", "column of class names (default label)"),
    TEXT("one-hot", 0, one_hot, "COL,COL", "columns of 0 and 1 that say the class"),
    TEXT("rest", 0, rest, "NAME", "with --one-hot: the class of rows without a 1"),
    TEXT("classes", 0, classes, "A,B", "class names in order (default: sorted)"),
    TEXT("group", 'g', group, "COL[,COL]", "keep rows that agree here together"),
    FLAG("no-group", no_group, "rows are independent: no groups and no warning"),
    TEXT("key", 0, key, "COL", "column of image names (default key, then path)"),
    TEXT("key-replace", 0, key_replace, "FROM=TO", "replace text in keys, as in .=_"),
    TEXT("path", 0, path, "TEMPLATE", "image files, as in 'images/{image_id}'"),
    TEXT("mask", 0, mask, "TEMPLATE", "mask files, as in 'masks/{key}.png'"),
    TEXT("mask-labels", 0, mask_labels, "A,B", "with --mask: the classes that have one"),
    FLAG("drop-unlabelled", drop_unlabelled, "leave out rows without a label"),
    FLAG("check", check, "prove the split in FILE; print classes by part"),
    {NULL, 0, XR_OPT_FLAG, 0, NULL, NULL, 0, 0, NULL, false},
};

static const struct xr_tool tool = {
    .name = "xr-split",
    .summary = "Divide a table of images into train, val and test, or into folds.",
    .operands = "[FILE]",
    .options = options,
    .common = XR_CLI_OUTPUT | XR_CLI_SEED,
    .max_operands = 1,
};

/* What cannot be meant together is wrong usage, whatever the table says. */
static void check_usage(const struct xr_cli *cli, const struct settings *set)
{
    if (set->check &&
        (set->ratio || set->folds || set->test_ratio > 0 || set->label || set->one_hot ||
         set->rest || set->classes || set->key || set->key_replace || set->path ||
         set->mask || set->mask_labels || set->drop_unlabelled))
        xr_cli_usage(cli, "--check takes only --group, --no-group and --output");
    if (set->folds == 1)
        xr_cli_usage(cli, "--folds: '1': at least 2");
    if (set->ratio && set->folds)
        xr_cli_usage(cli, "--ratio and --folds exclude each other");
    if (set->test_ratio > 0 && !set->folds)
        xr_cli_usage(cli, "--test-ratio: needs --folds");
    if (set->label && set->one_hot)
        xr_cli_usage(cli, "--label and --one-hot exclude each other");
    if (set->rest && !set->one_hot)
        xr_cli_usage(cli, "--rest: needs --one-hot");
    if (set->group && set->no_group)
        xr_cli_usage(cli, "--group and --no-group exclude each other");
}

static int make(struct xr_cli *cli, const struct settings *set,
                const struct xr_table *table, struct xr_out **out, struct xr_err *err)
{
    struct xr_split_rule rule = {
        .label = set->label,
        .one_hot = set->one_hot,
        .rest = set->rest,
        .classes = set->classes,
        .group = set->group,
        .key = set->key,
        .key_replace = set->key_replace,
        .path = set->path,
        .mask = set->mask,
        .mask_labels = set->mask_labels,
        .no_group = set->no_group,
        .drop_unlabelled = set->drop_unlabelled,
        .folds = set->folds,
        .test_ratio = set->test_ratio,
        .seed = (uint64_t)cli->seed,
    };
    struct xr_split *split = NULL;
    int status = -1;

    if (xr_split_ratio(rule.ratio, set->ratio ? set->ratio : "70/15/15", err) ||
        xr_split_make(&split, table, &rule, err))
        return -1;
    for (const char *p = xr_split_warnings(split); *p; p += strcspn(p, "\n") + 1)
        xr_cli_warn(cli, "%s: %.*s", table->name, (int)strcspn(p, "\n"), p);
    if (!xr_out_open(out, cli->output, 0, err))
        status = xr_split_write(split, *out, err);
    xr_split_free(split);
    return status;
}

static int check(struct xr_cli *cli, const struct settings *set,
                 const struct xr_table *table, struct xr_out **out, struct xr_err *err)
{
    struct xr_buf summary = {0};
    bool grouped = false;
    int status = -1;

    if (xr_split_check(&summary, &grouped, table, set->group, set->no_group, err))
        goto done;
    if (!grouped && !set->no_group)
        xr_cli_warn(
            cli, "%s: no column 'group': films of one patient in two parts are not found",
            table->name);
    xr_cli_note(cli, "%s: %zu rows, every one in exactly one part%s", table->name,
                table->n_rows, grouped ? ", no group in two" : "");
    if (!xr_out_open(out, cli->output, 0, err))
        status = xr_out_write(*out, summary.data, summary.size, err);
done:
    xr_buf_free(&summary);
    return status;
}

int main(int argc, char **argv)
{
    struct settings set = {0};
    struct xr_table table = {0};
    struct xr_out *out = NULL;
    struct xr_err err = {0};
    struct xr_cli cli;
    int status = EXIT_FAILURE;

    xr_cli_parse(&cli, &tool, &set, argc, argv);
    check_usage(&cli, &set);
    if (xr_table_read(&table, xr_cli_input(&cli), &err))
        goto done;
    if ((set.check ? check : make)(&cli, &set, &table, &out, &err))
        goto done;
    if (xr_out_finish(out, &err) == 0)
        status = EXIT_SUCCESS;
done:
    xr_out_close(out);
    xr_table_free(&table);
    return xr_cli_end(&cli, status, &err);
}
