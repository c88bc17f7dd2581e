/*
 * A document written once, as HTML or as Markdown (GitHub's): headings, paragraphs,
 * lists, tables, numbers, and what a person still has to write.
 */
#ifndef XR_DOCUMENT_H
#define XR_DOCUMENT_H

#include <stdbool.h>

#include "html.h"

/*
 * A document being written into h->out. As with xr_html, the first error stays and all
 * that follows is skipped. Blocks (paragraph, list, table) do not nest; inline pieces
 * (text, code, number, missing) belong into a paragraph, an item or a cell.
 */
struct xr_doc {
    struct xr_html *h; /* borrowed */
    bool markdown;
    int shift;     /* added to the level of headings: 1 within a section of a page */
    size_t column; /* of the table: the next cell */
    bool start;    /* nothing stands on this line yet (Markdown) */
};

/* Level 1 to 6; id (may be NULL) is the target of links in HTML. */
void xr_doc_heading(struct xr_doc *d, int level, const char *id, const char *text);

void xr_doc_para(struct xr_doc *d);
void xr_doc_para_end(struct xr_doc *d);

void xr_doc_list(struct xr_doc *d);
void xr_doc_item(struct xr_doc *d);
void xr_doc_item_end(struct xr_doc *d);
void xr_doc_list_end(struct xr_doc *d);

/* A table with a caption (NULL: none) and n columns; a name that begins with '>' is that
 * of a column of numbers, set to the right. Cells come one after another, n a row; the
 * first of each row is its heading. */
void xr_doc_table(struct xr_doc *d, const char *caption, const char *const *names,
                  size_t n);
void xr_doc_row(struct xr_doc *d);
void xr_doc_cell(struct xr_doc *d, bool right);
void xr_doc_cell_end(struct xr_doc *d, bool right);
void xr_doc_row_end(struct xr_doc *d);
void xr_doc_table_end(struct xr_doc *d);
/* A whole cell of text. */
void xr_doc_cell_text(struct xr_doc *d, bool right, const char *text);

/* Text from anywhere: escaped for the format, so that it is text and nothing else;
 * control characters and what is not UTF-8 become U+FFFD. NULL writes nothing. */
void xr_doc_text(struct xr_doc *d, const char *text);
void xr_doc_textf(struct xr_doc *d, const char *fmt, ...) XR_PRINTF(2, 3);
void xr_doc_code(struct xr_doc *d, const char *text);
void xr_doc_strong(struct xr_doc *d, const char *text);
/* MISSING, and what a person should write there. */
void xr_doc_missing(struct xr_doc *d, const char *hint);
/* A number with three decimals or three digits, whichever says more; in HTML the markup
 * carries the shortest text that reads back to the same number. Not finite: "undefined".
 */
void xr_doc_number(struct xr_doc *d, double v);

/* The text of that number: of at most 24 characters and a NUL. */
void xr_doc_number_text(char text[32], double v);
#endif
