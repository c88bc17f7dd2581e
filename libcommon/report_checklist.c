/* A checklist: every item with what the files say to it, the rest MISSING. */
#include <string.h>

#include "report_evidence.h"

enum answer {
    MISSING,
    PARTLY,
    WHOLE,
};

/* Do the files say something to it? Found without writing. */
static bool says(struct report_data *d, enum xr_evidence what)
{
    int failed = d->h.failed;
    bool any;

    d->h.failed = 1; /* all that is written is skipped */
    any = xr_evidence_write(d, what);
    d->h.failed = failed;
    return any;
}

static enum answer answer(struct report_data *d, const struct xr_checklist_item *item)
{
    bool any = false;

    for (size_t i = 0; i < sizeof item->says / sizeof *item->says; i++)
        any |= says(d, item->says[i]);
    return !any ? MISSING : item->missing ? PARTLY : WHOLE;
}

static void write_answer(struct report_data *d, const struct xr_checklist_item *item)
{
    enum answer how = answer(d, item);
    int n = 0;

    for (size_t i = 0; i < sizeof item->says / sizeof *item->says; i++) {
        if (!says(d, item->says[i]))
            continue;
        xr_doc_text(&d->doc, n++ ? " " : "");
        xr_evidence_write(d, item->says[i]);
    }
    if (how == WHOLE)
        return;
    xr_doc_text(&d->doc, n ? " " : "");
    xr_doc_missing(&d->doc,
                   item->missing ? item->missing : "the files given do not say it");
}

static void item_row(struct report_data *d, const struct xr_checklist_item *item)
{
    xr_doc_row(&d->doc);
    xr_doc_cell_text(&d->doc, false, item->number);
    xr_doc_cell_text(&d->doc, false, item->text);
    xr_doc_cell(&d->doc, false);
    write_answer(d, item);
    xr_doc_cell_end(&d->doc, false);
    xr_doc_row_end(&d->doc);
}

static void raw(struct report_data *d, const char *html)
{
    if (!d->doc.markdown)
        xr_html_raw(&d->h, html);
}

void xr_report_checklist(struct report_data *d)
{
    static const char *const names[] = {"item", "asks for", "answer"};
    const struct xr_checklist *list = xr_checklist_at(d->in->checklist);
    size_t n[3] = {0, 0, 0};
    bool open = false;

    for (size_t i = 0; i < list->n; i++) {
        if (list->items[i].number)
            n[answer(d, &list->items[i])]++;
    }
    xr_report_open(d, list->title);
    xr_doc_para(&d->doc);
    xr_doc_textf(&d->doc,
                 "Of %zu items the files of this run answer %zu, and %zu in part; to %zu "
                 "they say nothing. ",
                 n[WHOLE] + n[PARTLY] + n[MISSING], n[WHOLE], n[PARTLY], n[MISSING]);
    xr_doc_missing(&d->doc, NULL);
    xr_doc_text(&d->doc, " stands where a person must write.");
    xr_doc_para_end(&d->doc);
    xr_doc_para(&d->doc);
    xr_doc_textf(
        &d->doc,
        "Numbers and matters follow %s. The words are not those of the checklist: "
        "submit the official form.",
        list->source);
    xr_doc_para_end(&d->doc);
    raw(d, "<div class=\"items\">\n");
    for (size_t i = 0; i < list->n; i++) {
        if (list->items[i].number) {
            item_row(d, &list->items[i]);
            continue;
        }
        if (open)
            xr_doc_table_end(&d->doc);
        xr_doc_heading(&d->doc, 2, NULL, list->items[i].text);
        xr_doc_table(&d->doc, NULL, names, 3);
        open = true;
    }
    if (open)
        xr_doc_table_end(&d->doc);
    raw(d, "</div>\n");
    xr_report_close(d);
}
