/* xr-split: divide a table of images into train, val and test, or into folds; prove such
 * a split. */
#include <stdlib.h>
#include <string.h>

#include "audit.h"
#include "certificate.h"
#include "cli.h"
#include "cli_modes.h"
#include "csv.h"
#include "io.h"
#include "scan.h"
#include "split.h"

struct settings {
    struct xr_split_rule rule;
    struct xr_split_beside beside;
    struct xr_audit_rule audit;
    double audit_max;
    char *ratio;
    bool check, audit_table, probe;
};

#define ROW(name, letter, kind, field, arg, lo, hi, help)                                \
    {                                                                                    \
        name, letter, XR_OPT_##kind, offsetof(struct settings, field), arg, help, lo,    \
            hi, NULL, false                                                              \
    }
#define TEXT(name, field, arg, help) ROW(name, 0, TEXT, field, arg, 0, 0, help)
/* a file beside the output, whose content it does not change */
#define BESIDE(name, field, arg, help)                                                   \
    {                                                                                    \
        name, 0, XR_OPT_TEXT, offsetof(struct settings, beside.field), arg, help, 0, 0,  \
            NULL, true                                                                   \
    }
#define FLAG(name, field, help) ROW(name, 0, FLAG, field, NULL, 0, 0, help)

static const struct xr_opt options[] = {
    TEXT("ratio", ratio, "T/V/T", "shares of train, val, test (default 70/15/15)"),
    ROW("folds", 'k', INT, rule.folds, "K", 0, 1000, "K folds instead; 0: none"),
    ROW("test-ratio", 0, REAL, rule.test_ratio, "X", 0, 0.9,
        "with --folds: a hold-out of this share"),
    TEXT("by", rule.by, "COL", "a fold for each value, as of a centre"),
    TEXT("holdout", rule.holdout_path, "FILE", "an earlier split: its test rows stay"),
    ROW("nested", 0, INT, rule.nested, "M", 0, 1000, "M folds in the rest of each fold"),
    TEXT("subsets", rule.subsets, "X,X", "nested shares of what is trained on"),
    TEXT("label", rule.label, "COL", "column of class names (default label)"),
    TEXT("one-hot", rule.one_hot, "COL,COL", "columns of 0 and 1 that say the class"),
    TEXT("rest", rule.rest, "NAME", "with --one-hot: the class of rows without a 1"),
    TEXT("classes", rule.classes, "A,B", "class names in order (default: sorted)"),
    ROW("group", 'g', TEXT, rule.group, "COL[,COL]", 0, 0,
        "keep rows that agree here together"),
    TEXT("group-runs", rule.group_runs, "COL,COL", "and only consecutive ones"),
    FLAG("no-group", rule.no_group, "rows are independent: no groups and no warning"),
    FLAG("near-duplicates", rule.look.near, "look at the films: copies are one group"),
    ROW("near-threshold", 0, REAL, rule.look.threshold, "X", 0.3, 1,
        "least correlation of two films' detail"),
    FLAG("near-flips", rule.look.flips, "mirrored and turned copies too"),
    {"duplicates", 0, XR_OPT_CHOICE, offsetof(struct settings, rule.look.duplicates),
     NULL, "what becomes of equal pixels", 0, 0, XR_DUPLICATES, false},
    FLAG("drop-conflicting", rule.look.drop_conflicting,
         "leave out equal pixels with different labels"),
    FLAG("skip-bad", rule.look.skip_bad, "leave out films that cannot be read"),
    {"root", 0, XR_OPT_TEXT, offsetof(struct settings, rule.look.root), "DIR",
     "folder of relative paths", 0, 0, NULL, true},
    TEXT("key", rule.key, "COL", "column of image names (default key, then path)"),
    TEXT("key-replace", rule.key_replace, "FROM=TO", "replace text in keys, as in .=_"),
    TEXT("path", rule.path, "TEMPLATE", "image files, as in 'images/{image_id}'"),
    TEXT("mask", rule.mask, "TEMPLATE", "mask files, as in 'masks/{key}.png'"),
    TEXT("mask-labels", rule.mask_labels, "A,B", "with --mask: classes that have one"),
    FLAG("drop-unlabelled", rule.drop_unlabelled, "leave out rows without a label"),
    BESIDE("certificate", certificate, "FILE", "write it; with --check: verify it"),
    BESIDE("pairs", pairs, "FILE", "write the pairs of films that look alike"),
    BESIDE("flow", flow, "FILE", "write what became of the rows"),
    BESIDE("demographics", demographics, "FILE", "write who is in which part"),
    FLAG("audit", audit_table, "print the AUC that each column alone reaches"),
    ROW("audit-max", 0, REAL, audit_max, "X", 0.5, 1, "exit 1 if one reaches more"),
    TEXT("audit-skip", audit.skip, "COL,COL", "columns that are left out of it"),
    FLAG("films", audit.files, "look at the films too (--no-films: the table alone)"),
    FLAG("probe", probe, "print the AUC of a small model of all of this"),
    TEXT("probe-site", audit.site, "COL", "the column of the centre (default center)"),
    ROW("resamples", 'n', INT, audit.resamples, "N", 0, 1e6, "of its interval"),
    FLAG("check", check, "prove the split in FILE; print classes by part"),
    {NULL, 0, XR_OPT_FLAG, 0, NULL, NULL, 0, 0, NULL, false},
};

static const struct xr_tool tool = {
    .name = "xr-split",
    .summary = "Divide a table of images into train, val and test, or into folds.",
    .operands = "[FILE]",
    .options = options,
    .common = XR_CLI_OUTPUT | XR_CLI_SEED | XR_CLI_JOBS,
    .max_operands = 1,
};

#define TABLE                                                                            \
    " label one-hot rest classes group no-group group-runs key key-replace path "        \
    "drop-unlabelled skip-bad films audit-skip seed "
static const struct xr_cli_mode modes[] = {
    {"check",
     " group no-group near-duplicates near-threshold near-flips skip-bad certificate "
     "seed ",
     NULL},
    {"audit", TABLE "audit-max ", NULL},
    {"probe", TABLE "probe-site resamples ", NULL},
    {NULL, NULL, " audit-max probe-site resamples films audit-skip "},
};

static int write_beside(struct xr_cli *cli, const struct settings *set,
                        struct xr_split *split, struct xr_err *err)
{
    cJSON *inputs = xr_split_inputs(split, err), *entry;
    int status;

    if (!inputs)
        return -1;
    entry = xr_cli_history(cli, inputs);
    status = xr_split_beside(split, &set->beside, entry, err);
    cJSON_Delete(entry);
    cJSON_Delete(inputs);
    return status;
}

static int make(struct xr_cli *cli, struct settings *set, const struct xr_table *table,
                struct xr_err *err)
{
    struct xr_table holdout = {0};
    struct xr_split *split = NULL;
    struct xr_out *out = NULL;
    int status = -1;

    set->rule.seed = (uint64_t)cli->seed;
    if (set->rule.holdout_path) {
        if (xr_table_read(&holdout, set->rule.holdout_path, err))
            return -1;
        set->rule.holdout = &holdout;
    }
    if (!xr_split_make(&split, table, &set->rule, err)) {
        for (const char *p = xr_split_warnings(split); *p; p += strcspn(p, "\n") + 1)
            xr_cli_warn(cli, "%s: %.*s", table->name, (int)strcspn(p, "\n"), p);
        if (!xr_out_open(&out, cli->output, 0, err) && !xr_split_write(split, out, err) &&
            !xr_out_finish(out, err))
            status = write_beside(cli, set, split, err);
    }
    xr_out_close(out);
    xr_split_free(split);
    xr_table_free(&holdout);
    return status;
}

static int check(struct xr_cli *cli, struct settings *set, const struct xr_table *table,
                 struct xr_err *err)
{
    struct xr_buf summary = {0};
    struct xr_certificate certificate = {0};
    bool grouped = false;
    size_t n_pairs = 0;
    int status = -1;

    if (set->beside.certificate &&
        (xr_certificate_read(&certificate, set->beside.certificate, err) ||
         xr_certificate_verify(&certificate, table, true, err)))
        goto done;
    if (xr_split_check(&summary, &grouped, table, set->rule.group, set->rule.no_group,
                       err))
        goto done;
    if (set->rule.look.near &&
        xr_split_check_films(&n_pairs, table, &set->rule.look, err))
        goto done;
    if (!grouped && !set->rule.no_group)
        xr_cli_warn(
            cli, "%s: no column 'group': films of one patient in two parts are not found",
            table->name);
    xr_cli_note(cli, "%s: %zu rows, every one in exactly one part%s", table->name,
                table->n_rows, grouped ? ", no group in two" : "");
    if (set->rule.look.near)
        xr_cli_note(cli, "%s: %zu pairs of films look alike, none is in two parts",
                    table->name, n_pairs);
    status = xr_write_file(cli->output, summary.data, summary.size, 0, err);
done:
    xr_certificate_free(&certificate);
    xr_buf_free(&summary);
    return status;
}

/* What gives the labels away: each feature alone, or all together. */
static int audit(struct xr_cli *cli, struct settings *set, const struct xr_table *table,
                 struct xr_err *err)
{
    struct xr_audit_worst worst = {"", 0};
    struct xr_buf csv = {0};
    struct xr_split *split = NULL;
    int status = -1;

    set->rule.seed = (uint64_t)cli->seed;
    set->rule.folds = 5; /* where the table has none */
    if (xr_split_make(&split, table, &set->rule, err))
        return -1;
    if (!(set->probe ? xr_audit_probe(&csv, split, &set->audit, err)
                     : xr_audit_table(&csv, &worst, split, &set->audit, err)))
        status = xr_write_file(cli->output, csv.data, csv.size, 0, err);
    if (!status && worst.auc > set->audit_max)
        status = xr_fail(err, "%s: %s alone reaches an AUC of %.3f, above %g",
                         table->name, worst.name, worst.auc, set->audit_max);
    xr_buf_free(&csv);
    xr_split_free(split);
    return status;
}

int main(int argc, char **argv)
{
    struct settings set = {.rule.look.threshold = XR_SIMILAR_LEAST,
                           .audit = {.files = true, .resamples = 2000},
                           .audit_max = 1};
    struct xr_table table = {0};
    struct xr_err err = {0};
    struct xr_cli cli;
    int status = EXIT_FAILURE;

    xr_cli_parse(&cli, &tool, &set, argc, argv);
    xr_cli_modes(&cli, modes);
    set.rule.look.jobs = cli.jobs ? (int)cli.jobs : 1;
    set.rule.has_ratio = set.ratio != NULL;
    if (xr_split_rule_check(&set.rule, &err) ||
        xr_split_ratio(set.rule.ratio, set.ratio ? set.ratio : "70/15/15", &err) ||
        xr_table_read(&table, xr_cli_input(&cli), &err))
        goto done;
    if (!(set.check                      ? check
          : set.audit_table || set.probe ? audit
                                         : make)(&cli, &set, &table, &err))
        status = EXIT_SUCCESS;
done:
    xr_table_free(&table);
    return xr_cli_end(&cli, status, &err);
}
