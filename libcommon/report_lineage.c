/* Where everything came from: the commands that the files record, and their inputs. */
#include <math.h>
#include <string.h>

#include "json.h"
#include "report_parts.h"

static const struct report_file *known(const struct report_data *d, const char *digest)
{
    for (size_t i = 0; digest && i < d->n_files; i++) {
        if (!strcmp(d->files[i].digest, digest))
            return &d->files[i];
    }
    return NULL;
}

static void inputs(struct report_data *d, const cJSON *list)
{
    struct xr_html *h = &d->h;
    const cJSON *x;

    if (!cJSON_IsObject(list) || !list->child)
        return;
    xr_html_raw(h, "\n<ul>\n");
    cJSON_ArrayForEach(x, list)
    {
        const char *digest = cJSON_GetStringValue(x);
        const struct report_file *same = known(d, digest);

        xr_html_raw(h, "<li>read ");
        xr_html_text(h, x->string);
        if (digest) {
            xr_html_raw(h, " <span class=\"digest\">");
            xr_html_text(h, digest);
            xr_html_raw(h, "</span>");
        }
        if (same) {
            xr_html_raw(h, " <span class=\"right\">= the ");
            xr_html_text(h, same->role);
            xr_html_raw(h, " of this report</span>");
        }
        xr_html_raw(h, "</li>\n");
    }
    xr_html_raw(h, "</ul>");
}

static void history(struct report_data *d, const char *title, const cJSON *steps)
{
    struct xr_html *h = &d->h;
    const cJSON *s, *a;

    if (!cJSON_IsArray(steps) || !steps->child)
        return;
    xr_html_raw(h, "<h3>");
    xr_html_raw(h, title);
    xr_html_raw(h, "</h3>\n<ol class=\"steps\">\n");
    cJSON_ArrayForEach(s, steps)
    {
        xr_html_raw(h, "<li><code>");
        xr_html_text(h, xr_json_text(s, "tool", "?"));
        cJSON_ArrayForEach(a, cJSON_GetObjectItemCaseSensitive(s, "arguments"))
        {
            xr_html_raw(h, " ");
            xr_html_text(h, cJSON_GetStringValue(a));
        }
        xr_html_raw(h, "</code> <span class=\"share\">version ");
        xr_html_text(h, xr_json_text(s, "version", "?"));
        if (isfinite(xr_json_number(s, "seed", NAN)))
            xr_html_rawf(h, ", seed %.0f", xr_json_number(s, "seed", 0));
        if (isfinite(xr_json_number(s, "threads", NAN)))
            xr_html_rawf(h, ", %.0f threads", xr_json_number(s, "threads", 0));
        xr_html_raw(h, "</span>");
        inputs(d, cJSON_GetObjectItemCaseSensitive(s, "inputs"));
        xr_html_raw(h, "</li>\n");
    }
    xr_html_raw(h, "</ol>\n");
}

void xr_report_lineage(struct report_data *d)
{
    struct xr_html *h = &d->h;

    xr_html_raw(
        h,
        "<section id=\"lineage\">\n<h2>Lineage</h2>\n<p>The commands that led here, as "
        "the files themselves record them, and the digests of the files this report "
        "was made of.</p>\n");
    xr_report_graph(d);
    history(d, "The model", d->model_history);
    history(d, "The heat maps", d->cam_history);
    history(d, "The metrics", xr_report_metric(d, "history", NULL));
    xr_html_raw(
        h, "<h3>Files of this report</h3>\n<div class=\"scroll\"><table>\n<thead><tr><th "
           "scope=\"col\">what</th><th scope=\"col\">file</th><th "
           "scope=\"col\">SHA-256</th></tr></thead>\n<tbody>\n");
    for (size_t i = 0; i < d->n_files; i++) {
        const char *digest = d->files[i].digest;

        xr_html_raw(h, "<tr>");
        xr_html_element(h, "td", d->files[i].role);
        xr_html_element(h, "td", d->files[i].name);
        xr_html_element(h, "td class=\"digest\"",
                        strncmp(digest, "sha256:", 7) ? digest : digest + 7);
        xr_html_raw(h, "</tr>\n");
    }
    xr_html_raw(h, "</tbody></table></div>\n</section>\n");
}
