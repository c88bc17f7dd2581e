/* DICOM and NIfTI: every file of data/dicom and data/nifti against its reference, and
 * pictures whose values are computed here anew. */
#include <string.h>

#include "csv.h"
#include "dicom.h"
#include "image.h"
#include "io.h"
#include "nifti.h"
#include "optional.h"
#include "tap.h"

static double number(const struct xr_table *t, size_t row, const char *col)
{
    return atof(xr_cell(t, row, (size_t)xr_table_col(t, col)));
}

static const char *text(const struct xr_table *t, size_t row, const char *col)
{
    return xr_cell(t, row, (size_t)xr_table_col(t, col));
}

static int read_shared(struct xr_buf *buf, const char *dir, const char *file)
{
    struct xr_err err = {0};
    char path[4096];

    snprintf(path, sizeof path, "%s/data/%s/%s", tap_shared(), dir, file);
    if (xr_read_file(buf, path, SIZE_MAX / 4, NULL, &err) == 0)
        return 0;
    ok(0, "%s", err.text);
    return -1;
}

/* --- stored values ----------------------------------------------------------------- */

struct sums {
    struct xr_sha256 *sha;
    double sum, least, most;
    size_t n;
};

static void add_values(struct sums *s, const struct xr_dicom *d,
                       const struct xr_dicom_values *v)
{
    for (size_t i = 0; i < v->n; i++) {
        double x = d->is_signed ? (int16_t)v->data[i] : v->data[i];
        uint8_t bytes[2] = {(uint8_t)v->data[i], (uint8_t)(v->data[i] >> 8)};

        xr_sha256_add(s->sha, bytes, d->allocated == 16 ? 2 : 1);
        s->sum += x;
        s->least = s->n == 0 || x < s->least ? x : s->least;
        s->most = s->n == 0 || x > s->most ? x : s->most;
        s->n++;
    }
}

static int all_frames(struct sums *s, struct xr_dicom *d, const struct xr_buf *buf,
                      struct xr_err *err)
{
    struct xr_dicom_file *file = NULL;
    int rc = xr_dicom_open(&file, buf->data, buf->size, false, err) ||
             xr_dicom_describe(d, file, 0, err);

    for (size_t frame = 0; !rc && frame < d->frames; frame++) {
        struct xr_dicom_values v;

        rc = xr_dicom_stored(&v, d, file, frame, err);
        if (!rc)
            add_values(s, d, &v);
        free(v.data);
    }
    xr_dicom_close(file);
    return rc ? -1 : 0;
}

/* Lossy JPEG may differ by a level between decoders: there the mean must do. */
static void check_stored(const char *file, const struct xr_table *t, size_t row,
                         const struct xr_buf *buf)
{
    bool lossy = strstr(text(t, row, "transfer_syntax"), ".4.5") &&
                 strcmp(text(t, row, "transfer_syntax"), "1.2.840.10008.1.2.4.57");
    struct sums s = {.sha = xr_sha256_new(NULL)};
    struct xr_err err = {0};
    struct xr_dicom d = {0};
    char got[XR_SHA256_TEXT];

    if (ok(all_frames(&s, &d, buf, &err) == 0, "%s: stored values %s", file, err.text)) {
        xr_sha256_text(s.sha, got);
        ok(d.rows == (size_t)number(t, row, "rows") &&
               d.cols == (size_t)number(t, row, "cols") &&
               d.frames == (size_t)number(t, row, "frames") &&
               d.samples == (unsigned)number(t, row, "samples") &&
               d.stored == (unsigned)number(t, row, "bits_stored") &&
               !strcmp(d.photometric, text(t, row, "photometric")) &&
               !strcmp(d.transfer, text(t, row, "transfer_syntax")) &&
               !strcmp(d.modality, text(t, row, "modality")),
           "%s: what the dataset says", file);
        near(s.sum / (double)s.n, number(t, row, "mean"), lossy ? 0.05 : 1e-6, file);
        if (!lossy) {
            ok(s.least == number(t, row, "min") && s.most == number(t, row, "max"),
               "%s: %g to %g", file, s.least, s.most);
            ok(!strcmp(got + 7, text(t, row, "pixel_sha256")), "%s: every value", file);
        }
    }
    xr_dicom_free(&d);
    xr_sha256_free(s.sha);
}

/* Each file that pydicom refuses gets one line here too; the others become pictures. */
static void check_picture(const char *file, const struct xr_buf *buf, bool good,
                          size_t frames)
{
    for (int color = 0; color < 2; color++) {
        struct xr_pick pick = {.index = frames > 1 ? frames : 0};
        struct xr_image_info info;
        struct xr_err err = {0};
        struct xr_image im;
        int rc = xr_image_decode_pick(&im, &info, buf->data, buf->size, &pick,
                                      color ? XR_COLOR_RGB : XR_COLOR_GRAY, &err);

        ok(good ? rc == 0 && im.channels == (color ? 3u : 1u)
                : rc == -1 && err.text[0] && !strchr(err.text, '\n') && !im.data,
           "%s %s: %s", file, good ? "is a picture" : "is refused",
           rc ? err.text : info.warning);
        xr_image_free(&im);
    }
}

static void stored(void)
{
    struct xr_err err = {0};
    struct xr_table t;
    char path[4096];

    snprintf(path, sizeof path, "%s/data/dicom/reference.csv", tap_shared());
    if (!ok(xr_table_read(&t, path, &err) == 0, "dicom/reference.csv %s", err.text))
        return;
    for (size_t row = 0; row < t.n_rows; row++) {
        const char *file = xr_cell(&t, row, 0);
        bool good = !*text(&t, row, "decode_error");
        struct xr_buf buf = {0};

        if (read_shared(&buf, "dicom", file))
            continue;
        if (good)
            check_stored(file, &t, row, &buf);
        check_picture(file, &buf, good, (size_t)number(&t, row, "frames"));
        xr_buf_free(&buf);
    }
    xr_table_free(&t);
}

/* --- NIfTI ----------------------------------------------------------------------------
 */

static void check_nifti(const char *file, const struct xr_table *t, size_t row,
                        const struct xr_buf *buf)
{
    struct xr_err err = {0};
    struct xr_nifti n;
    double least = INFINITY, most = -INFINITY, sum = 0;
    char shape[100], zooms[100];

    if (!ok(xr_nifti_open(&n, buf->data, buf->size, false, &err) == 0, "%s opens %s",
            file, err.text))
        return;
    for (size_t i = 0; i < n.n; i++) {
        double v = xr_nifti_raw(&n, i);

        least = v < least ? v : least;
        most = v > most ? v : most;
        sum += v * n.slope + n.inter;
    }
    snprintf(shape, sizeof shape, "%zux%zux%zux%zu", n.side[0], n.side[1], n.side[2],
             n.volumes);
    snprintf(zooms, sizeof zooms, "%.7gx%.7gx%.7g", n.spacing[0], n.spacing[1],
             n.spacing[2]);
    ok(strncmp(shape, text(t, row, "shape"), strlen(text(t, row, "shape"))) == 0,
       "%s is %s", file, shape);
    ok(strncmp(zooms, text(t, row, "zooms"), 3) == 0, "%s: voxels of %s", file, zooms);
    near(least, number(t, row, "raw_min"), 0, file);
    near(most, number(t, row, "raw_max"), 0, file);
    near(sum / (double)n.n, number(t, row, "mean"), 1e-6 * fabs(number(t, row, "mean")),
         file);
    near(n.slope, number(t, row, "slope"), 1e-9, file);
    near(n.inter, number(t, row, "inter"), 1e-4, file);
    ok(n.swapped == (text(t, row, "endian")[0] == '>'), "%s: endian", file);
    xr_nifti_close(&n);
}

static void nifti(void)
{
    static const char *const headers[] = {"nifti1.hdr", "nifti2.hdr"};
    struct xr_err err = {0};
    struct xr_table t;
    struct xr_image im;
    char path[4096];

    snprintf(path, sizeof path, "%s/data/nifti/reference.csv", tap_shared());
    if (!ok(xr_table_read(&t, path, &err) == 0, "nifti/reference.csv %s", err.text))
        return;
    for (size_t row = 0; row < t.n_rows; row++) {
        struct xr_buf buf = {0};

        if (read_shared(&buf, "nifti", xr_cell(&t, row, 0)))
            continue;
        check_nifti(xr_cell(&t, row, 0), &t, row, &buf);
        xr_buf_free(&buf);
    }
    xr_table_free(&t);
    for (int i = 0; i < 2; i++) {
        struct xr_buf buf = {0};

        if (read_shared(&buf, "nifti", headers[i]))
            continue;
        ok(xr_image_decode(&im, NULL, buf.data, buf.size, XR_COLOR_GRAY, &err) == -1 &&
               !strchr(err.text, '\n'),
           "%s is refused: %s", headers[i], err.text);
        xr_buf_free(&buf);
    }
}

int main(void)
{
    if (!tap_shared()) {
        tap_skip("data/dicom, data/nifti", "no reference data");
        return tap_done();
    }
#ifdef XR_HAS_DCMTK
    stored();
#else
    tap_skip("data/dicom", "built without DCMTK");
#endif
#ifdef XR_HAS_NIFTI
    nifti();
#else
    tap_skip("data/nifti", "built without libnifti");
#endif
    return tap_done();
}
