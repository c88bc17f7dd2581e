/*
 * What the sections of a report share. Not for tools.
 */
#ifndef XR_REPORT_PARTS_H
#define XR_REPORT_PARTS_H

#include <stdbool.h>

#include <cjson/cJSON.h>

#include "csv.h"
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

/* Everything read. */
struct report_data {
    const struct xr_report *in;
    struct xr_html h;
    struct xr_err *err;
    struct xr_table split, parts, log,
        scores; /* n_cols 0: not given; parts: classes by part */
    bool grouped;
    struct xr_predictions pred; /* n 0: not given */
    cJSON *metrics;
    struct xr_model model; /* path NULL: not given */
    cJSON *classes, *preprocessing, *training, *model_history;
    size_t n_params;
    struct report_plot *plots;
    size_t n_plots;
    struct report_film *films;
    size_t n_films, cam_seen, cam_wrong;
    cJSON *cam_history;
    struct report_file files[MAX_FILES];
    size_t n_files;
};

/* The style sheet of the page. */
extern const char xr_report_style[];

/* Heat maps: choose while reading; write the grid. */
int xr_report_read_cam(struct report_data *d, struct xr_err *err) XR_MUST_USE;
void xr_report_films(struct report_data *d);
void xr_report_free_films(struct report_data *d);

/* Sections; each writes nothing where its files were not given. */
void xr_report_headline(struct report_data *d);
void xr_report_results(struct report_data *d);
void xr_report_card(struct report_data *d);
void xr_report_lineage(struct report_data *d);

/* Plots not shown yet whose names begin with kind ("" for the rest). */
bool xr_report_has_plot(const struct report_data *d, const char *kind);
void xr_report_plots(struct report_data *d, const char *kind);

/* A figure of the metrics, {value, low, high}: three digits, all digits in the markup. */
void xr_report_figure(struct xr_html *h, const cJSON *figure);
/* metrics.a.b; NULL where there is none. */
const cJSON *xr_report_metric(const struct report_data *d, const char *a, const char *b);

#endif
