/* Boxes: overlap, suppression, average precision, FROC. By hand, and, where it is there,
 * against reference data made with torchvision and pycocotools. */
#include <string.h>

#include "array.h"
#include "coco_reference.h"
#include "detect_read.h"
#include "json.h"
#include "rng.h"
#include "stats_boxes.h"
#include "stats_detect.h"
#include "tap.h"

static struct xr_err err;
static const double rates[] = {0.125, 0.25, 0.5, 1, 2, 4, 8};
#define N_RATES 7

/* --- by hand ----------------------------------------------------------------------- */

static void test_overlap(void)
{
    static const double a[4] = {0, 0, 10, 10}, b[4] = {5, 0, 15, 10},
                        far[4] = {20, 0, 30, 10}, point[4] = {3, 3, 3, 3};

    near(xr_iou(a, b, XR_IOU), 50.0 / 150, 1e-15, "half a box beside");
    near(xr_iou(a, far, XR_GIOU), -100.0 / 300, 1e-15, "GIoU of boxes apart");
    near(xr_iou(a, far, XR_DIOU), -400.0 / 1000, 1e-9, "DIoU of boxes apart");
    near(xr_iou(a, a, XR_CIOU), 1, 1e-9, "CIoU of a box with itself");
    ok(xr_iou(point, point, XR_IOU) == 0 && xr_covered(point, a) == 0 &&
           isfinite(xr_iou(point, point, XR_GIOU)) && isfinite(xr_iou(point, a, XR_CIOU)),
       "a box without area overlaps nothing");
    near(xr_covered(b, a), 0.5, 1e-15, "the share that is covered");
}

/* One class, two images, three objects; what is found, by falling score: right, wrong,
 * right, of which the second and third are in the same image. */
static void test_average_precision(void)
{
    const struct xr_truth_box truth[] = {{0, 0, {0, 0, 50, 50}, 2500, false},
                                         {1, 0, {0, 0, 50, 50}, 2500, false},
                                         {1, 0, {100, 0, 150, 50}, 2500, false}};
    const struct xr_found_box found[] = {{1, 0, {100, 0, 150, 50}, 0.5},
                                         {0, 0, {0, 0, 50, 50}, 0.9},
                                         {1, 0, {300, 300, 350, 350}, 0.7}};
    const struct xr_detect_input in = {truth, 3, found, 3, 2, 1, 0.5, rates, N_RATES};
    const uint32_t weight[] = {1, 1}, second[] = {0, 3};
    struct xr_detect *d = NULL;
    struct xr_froc_curve curve;
    double f[400];
    size_t froc;

    ok(!xr_detect_open(&d, &in, &err) && !xr_detect_eval(f, weight, d, &err), "opened");
    /* 34 recalls up to 1/3 at precision 1, 33 up to 2/3 at 2/3, none beyond */
    near(f[XR_COCO_AP50], (34 + 33 * 2.0 / 3) / 101, 1e-12, "AP at IoU .5");
    near(f[XR_COCO_AP], f[XR_COCO_AP50], 1e-12, "equal boxes: the same at any IoU");
    near(f[XR_COCO_AR_100], 2.0 / 3, 1e-15, "recall of 100");
    near(f[XR_COCO_AR_1], 1.0 / 3, 1e-15, "recall of the first of each image");
    ok(isnan(f[XR_COCO_AP_SMALL]) && isnan(f[XR_COCO_AP_LARGE]),
       "no object of that size: undefined");
    froc = xr_detect_froc(d);
    near(f[froc], 1.0 / 3, 1e-15, "FROC at .125 false positives an image");
    near(f[froc + 2], 2.0 / 3, 1e-15, "FROC at .5");
    ok(!xr_detect_eval(f, second, d, &err), "weights");
    near(f[XR_COCO_AP50], 51 * 0.5 / 101, 1e-12, "AP of the second image three times");
    near(f[froc + 2], 0, 0, "FROC of the second image at .5");
    near(f[froc + 3], 0.5, 1e-15, "FROC of the second image at 1");
    ok(!xr_detect_curve(&curve, d, &err) && curve.n == 3 && curve.threshold[1] == 0.7 &&
           curve.false_positives[1] == 0.5 && curve.sensitivity[2] == 2.0 / 3,
       "the FROC curve");
    free(curve.threshold);
    free(curve.false_positives);
    free(curve.sensitivity);
    xr_detect_close(d);
}

/* Equal scores: no threshold lies between them. A region of a crowd. */
static void test_ties_and_crowds(void)
{
    const struct xr_truth_box truth[] = {{0, 0, {0, 0, 10, 10}, 100, false},
                                         {0, 0, {50, 50, 90, 90}, 1600, true}};
    const struct xr_found_box found[] = {{0, 0, {0, 0, 10, 10}, 0.5},
                                         {0, 0, {200, 0, 210, 10}, 0.5},
                                         {0, 0, {55, 55, 60, 60}, 0.9},
                                         {0, 0, {70, 70, 75, 75}, 0.8}};
    const struct xr_detect_input in = {truth, 2, found, 4, 1, 1, 0.5, rates, N_RATES};
    const uint32_t weight[] = {1};
    struct xr_detect *d = NULL;
    double f[400];

    ok(!xr_detect_open(&d, &in, &err) && !xr_detect_eval(f, weight, d, &err), "opened");
    near(f[XR_COCO_AP50], 1, 1e-12, "what lies in a crowd is neither right nor wrong");
    near(f[xr_detect_froc(d) + 2], 0, 0, "FROC below a tie");
    near(f[xr_detect_froc(d) + 3], 1, 0, "FROC with all of a tie");
    xr_detect_close(d);
}

/* Weights are the same as so many copies of the images. */
static void test_copies(void)
{
    struct xr_truth_box truth[120];
    struct xr_found_box found[300];
    struct xr_detect_input in = {truth, 0, found, 0, 6, 2, 0.5, rates, N_RATES};
    const uint32_t weight[] = {3, 0, 1, 2}, ones[] = {1, 1, 1, 1, 1, 1};
    struct xr_detect *d = NULL;
    struct xr_rng rng;
    double a[700], b[700], worst = 0;
    size_t n = 0;

    xr_rng_init(&rng, 3, 0, "", "test");
    for (size_t image = 0; image < 4; image++) {
        struct xr_truth_box t[5];
        struct xr_found_box f[12];

        for (int i = 0; i < 12; i++) {
            double x = 80 * xr_rng_uniform(&rng), y = 80 * xr_rng_uniform(&rng);
            double s = 10 + 120 * xr_rng_uniform(&rng);

            if (i < 5)
                t[i] = (struct xr_truth_box){
                    0, (uint32_t)i % 2, {x, y, x + s, y + s}, s * s, false};
            f[i] = (struct xr_found_box){0,
                                         (uint32_t)i % 2,
                                         {t[i % 5].box[0] + i, t[i % 5].box[1],
                                          t[i % 5].box[2] + i, t[i % 5].box[3]},
                                         xr_rng_uniform(&rng)};
        }
        for (uint32_t w = 0; w < weight[image]; w++, n++) {
            for (int i = 0; i < 5; i++) {
                truth[in.n_truth] = t[i];
                truth[in.n_truth++].image = (uint32_t)n;
            }
            for (int i = 0; i < 12; i++) {
                found[in.n_found] = f[i];
                found[in.n_found++].image = (uint32_t)n;
            }
        }
        if (!weight[image])
            continue;
    }
    ok(n == 6 && !xr_detect_open(&d, &in, &err) && !xr_detect_eval(a, ones, d, &err),
       "copies");
    n = xr_detect_n(d);
    xr_detect_close(d);
    /* the first of each run of copies, with their number */
    {
        struct xr_truth_box t[20];
        struct xr_found_box f[40];
        const uint32_t first[] = {0, 3, 4}, w[] = {3, 1, 2};
        struct xr_detect_input few = {t, 0, f, 0, 3, 2, 0.5, rates, N_RATES};

        for (size_t k = 0; k < 3; k++) {
            for (size_t i = 0; i < in.n_truth; i++)
                if (truth[i].image == first[k]) {
                    t[few.n_truth] = truth[i];
                    t[few.n_truth++].image = (uint32_t)k;
                }
            for (size_t i = 0; i < in.n_found; i++)
                if (found[i].image == first[k]) {
                    f[few.n_found] = found[i];
                    f[few.n_found++].image = (uint32_t)k;
                }
        }
        ok(!xr_detect_open(&d, &few, &err) && !xr_detect_eval(b, w, d, &err), "weights");
        xr_detect_close(d);
    }
    for (size_t i = 0; i < n; i++) {
        if (isnan(a[i]) != isnan(b[i]))
            worst = INFINITY;
        else if (!isnan(a[i]) && fabs(a[i] - b[i]) > worst)
            worst = fabs(a[i] - b[i]);
    }
    near(worst, 0, 1e-12, "weights are copies");
}

/* Crowds, equal scores, more findings than count, a class that does not occur. */
static void test_coco(void)
{
    enum {
        N_TRUTH = sizeof coco_truth / sizeof *coco_truth,
        N_FOUND = sizeof coco_found / sizeof *coco_found
    };
    static struct xr_truth_box truth[N_TRUTH];
    static struct xr_found_box found[N_FOUND];
    const struct xr_detect_input in = {truth,        N_TRUTH, found, N_FOUND, COCO_IMAGES,
                                       COCO_CLASSES, 0.5,     rates, N_RATES};
    uint32_t weight[COCO_IMAGES];
    struct xr_detect *d = NULL;
    double f[600];

    for (int i = 0; i < N_TRUTH; i++) {
        const double *b = coco_truth[i].box;

        truth[i] = (struct xr_truth_box){coco_truth[i].image,
                                         coco_truth[i].class,
                                         {b[0], b[1], b[0] + b[2], b[1] + b[3]},
                                         coco_truth[i].area,
                                         coco_truth[i].crowd != 0};
    }
    for (int i = 0; i < N_FOUND; i++) {
        const double *b = coco_found[i].box;

        found[i] = (struct xr_found_box){coco_found[i].image,
                                         coco_found[i].class,
                                         {b[0], b[1], b[0] + b[2], b[1] + b[3]},
                                         coco_found[i].score};
    }
    for (int i = 0; i < COCO_IMAGES; i++)
        weight[i] = 1;
    ok(!xr_detect_open(&d, &in, &err) && xr_detect_n(d) <= 600 &&
           !xr_detect_eval(f, weight, d, &err),
       "pycocotools' data");
    for (int i = 0; i < XR_N_COCO; i++)
        near(f[i], coco_figures[i], 1e-12, xr_coco_name(i));
    xr_detect_close(d);
}

/* --- reference data ---------------------------------------------------------------- */

static char *path_of(const char *dir, const char *name)
{
    static char path[4][4096];
    static int at;

    at = (at + 1) % 4;
    snprintf(path[at], sizeof path[at], "%s/golden/detect/%s", dir, name);
    return path[at];
}

static int read_npy(struct xr_array *a, const char *dir, const char *name)
{
    struct xr_buf buf = {0};
    int rc = xr_read_file(&buf, path_of(dir, name), 1 << 20, NULL, &err) ||
             xr_npy_parse(a, buf.data, buf.size, &err);

    xr_buf_free(&buf);
    return rc;
}

static void check_overlaps(const char *dir)
{
    static const char *const names[] = {"iou", "giou", "diou", "ciou"};
    struct xr_array a = {0}, b = {0};

    ok(!read_npy(&a, dir, "iou_boxes_a.npy") && !read_npy(&b, dir, "iou_boxes_b.npy"),
       "boxes");
    for (int kind = 0; kind < 4; kind++) {
        struct xr_array want = {0};
        char name[32];
        double worst = 0;

        snprintf(name, sizeof name, "iou_%s.npy", names[kind]);
        if (read_npy(&want, dir, name) || want.shape[0] != a.shape[0] ||
            want.shape[1] != b.shape[0]) {
            ok(0, "%s", name);
            continue;
        }
        for (size_t i = 0; i < a.shape[0]; i++) {
            for (size_t j = 0; j < b.shape[0]; j++) {
                double got =
                    xr_iou((double *)a.data + 4 * i, (double *)b.data + 4 * j, kind);
                double off = fabs(got - ((double *)want.data)[i * b.shape[0] + j]);

                worst = off > worst ? off : worst;
            }
        }
        near(worst, 0, kind < XR_DIOU ? 1e-9 : 1e-7, name);
        xr_array_free(&want);
    }
    xr_array_free(&a);
    xr_array_free(&b);
}

#define MOST 240

static int same_list(const cJSON *want, const size_t *keep, size_t n)
{
    const cJSON *item;
    size_t i = 0;

    cJSON_ArrayForEach(item, want)
    {
        if (i == n || (double)keep[i++] != item->valuedouble)
            return 0;
    }
    return want && i == n;
}

static void check_suppression(const cJSON *expected, const char *dir)
{
    struct xr_table t = {0};
    static double box[MOST][4], score[MOST];
    static uint32_t class[MOST];
    size_t keep[MOST], n;
    const cJSON *want;

    if (xr_table_read(&t, path_of(dir, "nms_boxes.csv"), &err) || t.n_rows > MOST) {
        ok(0, "%s", err.text);
        return;
    }
    for (size_t i = 0; i < t.n_rows; i++) {
        for (size_t k = 0; k < 4; k++)
            box[i][k] = strtod(xr_cell(&t, i, k), NULL);
        score[i] = strtod(xr_cell(&t, i, 4), NULL);
        class[i] = (uint32_t)strtoul(xr_cell(&t, i, 5), NULL, 10);
    }
    for (int own = 0; own < 2; own++) {
        cJSON_ArrayForEach(want, cJSON_GetObjectItemCaseSensitive(
                                     expected, own ? "nms_per_class" : "nms"))
        {
            ok(!xr_nms(keep, &n, (const double(*)[4])box, score, own ? class : NULL,
                       t.n_rows, strtod(want->string, NULL), &err) &&
                   same_list(want, keep, n),
               "%s at %s", own ? "suppression by class" : "suppression", want->string);
        }
    }
    xr_table_free(&t);
}

static double worst_of(const cJSON *want, const double *got, size_t n)
{
    const cJSON *item;
    double worst = 0;
    size_t i = 0;

    cJSON_ArrayForEach(item, want)
    {
        double off = INFINITY;

        if (i < n)
            off = cJSON_IsNumber(item) ? fabs(got[i] - item->valuedouble)
                                       : (isnan(got[i]) ? 0 : INFINITY);
        worst = off <= worst ? worst : off;
        i++;
    }
    return want && i == n ? worst : INFINITY;
}

static void check_figures(const cJSON *expected, const char *dir, const char *truth,
                          const char *found)
{
    struct xr_detect_data data = {0};
    struct xr_detect_input in;
    struct xr_detect *d = NULL;
    uint32_t weight[50];
    const cJSON *want;
    double *f = NULL;

    if (!strcmp(truth, "gt.csv")) { /* the images without boxes */
        char key[16];

        for (int i = 1; i <= 50; i++) {
            uint32_t at;

            snprintf(key, sizeof key, "IMG%06d", i);
            ok(xr_cases_number(&data.cases, &at, key, NULL, &err) == 1, "image %s", key);
        }
    }
    if (!ok(!xr_detect_read(&data, path_of(dir, truth), path_of(dir, found), NULL, &err),
            "%s, %s", truth, found)) {
        printf("# %s\n", err.text);
        return;
    }
    in = (struct xr_detect_input){
        data.truth,     data.n_truth, data.found, data.n_found, data.cases.keys.n,
        data.classes.n, 0.5,          rates,      N_RATES};
    for (int i = 0; i < 50; i++)
        weight[i] = 1;
    if (in.n_images == 50 && !xr_detect_open(&d, &in, &err))
        f = xr_alloc_array(xr_detect_n(d), sizeof *f, &err);
    if (!ok(f && !xr_detect_eval(f, weight, d, &err), "50 images, 2 classes"))
        return;
    near(worst_of(cJSON_GetObjectItemCaseSensitive(expected, "coco"), f, XR_N_COCO), 0,
         1e-6, "the twelve figures of COCO");
    near(worst_of(cJSON_GetObjectItemCaseSensitive(expected, "froc_iou50_class_blind"),
                  f + xr_detect_froc(d), N_RATES),
         0, 1e-12, "FROC");
    cJSON_ArrayForEach(
        want, cJSON_GetObjectItemCaseSensitive(expected, "coco_per_class_AP_by_iou"))
    {
        size_t c = !strcmp(want->string, data.classes.text[1]);

        near(worst_of(want, f + xr_detect_class(d, c), XR_DETECT_THRESHOLDS), 0, 1e-6,
             "average precision of a class by IoU");
    }
    cJSON_ArrayForEach(
        want, cJSON_GetObjectItemCaseSensitive(expected, "coco_precision_101_at_iou50"))
    {
        size_t c = !strcmp(want->string, data.classes.text[1]);

        near(worst_of(want, f + xr_detect_class(d, c) + xr_detect_class_precision(d),
                      XR_DETECT_RECALLS),
             0, 1e-6, "precision at 101 recalls");
    }
    free(f);
    xr_detect_close(d);
    xr_detect_data_free(&data);
}

int main(void)
{
    const char *dir = tap_shared();
    cJSON *expected = NULL;

    test_overlap();
    test_average_precision();
    test_ties_and_crowds();
    test_copies();
    test_coco();
    if (!dir) {
        tap_skip("boxes of torchvision and pycocotools", "no reference data (XR_SHARED)");
        return tap_done();
    }
    expected = xr_json_read(path_of(dir, "expected.json"), NULL, &err);
    ok(expected != NULL, "expected.json");
    check_overlaps(dir);
    check_suppression(expected, dir);
    check_figures(expected, dir, "gt.csv", "dt.csv");
    check_figures(expected, dir, "coco_gt.json", "coco_dt.json");
    check_figures(expected, dir, "coco_gt.json", "dt.csv");
    cJSON_Delete(expected);
    return tap_done();
}
