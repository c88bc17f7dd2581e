/* Files beside a split. */
#include "split_parts.h"

#include <string.h>

#include "certificate.h"
#include "json.h"

static int write_json(const char *path, const cJSON *json, struct xr_err *err)
{
    struct xr_out *out = NULL;
    int status = xr_out_open(&out, path, 0, err);

    if (!status)
        status = xr_json_write(out, json, err);
    if (!status)
        status = xr_out_finish(out, err);
    xr_out_close(out);
    return status;
}

static int certify(struct xr_split *s, const struct xr_table *result, const char *path,
                   const cJSON *history, struct xr_err *err)
{
    cJSON *rule = xr_split_rule_json(s, err), *json, *list;
    int status;

    if (!rule)
        return -1;
    json = xr_certificate_make(result, rule, err);
    if (!json)
        return -1;
    list = cJSON_AddArrayToObject(json, "history");
    if (history)
        cJSON_AddItemToArray(list, cJSON_Duplicate(history, true));
    status = write_json(path, json, err);
    cJSON_Delete(json);
    return status;
}

cJSON *xr_split_inputs(const struct xr_split *s, struct xr_err *err)
{
    cJSON *inputs = cJSON_CreateObject();
    const struct xr_table *const tables[] = {s->table, s->rule->holdout};

    if (!inputs)
        xr_fail(err, "out of memory");
    for (size_t i = 0; i < 2 && inputs; i++) {
        if (tables[i] && *tables[i]->digest)
            cJSON_AddStringToObject(inputs, xr_last_part(tables[i]->name),
                                    tables[i]->digest);
    }
    return inputs;
}

static int write_table(const struct xr_split *s, const char *path,
                       int (*write)(struct xr_out *, const struct xr_split *,
                                    struct xr_err *),
                       struct xr_err *err)
{
    struct xr_out *out = NULL;
    int status = xr_out_open(&out, path, 0, err);

    if (!status)
        status = write(out, s, err);
    if (!status)
        status = xr_out_finish(out, err);
    xr_out_close(out);
    return status;
}

int xr_split_beside(struct xr_split *s, const struct xr_split_beside *beside,
                    const cJSON *history, struct xr_err *err)
{
    struct xr_table result = {0};
    int status = 0;

    if (beside->pairs && write_table(s, beside->pairs, xr_split_pairs, err))
        return -1;
    if (beside->flow && write_table(s, beside->flow, xr_split_flow, err))
        return -1;
    if (beside->demographics &&
        write_table(s, beside->demographics, xr_split_demographics, err))
        return -1;
    if (!beside->certificate)
        return 0;
    if (xr_split_result(&result, s, err))
        return -1;
    if (beside->certificate)
        status = certify(s, &result, beside->certificate, history, err);
    xr_table_free(&result);
    return status;
}
