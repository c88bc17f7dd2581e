/* Modes, formats and the ledger of xr-metrics. */
#include "metrics_modes.h"

#include <string.h>

#include "json.h"
#include "metrics_ledger.h"

enum task {
    CLASSIFY,
    SEGMENT,
    DETECT,
    POWER
};

static enum task task_of(const struct xr_modes *m)
{
    return m->power.power.n ? POWER : (enum task)m->task;
}

/* Options that are not for all modes, with the modes that take them. What is not listed
 * is for tables of predictions. */
static const struct {
    const char *name;
    unsigned modes;
} takes[] = {
    {"task", ~0u},
    {"format", ~0u},
    {"text", ~0u},
    {"ledger", 1u << CLASSIFY | 1u << SEGMENT | 1u << DETECT},
    {"resamples", 1u << CLASSIFY | 1u << SEGMENT | 1u << DETECT},
    {"method", 1u << CLASSIFY | 1u << SEGMENT | 1u << DETECT},
    {"group", 1u << CLASSIFY | 1u << SEGMENT | 1u << DETECT},
    {"confidence", ~0u},
    {"split", ~0u},
    {"skip-unlabelled", 1u << CLASSIFY | 1u << SEGMENT | 1u << POWER},
    {"table", 1u << SEGMENT | 1u << DETECT},
    {"spacing", 1u << SEGMENT},
    {"mask-threshold", 1u << SEGMENT},
    {"per-record", 1u << SEGMENT},
    {"froc-rates", 1u << DETECT},
    {"froc-iou", 1u << DETECT},
    {"nms", 1u << DETECT},
    {"one-class", 1u << DETECT},
    {"overlaps", 1u << DETECT},
    {"power", 1u << POWER},
    {"expect", 1u << POWER},
};

static unsigned modes_of(const char *option)
{
    for (size_t i = 0; i < sizeof takes / sizeof *takes; i++)
        if (!strcmp(option, takes[i].name))
            return takes[i].modes;
    return 1u << CLASSIFY;
}

void xr_modes_check(struct xr_modes *m, const struct xr_cli *cli)
{
    static const char *const mode_names[] = {"tables of predictions", "--task segment",
                                             "--task detect", "--power"};
    enum task task = task_of(m);

    for (const struct xr_opt *o = cli->tool->options; o->name; o++)
        if (!(modes_of(o->name) >> task & 1) && xr_cli_given(cli, o->name))
            xr_cli_usage(cli, "--%s: not with %s", o->name, mode_names[task]);
    if (task == POWER && m->task != CLASSIFY)
        xr_cli_usage(cli, "--power: not with --task");
    if ((task == SEGMENT || task == DETECT) && cli->n_operands != 2)
        xr_cli_usage(cli, "%s: two operands, TRUTH and PREDICTION", mode_names[task]);
    if (task == POWER && cli->n_operands > 1)
        xr_cli_usage(cli, "--power: at most one table of predictions");
    if ((task == SEGMENT || task == DETECT) && xr_cli_given(cli, "split") && !m->table)
        xr_cli_usage(cli, "--split: needs the --table that has the column");
    if (m->text && xr_cli_given(cli, "format") && m->format != XR_METRICS_TEXT)
        xr_cli_usage(cli, "--text: not with another --format");
    if (m->text)
        m->format = XR_METRICS_TEXT;
}

bool xr_modes_has(const struct xr_modes *m)
{
    return task_of(m) != CLASSIFY;
}

cJSON *xr_modes_run(const struct xr_modes *m, const struct xr_classify *classify,
                    const struct xr_cli *cli, struct xr_err *err)
{
    const struct xr_segment_set segment = {.bootstrap =
                                               xr_classify_bootstrap(classify, cli),
                                           .spacing = m->spacing,
                                           .threshold = m->mask_threshold,
                                           .table = m->table,
                                           .split = classify->split,
                                           .group = classify->group,
                                           .skip_unlabelled = classify->skip_unlabelled,
                                           .per_record = m->per_record};
    const struct xr_detect_set detect = {.bootstrap = segment.bootstrap,
                                         .table = m->table,
                                         .split = classify->split,
                                         .group = classify->group,
                                         .rates = m->rates ? m->rates : XR_DETECT_RATES,
                                         .froc_iou = m->froc_iou,
                                         .nms = m->nms,
                                         .one_class = m->one_class,
                                         .overlaps = m->overlaps};
    char **in = cli->operands;

    switch (task_of(m)) {
    case SEGMENT:
        return xr_segment_run(&segment, cli, in[0], in[1], err);
    case DETECT:
        return xr_detect_run(&detect, cli, in[0], in[1], err);
    default:
        return xr_power_run(&m->power, classify, cli, cli->n_operands ? in[0] : NULL,
                            err);
    }
}

int xr_modes_write(cJSON *json, const struct xr_buf *text, const struct xr_modes *m,
                   const struct xr_cli *cli, struct xr_err *err)
{
    struct xr_buf table = {0};
    struct xr_out *out = NULL;
    bool own = m->format == XR_METRICS_TEXT && text->size;
    int status = -1;

    if (xr_out_open(&out, cli->output, 0, err) ||
        (m->ledger && xr_metrics_look(json, cli, m->ledger, err)))
        goto done;
    if (m->format == XR_METRICS_JSON)
        status = xr_json_write(out, json, err);
    else if (own)
        status = xr_out_write(out, text->data, text->size, err);
    else if (xr_metrics_table(&table, json, (enum xr_metrics_format)m->format, err) == 0)
        status = xr_out_write(out, table.data, table.size, err);
    if (status == 0)
        status = xr_out_finish(out, err);
done:
    xr_out_close(out);
    xr_buf_free(&table);
    return status;
}
