/* Plots of pictures: films beside their heat maps, films beside what was made of them. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "plot_kinds.h"
#include "preview.h"
#include "report_parts.h"
#include "stream.h"

#define CM_PER_POINT (2.54 / 72.0)
#define CAPTION 0.85 /* size of text below heat maps, and in a sheet */
#define WORDS 0.68
#define GAP 0.03 /* of the width of a picture */
#define MAX_FILMS 64
#define MAX_EPOCHS 8

/* What a character and a line of small text take of the width of the plot. */
static double letter_share(const struct xr_plot_style *style, double size)
{
    return size * 0.56 * style->font * CM_PER_POINT / (style->width - 0.9);
}

static double line_share(const struct xr_plot_style *style, double size)
{
    return size * 1.25 * style->font * CM_PER_POINT / (style->width - 0.9);
}

static struct xr_panel *picture_panel(struct xr_drawing *d, double text)
{
    struct xr_panel *panel = xr_draw_panel(d, "", "");

    panel->x.hidden = panel->y.hidden = true;
    panel->x.from = panel->y.to = 0.0;
    panel->text = text;
    return panel;
}

static void end_panel(struct xr_panel *panel, double width, double height)
{
    panel->x.to = width;
    panel->y.from = height;
    panel->ratio = height / width;
}

static void add_line(struct xr_picture *picture, char *text)
{
    if (picture && text && picture->n_lines < XR_DRAW_LINES)
        picture->lines[picture->n_lines++] = text;
    else
        free(text);
}

/* --- heat maps -----------------------------------------------------------------------
 */

static int decode(struct xr_image *image, const struct xr_buf *png, struct xr_err *err)
{
    return xr_image_decode(image, NULL, png->data, png->size, XR_COLOR_RGB, err);
}

/* Below the film what it is, below the map what it was called. */
static void caption(struct xr_drawing *d, struct xr_picture *film, struct xr_picture *map,
                    const struct report_film *f)
{
    add_line(film, xr_draw_text(d, "%s", f->key));
    if (*f->label)
        add_line(film, xr_draw_text(d, "truth %s", f->label));
    if (*f->pred)
        add_line(map, xr_draw_text(d, "called %s", f->pred));
    if (*f->pred && isfinite(f->p_pred))
        add_line(map, xr_draw_text(d, "p %.3f", f->p_pred));
    if (*f->target && strcmp(f->target, f->pred) != 0)
        add_line(map, xr_draw_text(d, "map of %s", f->target));
}

/* One film at column and row of the grid; *width and *height: of what was placed. */
static int put_film(struct xr_drawing *d, struct xr_panel *panel,
                    const struct report_film *f, double x, double y, double *width,
                    double *height)
{
    struct xr_image film = {0}, map = {0};
    struct xr_picture *picture;
    size_t left = panel->n_pictures;

    if (decode(&map, &f->overlay, d->err) ||
        (f->film.size && decode(&film, &f->film, d->err))) {
        xr_fail_in(d->err, "%s", f->key);
        xr_image_free(&map);
        d->failed = true;
        return -1;
    }
    *height = (double)map.height;
    *width = (double)map.width;
    if (film.data) { /* as large as the map, whatever its own size */
        picture = xr_draw_picture(d, panel, x, y, &film);
        if (picture) {
            picture->width = *width;
            picture->height = *height;
        }
        x += *width * (1.0 + GAP);
        *width *= 2.0 + GAP;
    }
    picture = xr_draw_picture(d, panel, x, y, &map);
    if (!picture || d->failed)
        return -1;
    picture->frame = f->wrong ? 1 : XR_GRAY;
    caption(d, &panel->pictures[left], picture, f);
    return d->failed ? -1 : 0;
}

static int draw_films(struct xr_drawing *d, const struct report_data *films,
                      const struct xr_plot_request *request)
{
    struct xr_panel *panel = picture_panel(d, CAPTION);
    size_t columns = films->n_films < 2 ? 1 : 2, lines = 0, before = 0;
    double x = 0.0, y = 0.0, widest = 0.0, row = 0.0;
    double width, height, text;
    bool wrong = false;

    for (size_t i = 0; i < films->n_films; i++) {
        if (put_film(d, panel, &films->films[i], x, y, &width, &height))
            return -1;
        for (size_t p = before; p < panel->n_pictures; p++)
            if (panel->pictures[p].n_lines > lines)
                lines = panel->pictures[p].n_lines;
        before = panel->n_pictures;
        widest = fmax(widest, x + width);
        row = fmax(row, height);
        x += width * (1.0 + GAP);
        if ((i + 1) % columns == 0 || i + 1 == films->n_films) {
            text = ((double)lines + 0.8) * line_share(request->style, CAPTION) * widest;
            x = 0.0;
            y += row + text;
            row = 0.0;
            lines = 0;
        }
    }
    end_panel(panel, widest, y);
    for (size_t i = 0; i < films->n_films; i++)
        wrong = wrong || films->films[i].wrong;
    xr_draw_note(d, "%zu of %zu films%s", films->n_films, films->cam_seen,
                 wrong ? "; framed: called wrongly" : "");
    return d->failed ? -1 : 0;
}

int xr_plot_cam(struct xr_drawing *d, const char *path,
                const struct xr_plot_request *request)
{
    struct xr_report in = {.cam = path,
                           .max_images = request->films ? (size_t)request->films : 8};
    struct report_data *data = xr_alloc_array(1, sizeof *data, d->err);
    int status = -1;

    d->failed = true;
    if (!data)
        return -1;
    data->in = &in;
    data->err = d->err;
    if (xr_report_read_cam(data, d->err) == 0) {
        if (data->n_films) {
            d->failed = false;
            status = draw_films(d, data, request);
        } else {
            xr_fail(d->err, "%s: no heat maps", xr_input_name(path));
        }
    }
    xr_report_free(data);
    free(data);
    return status;
}

/* --- augmentation --------------------------------------------------------------------
 */

/* Films by row, epochs by column. */
struct sheet {
    size_t n_films, most;
    char *keys[MAX_FILMS];
    size_t width, height, last; /* last: the largest epoch seen */
};

/* The key without the folder of its epoch. */
static const char *plain_key(const struct xr_record *r, const struct xr_stream_header *h)
{
    const char *slash = strchr(r->key, '/');

    return h->epochs > 1 && slash ? slash + 1 : r->key;
}

/* The row of a film; MAX_FILMS: none is left. */
static size_t row_of(struct xr_drawing *d, struct sheet *sheet, const char *key)
{
    for (size_t i = 0; i < sheet->n_films; i++)
        if (!strcmp(sheet->keys[i], key))
            return i;
    if (sheet->n_films == sheet->most)
        return MAX_FILMS;
    sheet->keys[sheet->n_films] = xr_draw_text(d, "%s", key);
    return d->failed ? MAX_FILMS : sheet->n_films++;
}

static int view(struct xr_image *image, const struct xr_array *a)
{
    *image = (struct xr_image){.depth = 8, .channels = 1, .data = a->data};
    if (a->dtype != XR_U8 || a->n_dims < 2 || a->n_dims > 3)
        return -1;
    image->height = a->shape[0];
    image->width = a->shape[1];
    image->channels = a->n_dims == 3 ? a->shape[2] : 1;
    return image->channels == 1 || image->channels == 3 ? 0 : -1;
}

/* One record where it belongs: y is its row, made pixels once all rows are known. */
static int put_record(struct xr_drawing *d, struct xr_panel *panel, struct sheet *sheet,
                      const struct xr_record *r, const struct xr_stream_header *h,
                      const struct xr_plot_request *request)
{
    size_t epoch = (size_t)xr_json_number(r->meta, "epoch", 1.0), row, n, room;
    size_t columns = (size_t)(h->epochs < MAX_EPOCHS ? h->epochs : MAX_EPOCHS);
    struct xr_image film, mask = {0}, copy = {0};
    char lines[XR_PREVIEW_LINES][XR_PREVIEW_CHARS];
    struct xr_array outline = {0};
    struct xr_picture *picture;
    int got;

    epoch = epoch ? epoch - 1 : 0;
    if (epoch >= MAX_EPOCHS)
        return 0;
    row = row_of(d, sheet, plain_key(r, h));
    if (row == MAX_FILMS)
        return d->failed ? -1 : 0;
    if (view(&film, &r->image))
        return xr_fail(d->err, "record %s: only uint8 images, gray or RGB, can be drawn",
                       r->key);
    got = xr_record_array(&outline, r, "mask.npy", d->err);
    if (got < 0 || xr_image_alloc(&copy, film.width, film.height, 3, 8, d->err)) {
        xr_array_free(&outline);
        return -1;
    }
    if (got == 0 || view(&mask, &outline) || mask.channels != 1 ||
        mask.width != film.width || mask.height != film.height)
        mask.data = NULL;
    xr_preview_draw(&copy, 0, 0, &film, &mask);
    xr_array_free(&outline);
    sheet->width = film.width;
    sheet->height = film.height;
    sheet->last = epoch > sheet->last ? epoch : sheet->last;
    picture = xr_draw_picture(d, panel, (double)epoch * (double)film.width * (1.0 + GAP),
                              (double)row, &copy);
    room = (size_t)(0.97 / ((double)columns * letter_share(request->style, WORDS)));
    if (epoch == 0)
        add_line(picture, xr_draw_text(d, "%s", sheet->keys[row]));
    else
        add_line(picture, xr_draw_text(d, "epoch %zu", epoch + 1));
    n = xr_preview_lines(lines, room < 8 ? 8 : room,
                         cJSON_GetObjectItemCaseSensitive(r->meta, "transforms"));
    for (size_t i = 0; i < n; i++)
        add_line(picture, xr_draw_text(d, "%s", lines[i]));
    return d->failed ? -1 : 0;
}

/* By row, then by epoch: for pages, which place them themselves. */
static int compare_places(const void *a, const void *b)
{
    const struct xr_picture *x = a, *y = b;

    if (x->y != y->y)
        return x->y < y->y ? -1 : 1;
    return (x->x > y->x) - (x->x < y->x);
}

/* Rows stand below each other, each as high as its longest text. */
static void settle_rows(struct xr_panel *panel, const struct sheet *sheet, double line)
{
    double width = (double)sheet->width * ((double)sheet->last * (1.0 + GAP) + 1.0);
    double y = 0.0;

    for (size_t row = 0; row < sheet->n_films; row++) {
        size_t lines = 0;

        for (size_t i = 0; i < panel->n_pictures; i++)
            if (panel->pictures[i].y == (double)row && panel->pictures[i].n_lines > lines)
                lines = panel->pictures[i].n_lines;
        /* rows already placed are far below any row's number: they are negative */
        for (size_t i = 0; i < panel->n_pictures; i++)
            if (panel->pictures[i].y == (double)row)
                panel->pictures[i].y = -1.0 - y;
        y += (double)sheet->height + ((double)lines + 0.7) * line * width;
    }
    for (size_t i = 0; i < panel->n_pictures; i++)
        panel->pictures[i].y = -1.0 - panel->pictures[i].y;
    qsort(panel->pictures, panel->n_pictures, sizeof *panel->pictures, compare_places);
    end_panel(panel, width, y);
}

int xr_plot_sheet(struct xr_drawing *d, const char *path,
                  const struct xr_plot_request *request)
{
    struct sheet sheet = {.most = request->films ? (size_t)request->films : 4};
    struct xr_reader *reader = NULL;
    struct xr_record record = {0};
    struct xr_panel *panel;
    int got = -1;

    if (sheet.most > MAX_FILMS)
        sheet.most = MAX_FILMS;
    if (xr_reader_open(&reader, path, false, d->err))
        goto done;
    panel = picture_panel(d, WORDS);
    while ((got = xr_reader_next(reader, &record, d->err)) > 0)
        if (put_record(d, panel, &sheet, &record, xr_reader_header(reader), request)) {
            got = -1;
            break;
        }
    if (got == 0 && !panel->n_pictures)
        got = xr_fail(d->err, "%s: no films", xr_input_name(path));
    if (got == 0)
        settle_rows(panel, &sheet, line_share(request->style, WORDS));
done:
    d->failed = d->failed || got != 0;
    for (size_t i = 0; i < sheet.n_films; i++)
        free(sheet.keys[i]);
    xr_record_free(&record);
    xr_reader_close(reader);
    return d->failed ? -1 : 0;
}
