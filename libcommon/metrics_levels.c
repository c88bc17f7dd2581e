/* Figures of parts of a table. */
#include "metrics_levels.h"

#include <math.h>
#include <stdlib.h>

#include "json.h"
#include "metrics_parts.h"

#define PER_BLOCK 3

void xr_levels_free(struct xr_levels *s)
{
    for (size_t l = 0; l < s->n; l++) {
        if (s->of)
            xr_level_free(&s->of[l]);
        if (s->metrics)
            xr_metrics_close(s->metrics[l]);
    }
    free(s->of);
    free(s->metrics);
    free(s->figures);
    free(s->support);
    *s = (struct xr_levels){0};
}

int xr_levels_make(struct xr_levels *s, const struct xr_classify *set,
                   const struct xr_scored *scored, const uint32_t *level, size_t n,
                   const struct xr_bootstrap *bootstrap, struct xr_err *err)
{
    size_t k = scored->k;

    *s = (struct xr_levels){.n = n, .n_figures = xr_n_metrics(k), .scored = *scored};
    s->of = xr_alloc_array(n, sizeof *s->of, err);
    s->metrics = xr_alloc_array(n, sizeof *s->metrics, err);
    s->figures = xr_alloc_array(n * s->n_figures, sizeof *s->figures, err);
    s->support = xr_alloc_array(n * k, sizeof *s->support, err);
    if (!s->of || !s->metrics || !s->figures || !s->support)
        goto fail;
    for (size_t l = 0; l < n; l++) {
        struct xr_level *own = &s->of[l];

        if (xr_level_make(own, scored, level, (uint32_t)l, err) ||
            xr_classify_figures(s->figures + l * s->n_figures, &s->metrics[l], set,
                                &own->scored, bootstrap, err))
            goto fail;
        for (size_t i = 0; i < own->scored.n; i++)
            s->support[l * k + own->label[i]]++;
    }
    return 0;
fail:
    xr_levels_free(s);
    return -1;
}

/* --- resamples -------------------------------------------------------------------- */

struct xr_levels_room {
    size_t n;
    struct xr_metrics_room **rooms; /* [n] */
    uint32_t *weight;               /* of the rows of a part */
    double *figures;                /* [n][n_figures] */
};

void xr_levels_room_close(struct xr_levels_room *room)
{
    if (!room)
        return;
    for (size_t l = 0; room->rooms && l < room->n; l++)
        if (room->rooms[l])
            xr_metrics_room_close(room->rooms[l]);
    free(room->rooms);
    free(room->weight);
    free(room->figures);
    free(room);
}

struct xr_levels_room *xr_levels_room_open(const struct xr_levels *s, struct xr_err *err)
{
    struct xr_levels_room *room = xr_alloc_array(1, sizeof *room, err);

    if (!room)
        return NULL;
    room->n = s->n;
    room->rooms = xr_alloc_array(s->n, sizeof(struct xr_metrics_room *), err);
    room->weight = xr_alloc_array(s->scored.n, sizeof *room->weight, err);
    room->figures = xr_alloc_array(s->n * s->n_figures, sizeof *room->figures, err);
    if (!room->rooms || !room->weight || !room->figures)
        goto fail;
    for (size_t l = 0; l < s->n; l++)
        if (!(room->rooms[l] = xr_metrics_room_open(s->metrics[l], err)))
            goto fail;
    return room;
fail:
    xr_levels_room_close(room);
    return NULL;
}

const double *xr_levels_eval(struct xr_levels_room *room, const struct xr_levels *s,
                             const uint32_t *weight)
{
    for (size_t l = 0; l < s->n; l++) {
        const struct xr_level *own = &s->of[l];
        double *figures = room->figures + l * s->n_figures;
        uint64_t drawn = 0;

        for (size_t i = 0; i < own->scored.n; i++)
            drawn += room->weight[i] = weight[own->rows[i]];
        if (drawn)
            xr_metrics_eval_in(figures, room->rooms[l], s->metrics[l], room->weight);
        for (size_t f = 0; !drawn && f < s->n_figures; f++)
            figures[f] = NAN;
    }
    return room->figures;
}

/* --- results ---------------------------------------------------------------------- */

int xr_levels_json(cJSON *object, const struct xr_levels *s, size_t l,
                   const char *const *classes, struct xr_err *err)
{
    cJSON *support, *figures;

    cJSON_AddNumberToObject(object, "n", (double)s->of[l].scored.n);
    if (s->scored.group)
        cJSON_AddNumberToObject(object, "groups", (double)s->of[l].scored.n_groups);
    support = cJSON_AddObjectToObject(object, "support");
    for (size_t c = 0; c < s->scored.k; c++)
        cJSON_AddNumberToObject(support, classes[c],
                                (double)s->support[l * s->scored.k + c]);
    figures = cJSON_AddObjectToObject(object, "figures");
    for (size_t f = 0; f < s->n_figures; f++) {
        char *path = xr_metric_path(f, classes, err);

        if (!path)
            return -1;
        cJSON_AddItemToObject(figures, path,
                              xr_figure_json(&s->figures[l * s->n_figures + f]));
        free(path);
    }
    return 0;
}

/* The figures that text shows; JSON has all. */
static const char *const whole[] = {"accuracy", "balanced_accuracy", "roc_auc_ovr_macro",
                                    "macro_avg.f1", "ece"};
static const char *const own_keys[] = {"recall", "specificity", "precision", "roc_auc"};

char *xr_levels_path(const cJSON *classes, size_t i, bool *last, struct xr_err *err)
{
    size_t n_whole = sizeof whole / sizeof *whole,
           n_own = sizeof own_keys / sizeof *own_keys;

    *last = i >= n_whole + n_own * (size_t)cJSON_GetArraySize(classes);
    if (*last)
        return NULL;
    if (i < n_whole)
        return xr_strdup(whole[i], err);
    i -= n_whole;
    return xr_sprintf(err, "per_class.%s.%s",
                      cJSON_GetArrayItem(classes, (int)(i / n_own))->valuestring,
                      own_keys[i % n_own]);
}

/* A row of a block: a figure of up to three parts. */
static int put_row(struct xr_buf *buf, const cJSON *const *list, size_t n,
                   const char *path, int first, struct xr_err *err)
{
    if (xr_text_pad(buf, path, first, false, err))
        return -1;
    for (size_t l = 0; l < n; l++) {
        const cJSON *figures = cJSON_GetObjectItemCaseSensitive(list[l], "figures");
        size_t from;

        if (xr_buf_text(buf, "  ", err))
            return -1;
        from = buf->size;
        if (xr_text_figure(buf, cJSON_GetObjectItemCaseSensitive(figures, path), false,
                           err) ||
            xr_text_fill(buf, from, XR_FIGURE_WIDTH, err))
            return -1;
    }
    return xr_buf_text(buf, "\n", err);
}

static int put_names(struct xr_buf *buf, const cJSON *const *list, size_t n,
                     const char *name, const char *title, int first, struct xr_err *err)
{
    if (xr_text_pad(buf, title, first, false, err))
        return -1;
    for (size_t l = 0; l < n; l++) {
        const char *text = xr_json_text(list[l], name, "");

        if (xr_buf_text(buf, "  ", err) ||
            xr_text_pad(buf, *text ? text : "(empty)", XR_FIGURE_WIDTH, false, err))
            return -1;
    }
    if (xr_buf_text(buf, "\n", err) || xr_text_pad(buf, "rows", first, false, err))
        return -1;
    for (size_t l = 0; l < n; l++)
        if (xr_buf_printf(buf, err, "  %-*.0f", XR_FIGURE_WIDTH,
                          xr_json_number(list[l], "n", 0)))
            return -1;
    return xr_buf_text(buf, "\n", err);
}

static int put_figures(struct xr_buf *buf, const cJSON *const *list, size_t n,
                       const cJSON *classes, int first, struct xr_err *err)
{
    for (size_t i = 0;; i++) {
        bool last;
        char *path = xr_levels_path(classes, i, &last, err);
        int status = path ? put_row(buf, list, n, path, first, err) : -1;

        free(path);
        if (last)
            return xr_buf_text(buf, "\n", err);
        if (status)
            return -1;
    }
}

int xr_levels_text(struct xr_buf *buf, const cJSON *const *list, size_t n,
                   const char *name, const char *title, const cJSON *classes,
                   struct xr_err *err)
{
    const cJSON *item;
    int first = 24;

    cJSON_ArrayForEach(item, classes)
    {
        int width = xr_text_width(item->valuestring) + 22;

        first = width > first ? width : first;
    }
    for (size_t from = 0; from < n; from += PER_BLOCK) {
        size_t some = n - from < PER_BLOCK ? n - from : PER_BLOCK;

        if (put_names(buf, list + from, some, name, title, first, err) ||
            put_figures(buf, list + from, some, classes, first, err))
            return -1;
    }
    return first;
}
