/* Boxes and polygons: LabelMe, YOLO, COCO and our own JSON; clipping, drawing, hostile
 * files. */
#include <math.h>
#include <string.h>

#include "boxes.h"
#include "json.h"
#include "pixels/augment.h"
#include "pixels/pixels.h"
#include "tap.h"

static int parse(struct xr_boxes *b, const char *text, char *const *names, size_t n)
{
    struct xr_err err = {0};
    struct xr_buf buf = {0};
    int rc =
        xr_buf_text(&buf, text, &err) || xr_boxes_parse(b, &buf, 100, 50, names, n, &err);

    if (rc)
        printf("# %s\n", err.text);
    xr_buf_free(&buf);
    return rc;
}

/* What is seen in 100 x 50, as one line. */
static const char *seen(const struct xr_boxes *b, double min_visible)
{
    static char text[4096];
    struct xr_buf buf = {0};
    cJSON *json = xr_boxes_json(b, 100, 50, min_visible, NULL);

    if (!json || xr_json_line(&buf, json, NULL))
        return "";
    snprintf(text, sizeof text, "%s", buf.data);
    cJSON_Delete(json);
    xr_buf_free(&buf);
    return text;
}

static void is(const char *got, const char *want, const char *what)
{
    ok(strcmp(got, want) == 0, "%s", what);
    if (strcmp(got, want))
        printf("# got  %s\n# want %s\n", got, want);
}

static void formats(void)
{
    static char *names[] = {"benign", "malignant"};
    struct xr_boxes b;

    ok(!parse(&b,
              "{\"shapes\":[{\"label\":\"x\",\"points\":[[30,10],[10,40]],"
              "\"shape_type\":\"rectangle\"},{\"label\":\"y\",\"points\":[[1,1],[9,1],"
              "[9,9]]},{\"label\":\"z\",\"points\":[[3,3]],\"shape_type\":\"point\"}]}",
              NULL, 0),
       "LabelMe");
    is(seen(&b, 0),
       "{\"classes\": [\"x\", \"y\"], \"boxes\": [[10, 10, 30, 40], [1, 1, 9, 9]], "
       "\"ids\": [0, 1], \"polygons\": [[], [[1, 1, 9, 1, 9, 9]]]}",
       "a rectangle of any two corners, a polygon, no point");
    xr_boxes_free(&b);
    ok(!parse(&b,
              "{\"shapes\":[{\"label\":\"x\",\"points\":[[0,0],[10,10]],"
              "\"shape_type\":\"rectangle\"},{\"label\":\"x\",\"points\":[[0,0],[10,0],"
              "[9,10]]},{\"label\":\"y\",\"points\":[[0,0],[10,10]],"
              "\"shape_type\":\"rectangle\"}]}",
              NULL, 0),
       "a rectangle and a polygon of one lesion");
    is(seen(&b, 0),
       "{\"classes\": [\"x\", \"y\"], \"boxes\": [[0, 0, 10, 10], [0, 0, 10, 10]], "
       "\"ids\": [1, 2], \"polygons\": [[[0, 0, 10, 0, 9, 10]], []]}",
       "are one object, if their label is one");
    xr_boxes_free(&b);
    ok(!parse(&b, "1 0.5 0.5 0.2 0.4\n\n0 0.1 0.2 0.3 0.2 0.3 0.4\r\n", names, 2),
       "YOLO");
    is(seen(&b, 0),
       "{\"classes\": [\"malignant\", \"benign\"], \"boxes\": [[40, 15, 60, 35], [10, "
       "10, "
       "30, 20]], \"ids\": [0, 1], \"polygons\": [[], [[10, 10, 30, 10, 30, 20]]]}",
       "a box by its centre, a polygon, in shares of the sides");
    xr_boxes_free(&b);
    ok(!parse(&b, "1 0.5 0.5 0.2 0.4", NULL, 0) && !strcmp(b.objects[0].label, "1"),
       "without names a class is its number");
    xr_boxes_free(&b);
    ok(!parse(&b, "", NULL, 0) && b.known && b.n == 0, "an empty file says: none");
    xr_boxes_free(&b);
}

/* What is written can be read: the same again. */
static void round_trip(void)
{
    struct xr_boxes a, b;
    char text[4096];

    ok(!parse(&a,
              "{\"shapes\":[{\"label\":\"x\",\"points\":[[-5,10],[10,40]],"
              "\"shape_type\":\"rectangle\"},{\"label\":\"y\",\"points\":[[1,1],[9,1],"
              "[9,90]]}]}",
              NULL, 0),
       "partly outside");
    snprintf(text, sizeof text, "%s", seen(&a, 0));
    ok(!parse(&b, text, NULL, 0), "our own JSON");
    is(seen(&b, 0), text, "comes back");
    xr_boxes_free(&b);
    is(seen(&a, 0.6),
       "{\"classes\": [\"x\"], \"boxes\": [[0, 10, 10, 40]], \"ids\": [0], "
       "\"polygons\": [[]]}",
       "of the box two thirds are left, of the polygon's box less");
    is(seen(&a, 0.7), "{\"classes\": [], \"boxes\": [], \"ids\": [], \"polygons\": []}",
       "and neither is enough");
    xr_boxes_free(&a);
}

static void hostile(void)
{
    static const char *const bad[] = {
        "{",
        "{\"a\":1}",
        "{\"shapes\":[{\"label\":\"x\",\"points\":[[1,1],[2]]}]}",
        "{\"shapes\":[{\"label\":\"x\",\"points\":[[1,1],[2,2]]}]}",
        "{\"shapes\":[{\"label\":\"x\",\"points\":[[1,1],[2,\"a\"],[3,3]]}]}",
        "{\"shapes\":[{\"label\":\"x\",\"points\":[[1,1],[2,1e300],[3,3]]}]}",
        "{\"shapes\":[{\"label\":\"\",\"points\":[[1,1],[2,2],[3,3]]}]}",
        "{\"shapes\":[{\"label\":\"x\",\"points\":7}]}",
        "{\"shapes\":[{\"label\":\"x\",\"points\":[[1,1],[1,9]],"
        "\"shape_type\":\"rectangle\"}]}",
        "{\"shapes\":[{\"label\":\"x\",\"points\":[[1,1]],\"shape_type\":\"mask\"}]}",
        "{\"shapes\":[3]}",
        "{\"boxes\":[[1,2,3,4]]}",
        "{\"boxes\":[[1,2,3]],\"classes\":[\"a\"]}",
        "{\"boxes\":[[1,2,3,4]],\"classes\":[\"a\"],\"polygons\":[[[1,2]]]}",
        "0 0.5 0.5 0.2",
        "0 0.5 0.5 0.2 0.4 0.6",
        "x 0.5 0.5 0.2 0.4",
        "-1 0.5 0.5 0.2 0.4",
        "0.5 0.5 0.5 0.2 0.4",
        "0 0.5 0.5 -0.2 0.4",
        "0 nan 0.5 0.2 0.4",
        "0 1e300 0.5 0.2 0.4",
    };
    struct xr_buf many = {0};
    struct xr_boxes b;
    int n = 0;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        int rc = parse(&b, bad[i], NULL, 0);

        n += rc && !b.n;
        if (!rc)
            printf("# taken: %s\n", bad[i]);
    }
    ok(n == (int)(sizeof bad / sizeof *bad), "what is no annotation is an error");
    for (int i = 0; i < 10001; i++)
        n = xr_buf_text(&many, "0 0.5 0.5 0.2 0.4\n", NULL);
    ok(parse(&b, many.data, NULL, 0), "more than 10,000 objects");
    xr_buf_free(&many);
    n = xr_buf_text(&many, "0", NULL);
    for (int i = 0; i < 100001; i++)
        n = xr_buf_text(&many, " 0.5 0.5", NULL);
    ok(n == 0 && parse(&b, many.data, NULL, 0), "more than 100,000 points");
    xr_buf_free(&many);
}

/* A polygon against every pixel by itself: its centre inside, or its rim nearer than half
 * a pixel along the row. */
static void drawing(void)
{
    static const double star[] = {50, 3,  60, 20, 90, 20, 66, 31, 75, 47,
                                  50, 38, 20, 48, 34, 30, 9,  20, 41, 19};
    struct xr_boxes b = {0};
    struct xr_image mask;
    size_t n = sizeof star / sizeof *star / 2, wrong = 0, set = 0;
    const uint8_t *p;

    ok(!xr_boxes_add(&b, "x", 0, false, NULL) && !xr_boxes_ring(&b, star, n, NULL) &&
           !xr_boxes_draw(&mask, &b, 100, 50, NULL),
       "a star is drawn");
    p = mask.data;
    for (int y = 0; y < 50; y++) {
        for (int x = 0; x < 100; x++) {
            bool inside = false, rim = false;

            for (size_t i = 0; i < n; i++) {
                double ax = star[2 * i], ay = star[2 * i + 1];
                double bx = star[2 * ((i + 1) % n)], by = star[2 * ((i + 1) % n) + 1];
                double at = ay == by ? ax : ax + (y - ay) * (bx - ax) / (by - ay);

                if ((ay > y) != (by > y) && x < at)
                    inside = !inside;
                if (y < fmin(ay, by) || y > fmax(ay, by))
                    continue;
                rim = rim || (ay == by ? x >= fmin(ax, bx) && x <= fmax(ax, bx)
                                       : fabs(x - at) <= 0.5);
            }
            wrong += (inside || rim) != (p[y * 100 + x] == 255);
            set += p[y * 100 + x] == 255;
        }
    }
    ok(wrong == 0 && set > 500, "every pixel of it");
    xr_image_free(&mask);
    xr_boxes_free(&b);
}

/* A box drawn as a mask and moved, and its points moved: they agree. */
static void alignment(void)
{
    static const char *const chains[] = {"hflip(p=1)",
                                         "vflip(p=1)",
                                         "rot90(turns=1,p=1)",
                                         "transpose(p=1)",
                                         "shift_scale_rotate(rotate=20:40,p=1)",
                                         "elastic(alpha=80,sigma=8,p=1)"};

    for (size_t c = 0; c < sizeof chains / sizeof *chains; c++) {
        static const double edges[] = {30, 40, 70, 40, 70, 60, 30, 60};
        struct xr_boxes b = {0};
        struct xr_image image, mask;
        struct xr_chain *chain;
        double box[4] = {0}, low[2] = {1e9, 1e9}, high[2] = {-1e9, -1e9};
        cJSON *json, *item;
        int k = 0;

        if (xr_image_alloc(&image, 100, 100, 1, 8, NULL) ||
            xr_image_alloc(&mask, 100, 100, 1, 8, NULL) ||
            xr_boxes_add(&b, "x", 0, false, NULL) || xr_boxes_ring(&b, edges, 4, NULL) ||
            xr_chain_parse(&chain, &chains[c], 1, NULL))
            return;
        for (size_t i = 0; i < 10000; i++)
            ((uint8_t *)mask.data)[i] =
                i % 100 >= 30 && i % 100 < 70 && i / 100 >= 40 && i / 100 < 60;
        ok(!xr_chain_apply(chain,
                           &(struct xr_subject){&image, &mask, b.points, b.n_points}, 1,
                           1, "k", NULL, NULL),
           "%s", chains[c]);
        for (size_t i = 0; i < 10000; i++) {
            double v[2] = {(double)(i % 100), (double)(i / 100)};

            for (int d = 0; d < 2 && ((uint8_t *)mask.data)[i]; d++) {
                low[d] = fmin(low[d], v[d]);
                high[d] = fmax(high[d], v[d] + 1);
            }
        }
        json = xr_boxes_json(&b, 100, 100, 0, NULL);
        cJSON_ArrayForEach(item, cJSON_GetObjectItem(json, "boxes")->child)
        {
            box[k++] = item->valuedouble;
        }
        ok(k == 4 && fabs(box[0] - low[0]) <= 1.5 && fabs(box[1] - low[1]) <= 1.5 &&
               fabs(box[2] - high[0]) <= 1.5 && fabs(box[3] - high[1]) <= 1.5,
           "its box is that of the mask: %.1f %.1f %.1f %.1f, %.0f %.0f %.0f %.0f",
           box[0], box[1], box[2], box[3], low[0], low[1], high[0], high[1]);
        cJSON_Delete(json);
        xr_chain_free(chain);
        xr_image_free(&image);
        xr_image_free(&mask);
        xr_boxes_free(&b);
    }
}

int main(void)
{
    formats();
    round_trip();
    hostile();
    drawing();
    alignment();
    return tap_done();
}
