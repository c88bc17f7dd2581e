/* The rule of a split: its shares, what cannot be meant together, what a certificate says
 * of it. */
#include "split_parts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "io.h"

int xr_split_ratio(double ratio[3], const char *text, struct xr_err *err)
{
    const char *p = text;
    double sum = 0;

    for (int i = 0; i < 3; i++) {
        size_t len = strcspn(p, "/,:");
        char *number = xr_sprintf(NULL, "%.*s", (int)len, p);
        int bad = !number || xr_parse_real(&ratio[i], number, 0, 100, NULL);

        free(number);
        p += len;
        if (bad || (i < 2 ? !*p : *p))
            return xr_fail_usage(
                err,
                "--ratio: '%s': not three shares train/val/test, such as "
                "70/15/15 or 80/0/20",
                text);
        p += i < 2;
        sum += ratio[i];
    }
    if (fabs(sum - 1) > 1e-6 && fabs(sum - 100) > 1e-4)
        return xr_fail_usage(err, "--ratio: '%s': the sum is %g, not 1 or 100", text,
                             sum);
    for (int i = 0; i < 3; i++)
        ratio[i] /= sum;
    return 0;
}

/* Options that may not be given together, in pairs. */
static int exclude(const struct xr_split_rule *r, struct xr_err *err)
{
    const struct {
        const char *name[2];
        bool given[2];
    } pairs[] = {
        {{"ratio", "folds"}, {r->has_ratio, r->folds}},
        {{"label", "one-hot"}, {r->label, r->one_hot}},
        {{"group", "no-group"}, {r->group, r->no_group}},
        {{"group-runs", "no-group"}, {r->group_runs, r->no_group}},
        {{"group", "group-runs"}, {r->group, r->group_runs}},
        {{"by", "ratio"}, {r->by, r->has_ratio}},
        {{"by", "folds"}, {r->by, r->folds}},
        {{"by", "holdout"}, {r->by, r->holdout_path}},
        {{"holdout", "test-ratio"}, {r->holdout_path, r->test_ratio > 0}},
    };

    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        if (pairs[i].given[0] && pairs[i].given[1])
            return xr_fail_usage(err, "--%s and --%s exclude each other",
                                 pairs[i].name[0], pairs[i].name[1]);
    }
    return 0;
}

int xr_split_rule_check(const struct xr_split_rule *r, struct xr_err *err)
{
    if (exclude(r, err))
        return -1;
    if (!r->look.near &&
        (r->look.flips || r->look.duplicates || r->look.drop_conflicting))
        return xr_fail_usage(err, "--near-flips, --duplicates and --drop-conflicting: "
                                  "need --near-duplicates");
    if (r->folds == 1)
        return xr_fail_usage(err, "--folds: '1': at least 2");
    if (r->nested == 1)
        return xr_fail_usage(err, "--nested: '1': at least 2");
    if (r->test_ratio > 0 && !r->folds)
        return xr_fail_usage(err, "--test-ratio: needs --folds");
    if (r->nested && !r->folds && !r->by)
        return xr_fail_usage(err, "--nested: needs --folds or --by");
    if (r->rest && !r->one_hot)
        return xr_fail_usage(err, "--rest: needs --one-hot");
    return 0;
}

/* --- for the certificate --------------------------------------------------------- */

static void add_text(cJSON *to, const char *name, const char *text)
{
    if (text)
        cJSON_AddStringToObject(to, name, text);
}

static void add_groups(cJSON *to, const struct xr_split *s)
{
    cJSON *groups = cJSON_AddObjectToObject(to, "groups"), *columns;

    cJSON_AddStringToObject(groups, "by",
                            !s->n_group_cols      ? "none"
                            : s->rule->group_runs ? "runs of equal rows"
                                                  : "columns");
    if (s->n_group_cols) {
        columns = cJSON_AddArrayToObject(groups, "columns");
        for (size_t c = 0; c < s->n_group_cols; c++)
            cJSON_AddItemToArray(columns,
                                 cJSON_CreateString(s->table->names[s->group_cols[c]]));
    } else if (!s->rule->no_group) {
        cJSON_AddStringToObject(groups, "warning",
                                "no groups: films of one patient may be in two parts");
    }
}

/* Films that look alike, and what became of rows. */
static void add_films(cJSON *to, const struct xr_split *s)
{
    static const char *const left_out[XR_N_LEFT_OUT] = {"unlabelled", "unreadable",
                                                        "conflicting", "duplicate"};
    const struct xr_split_look *look = &s->rule->look;
    size_t n_exact = 0;
    cJSON *list;

    if (s->n_kept < s->table->n_rows) {
        list = cJSON_AddObjectToObject(to, "left_out");
        for (size_t i = 0; i < XR_N_LEFT_OUT; i++) {
            if (s->n_left_out[i])
                cJSON_AddNumberToObject(list, left_out[i], (double)s->n_left_out[i]);
        }
    }
    if (!look->near)
        return;
    for (size_t i = 0; i < s->n_pairs; i++)
        n_exact += s->pairs[i].kind == XR_PAIR_EXACT;
    list = cJSON_AddObjectToObject(to, "near_duplicates");
    cJSON_AddNumberToObject(list, "threshold", look->threshold);
    cJSON_AddBoolToObject(list, "flips", look->flips);
    cJSON_AddNumberToObject(list, "equal_pixels", (double)n_exact);
    cJSON_AddNumberToObject(list, "look_alike", (double)(s->n_pairs - n_exact));
    cJSON_AddNumberToObject(list, "groups_joined", (double)s->n_joined);
}

static void add_parts(cJSON *to, const struct xr_split *s)
{
    const struct xr_split_rule *r = s->rule;
    cJSON *list;

    if (r->by) {
        cJSON_AddStringToObject(to, "by", r->by);
        list = cJSON_AddArrayToObject(to, "values");
        for (size_t p = 0; p < s->values.n; p++)
            cJSON_AddItemToArray(list, cJSON_CreateString(s->values.items[p]));
    } else if (r->folds) {
        cJSON_AddNumberToObject(to, "folds", (double)r->folds);
        if (r->test_ratio > 0)
            cJSON_AddNumberToObject(to, "test_ratio", r->test_ratio);
    } else {
        cJSON_AddItemToObject(to, "ratio", cJSON_CreateDoubleArray(r->ratio, 3));
    }
    if (r->nested)
        cJSON_AddNumberToObject(to, "nested", (double)r->nested);
    if (s->n_subsets)
        cJSON_AddItemToObject(to, "subsets",
                              cJSON_CreateDoubleArray(s->subsets, (int)s->n_subsets));
    if (r->holdout) {
        list = cJSON_AddObjectToObject(to, "holdout");
        cJSON_AddStringToObject(list, xr_last_part(r->holdout->name), r->holdout->digest);
    }
}

cJSON *xr_split_rule_json(const struct xr_split *s, struct xr_err *err)
{
    const struct xr_split_rule *r = s->rule;
    cJSON *to = cJSON_CreateObject();

    if (!to) {
        xr_fail(err, "out of memory");
        return NULL;
    }
    add_text(to, "label", r->label);
    add_text(to, "one_hot", r->one_hot);
    add_text(to, "rest", r->rest);
    add_groups(to, s);
    add_films(to, s);
    add_parts(to, s);
    cJSON_AddNumberToObject(to, "seed", (double)r->seed);
    return to;
}
