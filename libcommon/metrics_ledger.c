/* What a look at a test set is. */
#include "metrics_ledger.h"

#include <stdlib.h>

#include "json.h"
#include "ledger.h"

int xr_metrics_set(cJSON *json, const struct xr_cli *cli, const char **texts, size_t n,
                   struct xr_err *err)
{
    char digest[XR_SHA256_TEXT];
    cJSON *ledger;

    if (!xr_cli_given(cli, "ledger"))
        return 0;
    if (xr_ledger_set(digest, texts, n, err))
        return -1;
    ledger = cJSON_AddObjectToObject(json, "ledger");
    cJSON_AddStringToObject(ledger, "test_set", digest);
    return cJSON_AddObjectToObject(ledger, "predictions") ? 0
                                                          : xr_fail(err, "out of memory");
}

void xr_metrics_set_file(cJSON *json, const char *path, const char *digest)
{
    cJSON *files = cJSON_GetObjectItemCaseSensitive(
        cJSON_GetObjectItemCaseSensitive(json, "ledger"), "predictions");

    path = xr_last_part(path);
    if (files && *digest && !cJSON_GetObjectItemCaseSensitive(files, path))
        cJSON_AddStringToObject(files, path, digest);
}

void xr_metrics_set_files(cJSON *json, const cJSON *inputs)
{
    const cJSON *item;

    cJSON_ArrayForEach(item, inputs)
    {
        xr_metrics_set_file(json, item->string, item->valuestring);
    }
}

int xr_metrics_set_rows(cJSON *json, const struct xr_cli *cli,
                        const struct xr_predictions *p, struct xr_err *err)
{
    int key, status = 0;
    const char **texts;
    char **owned;

    if (!xr_cli_given(cli, "ledger"))
        return 0;
    if (xr_table_need(&key, &p->table, "key", err))
        return -1;
    owned = xr_alloc_array(p->n, sizeof *owned, err);
    texts = xr_alloc_array(p->n, sizeof *texts, err);
    if (!owned || !texts)
        status = -1;
    for (size_t i = 0; i < p->n && !status; i++) {
        bool known = p->label[i] < p->k;

        owned[i] = xr_sprintf(err, "%s\n%s", xr_cell(&p->table, p->row[i], (size_t)key),
                              known ? p->classes[p->label[i]] : "");
        texts[i] = owned[i];
        status = owned[i] ? 0 : -1;
    }
    if (!status)
        status = xr_metrics_set(json, cli, texts, p->n, err);
    if (!status)
        xr_metrics_set_file(json, p->table.name, p->table.digest);
    for (size_t i = 0; owned && i < p->n; i++)
        free(owned[i]);
    free(owned);
    free(texts);
    return status;
}

int xr_metrics_look(cJSON *json, const struct xr_cli *cli, const char *path,
                    struct xr_err *err)
{
    static const char *const copied[] = {"task", "split", "n"};
    cJSON *ledger = cJSON_GetObjectItemCaseSensitive(json, "ledger"), *entry;
    uint64_t look;
    int status;

    if (!ledger)
        return xr_fail_usage(err, "--ledger: nothing is measured, so it is no look");
    entry = cJSON_Duplicate(ledger, true);
    for (size_t i = 0; i < sizeof copied / sizeof *copied; i++) {
        const cJSON *item = cJSON_GetObjectItemCaseSensitive(json, copied[i]);

        if (item)
            cJSON_AddItemToObject(entry, copied[i], cJSON_Duplicate(item, true));
    }
    cJSON_AddStringToObject(entry, "tool", cli->tool->name);
    cJSON_AddItemToObject(entry, "arguments", cJSON_Duplicate(cli->arguments, true));
    status = xr_ledger_look(&look, path, entry, err);
    cJSON_Delete(entry);
    if (status)
        return -1;
    cJSON_AddNumberToObject(ledger, "look", (double)look);
    cJSON_AddStringToObject(ledger, "file", xr_last_part(path));
    xr_cli_warn(cli, "%s: look %llu at this test set", path, (unsigned long long)look);
    return 0;
}
