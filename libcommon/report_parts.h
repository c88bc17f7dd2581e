/*
 * What the sections of a report share. Not for tools.
 */
#ifndef XR_REPORT_PARTS_H
#define XR_REPORT_PARTS_H

#include <stdbool.h>

#include <cjson/cJSON.h>

#include "certificate.h"
#include "csv.h"
#include "document.h"
#include "html.h"
#include "model.h"
#include "predictions.h"
#include "report.h"

#define MAX_FILES 128

/* A file that the report was made of. */
struct report_file {
    const char *role, *name;
    char digest[XR_SHA256_TEXT];
};

struct report_plot {
    const char *name, *type; /* last part of the path; MIME type */
    struct xr_buf data;
    bool shown;
};

/* One heat map of the grid. */
struct report_film {
    char *key, *label, *pred, *target, *method, *layer;
    double p_pred, p_label;      /* NaN: unknown */
    bool wrong;                  /* a known label that is not the prediction */
    int64_t class;               /* of the label, -1: unknown */
    uint64_t rank;               /* smaller comes first */
    struct xr_buf overlay, film; /* PNG; film may be empty */
};

/* The log in a few numbers; NaN where it does not say. */
struct report_log {
    double epochs, best, best_epoch; /* of the validation AUC */
    double seconds, rate;            /* of all passes; images a second in training */
};

/* Everything read. */
struct report_data {
    const struct xr_report *in;
    struct xr_html h;
    struct xr_doc doc; /* over h */
    struct xr_err *err;
    /* n_cols 0: not given; parts: classes by part */
    struct xr_table split, parts, log, scores, demographics, flow;
    bool grouped;
    struct xr_certificate certificate; /* json NULL: not given */
    struct xr_predictions pred;        /* n 0: not given */
    cJSON *metrics, *comparison;
    struct xr_model model; /* path NULL: not given */
    cJSON *classes, *preprocessing, *training, *model_history;
    size_t n_params;
    struct report_plot *plots;
    size_t n_plots;
    struct report_film *films;
    size_t n_films, cam_seen, cam_wrong;
    size_t cam_compared; /* films whose probabilities are in the predictions too */
    double cam_far;      /* by how much they differ at most */
    char *cam_method, *cam_layer; /* of the first map */
    cJSON *cam_history;
    struct report_file files[MAX_FILES];
    size_t n_files;
    char films_digest[XR_SHA256_TEXT]; /* of the split's films; "": root not given */
    size_t n_split_films;
    uint64_t film_bytes;
};

/* The style sheet of the page. */
extern const char xr_report_style[];

/* --- reading --- */

int xr_report_read(struct report_data *d, struct xr_err *err) XR_MUST_USE;
void xr_report_free(struct report_data *d);
/* The digest of the films that the split names, below in->root. */
int xr_report_read_root(struct report_data *d, struct xr_err *err) XR_MUST_USE;
/* Heat maps: choose while reading. */
int xr_report_read_cam(struct report_data *d, struct xr_err *err) XR_MUST_USE;
void xr_report_free_films(struct report_data *d);

/* --- sections of the page; each writes nothing where its files were not given --- */

void xr_report_headline(struct report_data *d);
void xr_report_data(struct report_data *d);
void xr_report_training(struct report_data *d);
void xr_report_results(struct report_data *d);
void xr_report_films(struct report_data *d);
void xr_report_lineage(struct report_data *d);
void xr_report_graph(struct report_data *d);
/* Are the predictions what the model says, as far as the heat maps' stream tells? */
bool xr_report_same_model(const struct report_data *d);
bool xr_report_has_training(const struct report_data *d);
bool xr_report_has_results(const struct report_data *d);
/* Head and first lines of a document of its own, "TITLE: what", and its end. */
void xr_report_open(struct report_data *d, const char *what);
void xr_report_close(struct report_data *d);

/* Plots not shown yet whose names begin with kind ("" for the rest). */
bool xr_report_has_plot(const struct report_data *d, const char *kind);
void xr_report_plots(struct report_data *d, const char *kind);

/* --- pieces in either format: of the page, the card and the checklists --- */

/* The model card; whole: with the tables that the page shows in sections of their own. */
void xr_report_card(struct report_data *d, bool whole);
void xr_report_checklist(struct report_data *d);

void xr_report_parts_table(struct report_data *d);
void xr_report_demographics(struct report_data *d);
void xr_report_flow(struct report_data *d);
void xr_report_scores(struct report_data *d);
void xr_report_settings(struct report_data *d);
void xr_report_figures(struct report_data *d);
void xr_report_classes(struct report_data *d);
void xr_report_confusion(struct report_data *d);
void xr_report_subgroups(struct report_data *d);
void xr_report_operating(struct report_data *d);
void xr_report_calibration(struct report_data *d);
void xr_report_decision(struct report_data *d);
void xr_report_comparison(struct report_data *d);
/* Sentences: of the split, its certificate, the training log, the model, the headline
 * figures, the heat maps. */
void xr_report_split_words(struct report_data *d);
void xr_report_certificate_words(struct report_data *d);
void xr_report_log_words(struct report_data *d);
void xr_report_model_words(struct report_data *d);
void xr_report_figures_words(struct report_data *d);
void xr_report_maps_words(struct report_data *d);
void xr_report_digest(struct xr_doc *doc, const char *digest);

/* --- lookups --- */

struct report_log xr_report_log(const struct report_data *d);
/* Cell of a table as a number, NaN where it is none. */
double xr_report_cell(const struct xr_table *t, size_t row, int col);
/* metrics.a.b; NULL where there is none. */
const cJSON *xr_report_metric(const struct report_data *d, const char *a, const char *b);
/* {value, ...}, with its value or null. */
bool xr_report_is_figure(const cJSON *x);
/* A figure of the metrics, {value, low, high}: three digits, all digits in the markup. */
void xr_report_figure(struct xr_doc *doc, const cJSON *figure);
/* The name that people know a figure by; key may be "per_class.CLASS.recall". */
void xr_report_name(struct xr_doc *doc, const char *key);
char *xr_report_name_text(const char *key, struct xr_err *err); /* free() it */
/* Is it one of the few figures shown first? */
bool xr_report_headlines(const char *key);
/* Level of the intervals, in percent. */
double xr_report_level(const struct report_data *d);
/* Argument --name=VALUE of the last run of a tool in a history; NULL: not given, "": a
 * flag. */
const char *xr_report_argument(const cJSON *history, const char *tool, const char *name);

#endif
