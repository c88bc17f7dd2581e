/* A report: read everything, then write the page, the card or the checklist. */
#include "report.h"

#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "report_parts.h"

/* --- plots ------------------------------------------------------------------------ */

static bool of_kind(const struct report_plot *p, const char *kind)
{
    size_t n = strlen(kind);

    if (p->shown || strncmp(p->name, kind, n))
        return false;
    return !n || !strchr("abcdefghijklmnopqrstuvwxyz", p->name[n]) || !p->name[n];
}

bool xr_report_has_plot(const struct report_data *d, const char *kind)
{
    for (size_t i = 0; i < d->n_plots; i++) {
        struct report_plot any = d->plots[i];

        any.shown = *kind ? false : any.shown;
        if (of_kind(&any, kind))
            return true;
    }
    return false;
}

void xr_report_plots(struct report_data *d, const char *kind)
{
    struct xr_html *h = &d->h;

    for (size_t i = 0; i < d->n_plots; i++) {
        struct report_plot *p = &d->plots[i];

        if (!of_kind(p, kind))
            continue;
        p->shown = true;
        xr_html_raw(h, "<figure class=\"plot\"><img alt=\"plot ");
        xr_html_text(h, p->name);
        xr_html_raw(h, "\" src=\"");
        xr_html_data(h, p->type, p->data.data, p->data.size);
        xr_html_raw(h, "\"><figcaption>");
        xr_html_text(h, p->name);
        xr_html_raw(h, "</figcaption></figure>\n");
    }
}

/* --- the page --------------------------------------------------------------------- */

static void figures_section(struct report_data *d)
{
    struct xr_html *h = &d->h;

    if (!xr_report_has_plot(d, ""))
        return;
    xr_html_raw(h,
                "<section id=\"figures\">\n<h2>Figures</h2>\n<div class=\"charts\">\n");
    xr_report_plots(d, "");
    xr_html_raw(h, "</div>\n</section>\n");
}

static void begin(struct xr_html *h, const char *title)
{
    xr_html_raw(
        h, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
           "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
           "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
           "img-src data:; style-src 'unsafe-inline'\">\n"
           "<meta name=\"generator\" content=\"xr-report " XR_VERSION "\">\n");
    xr_html_element(h, "title", title);
    xr_html_raw(h, "\n<style>\n");
    xr_html_raw(h, xr_report_style);
    xr_html_raw(h, "</style>\n</head>\n<body>\n<header>\n");
    xr_html_element(h, "h1", title);
}

static const char research[] = "for research only, not a diagnosis";

static void end(struct xr_html *h)
{
    xr_html_raw(h, "</main>\n<footer>Made by xr-report " XR_VERSION
                   ", xr-tools. One file: nothing is loaded from elsewhere.</footer>\n"
                   "</body>\n</html>\n");
}

static void open_titled(struct report_data *d, const char *title)
{
    if (d->doc.markdown) {
        xr_doc_heading(&d->doc, 1, NULL, title);
        xr_doc_para(&d->doc);
        xr_doc_textf(&d->doc, "Made by xr-report %s; %s.", XR_VERSION, research);
        xr_doc_para_end(&d->doc);
        return;
    }
    begin(&d->h, title);
    xr_html_rawf(&d->h, "\n<p class=\"sub\">%s</p>\n</header>\n<main>\n", research);
}

void xr_report_open(struct report_data *d, const char *what)
{
    char *title = d->in->title ? xr_sprintf(d->err, "%s: %s", d->in->title, what)
                               : xr_strdup(what, d->err);

    if (!title)
        d->h.failed = 1;
    else
        open_titled(d, title);
    free(title);
}
void xr_report_close(struct report_data *d)
{
    if (!d->doc.markdown)
        end(&d->h);
}

static void head(struct report_data *d)
{
    struct xr_html *h = &d->h;

    begin(h, d->in->title ? d->in->title : "Experiment");
    xr_html_raw(h, "\n<p class=\"sub\">");
    if (d->model.path) {
        xr_html_text(h, xr_json_text(d->model.meta, "architecture", "model"));
        xr_html_raw(h, " &#183; ");
    }
    xr_html_rawf(h, "%s</p>\n</header>\n<nav>", research);
    if (d->parts.n_cols || xr_report_has_plot(d, "classes"))
        xr_html_raw(h, "<a href=\"#data\">Data and split</a>");
    if (xr_report_has_training(d))
        xr_html_raw(h, "<a href=\"#training\">Training</a>");
    if (xr_report_has_results(d))
        xr_html_raw(h, "<a href=\"#results\">Results</a>");
    if (d->in->cam || d->scores.n_cols)
        xr_html_raw(h, "<a href=\"#maps\">Heat maps</a>");
    xr_html_raw(h, "<a href=\"#card\">Model card</a><a "
                   "href=\"#lineage\">Lineage</a></nav>\n<main>\n");
}

static void write_page(struct report_data *d)
{
    head(d);
    xr_report_headline(d);
    xr_report_data(d);
    xr_report_training(d);
    xr_report_results(d);
    xr_report_films(d);
    figures_section(d);
    xr_html_raw(&d->h, "<section id=\"card\">\n");
    xr_report_card(d, false);
    xr_html_raw(&d->h, "</section>\n");
    xr_report_lineage(d);
    end(&d->h);
}

int xr_report_write(struct xr_out *out, const struct xr_report *report,
                    struct xr_err *err)
{
    struct report_data *d = xr_alloc_array(1, sizeof *d, err);
    int status;

    if (!d)
        return -1;
    d->in = report;
    d->err = err;
    d->h = (struct xr_html){out, err, 0};
    d->doc = (struct xr_doc){.h = &d->h, .shift = report->kind == XR_REPORT_PAGE};
    d->doc.markdown = report->markdown && report->kind != XR_REPORT_PAGE;
    status = xr_report_read(d, err);
    if (!status) {
        if (report->kind == XR_REPORT_CARD)
            xr_report_card(d, true);
        else if (report->kind == XR_REPORT_CHECKLIST)
            xr_report_checklist(d);
        else
            write_page(d);
        status = d->h.failed ? -1 : 0;
    }
    xr_report_free(d);
    free(d);
    return status;
}
