/* Operating points on ROC and precision-recall curves, from a JSON of xr-metrics. */
#include <math.h>
#include <string.h>

#include "json.h"
#include "plot_kinds.h"

static struct xr_figure member(const cJSON *point, const char *name)
{
    return xr_plot_figure(cJSON_GetObjectItemCaseSensitive(point, name));
}

static int put_point(struct xr_drawing *d, struct xr_panel *panel, const cJSON *point,
                     size_t c, int color, bool pr)
{
    struct xr_figure sensitivity = member(point, "sensitivity");
    struct xr_figure x = pr ? sensitivity : member(point, "specificity");
    struct xr_figure y = pr ? member(point, "ppv") : sensitivity;
    double threshold = xr_json_number(point, "threshold", NAN);
    const char *rule = xr_json_text(point, "rule", "?");
    struct xr_series *s;
    char texts[2][64];

    if (isnan(x.value) || isnan(y.value))
        return 0;
    s = xr_draw_series(d, panel, XR_MARK_POINTS, color, 1,
                       XR_DRAW_NOTED | XR_DRAW_LOW_HIGH | XR_DRAW_LEFT_RIGHT);
    if (!s)
        return -1;
    s->group = c + 1;
    s->x[0] = pr ? x.value : 1.0 - x.value;
    s->left[0] = pr ? x.low : 1.0 - x.high;
    s->right[0] = pr ? x.high : 1.0 - x.low;
    s->y[0] = y.value;
    s->low[0] = y.low;
    s->high[0] = y.high;
    xr_draw_figure(texts[0], sizeof texts[0], &x);
    xr_draw_figure(texts[1], sizeof texts[1], &y);
    s->name = xr_draw_text(d, "%s: p \xe2\x89\xa5 %.3g", rule, threshold);
    s->notes[0] = xr_draw_text(d, "%s, %s, threshold %.4g: %s %s, %s %s",
                               xr_json_text(point, "class", "?"), rule, threshold,
                               pr ? "sensitivity" : "specificity", texts[0],
                               pr ? "PPV" : "sensitivity", texts[1]);
    return d->failed ? -1 : 0;
}

int xr_plot_points(struct xr_drawing *d, struct xr_panel *panel,
                   const struct xr_plot_scored *scored, size_t c, int color, bool pr)
{
    const cJSON *point;

    cJSON_ArrayForEach(point, scored->points)
    {
        if (!strcmp(xr_json_text(point, "class", ""), scored->predictions->classes[c]) &&
            put_point(d, panel, point, c, color, pr))
            return -1;
    }
    return 0;
}
