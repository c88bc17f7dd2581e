/* Who goes where: exact rounding, whole groups, independence of the order of rows; the
 * HTML and base64 that reports are made of. */
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "html.h"
#include "rng.h"
#include "split.h"
#include "tap.h"

#define MAX_ROWS 600

struct random_problem {
    struct xr_split_problem pb;
    uint16_t class_of[MAX_ROWS], part[MAX_ROWS];
    uint32_t group_of[MAX_ROWS];
    uint64_t order[MAX_ROWS];
    double share[12];
};

static void make_problem(struct random_problem *r, struct xr_rng *rng, bool grouped)
{
    double sum = 0;

    memset(r, 0, sizeof *r);
    r->pb = (struct xr_split_problem){
        .n_rows = 1 + xr_rng_below(rng, MAX_ROWS),
        .n_classes = 1 + xr_rng_below(rng, 8),
        .n_parts = 1 + xr_rng_below(rng, 12),
        .class_of = r->class_of,
        .group_of = grouped ? r->group_of : NULL,
        .order = r->order,
        .share = r->share,
        .seed = xr_rng_u64(rng),
    };
    for (size_t p = 0; p < r->pb.n_parts;
         p++) { /* equal, or 0..9 tenths of what is left over */
        r->share[p] = r->pb.seed & 1 ? 1 : (double)xr_rng_below(rng, 10);
        sum += r->share[p];
    }
    if (sum == 0)
        sum = r->share[0] = 1;
    for (size_t p = 0; p < r->pb.n_parts; p++)
        r->share[p] /= sum;
    r->pb.n_groups = grouped ? 1 + xr_rng_below(rng, r->pb.n_rows) : r->pb.n_rows;
    for (size_t i = 0; i < r->pb.n_rows; i++) {
        r->class_of[i] = xr_rng_below(rng, 20)
                             ? (uint16_t)xr_rng_below(rng, r->pb.n_classes)
                             : XR_SPLIT_NONE;
        r->group_of[i] = (uint32_t)xr_rng_below(rng, r->pb.n_groups);
        r->order[i] = xr_rng_u64(rng);
    }
}

/* Largest deviation of a class count, and of a part's size, from the exact share. */
static void deviations(const struct random_problem *r, double *of_class, double *of_part,
                       bool *zero)
{
    double n[9] = {0}, got[9][12] = {{0}};

    for (size_t i = 0; i < r->pb.n_rows; i++) {
        size_t c = r->class_of[i], p = r->part[r->pb.group_of ? r->group_of[i] : i];

        if (c == XR_SPLIT_NONE)
            continue;
        n[c]++;
        n[8]++;
        got[c][p]++;
        got[8][p]++;
    }
    *of_class = *of_part = 0;
    *zero = true;
    for (size_t p = 0; p < r->pb.n_parts; p++) {
        for (size_t c = 0; c < r->pb.n_classes; c++)
            *of_class = fmax(*of_class, fabs(got[c][p] - n[c] * r->share[p]));
        *of_part = fmax(*of_part, fabs(got[8][p] - n[8] * r->share[p]));
        *zero &= r->share[p] > 0 || got[8][p] == 0;
    }
}

static void test_single(void)
{
    static struct random_problem r;
    struct xr_err err = {0};
    struct xr_rng rng;
    double of_class, of_part, worst = 0, worst_part = 0;
    bool zero, all_zero = true;
    int failed = 0;

    xr_rng_init(&rng, 1, 0, "", "unit split");
    for (int i = 0; i < 2000; i++) {
        make_problem(&r, &rng, false);
        failed += xr_split_assign(r.part, &r.pb, &err) != 0;
        deviations(&r, &of_class, &of_part, &zero);
        worst = fmax(worst, of_class);
        worst_part = fmax(worst_part, of_part);
        all_zero &= zero;
    }
    ok(!failed, "2000 random tables without groups are divided");
    ok(worst < 1, "every class count is its share rounded down or up (worst %.6f)",
       worst);
    ok(worst_part < 1, "and so is every part (worst %.6f)", worst_part);
    ok(all_zero, "a part without a share stays empty");
}

static void test_grouped(void)
{
    static struct random_problem r, turned;
    struct xr_err err = {0};
    struct xr_rng rng;
    double of_class, of_part;
    bool zero, all_zero = true;
    int failed = 0, moved = 0, off = 0;

    xr_rng_init(&rng, 2, 0, "", "unit split");
    for (int i = 0; i < 100; i++) {
        size_t n;

        make_problem(&r, &rng, true);
        failed += xr_split_assign(r.part, &r.pb, &err) != 0;
        deviations(&r, &of_class, &of_part, &zero);
        all_zero &= zero;
        /* the same rows from the last to the first */
        turned = r;
        n = r.pb.n_rows;
        turned.pb.class_of = turned.class_of;
        turned.pb.group_of = turned.group_of;
        for (size_t j = 0; j < n; j++) {
            turned.class_of[j] = r.class_of[n - 1 - j];
            turned.group_of[j] = r.group_of[n - 1 - j];
        }
        failed += xr_split_assign(turned.part, &turned.pb, &err) != 0;
        moved += memcmp(r.part, turned.part, r.pb.n_groups * sizeof *r.part) != 0;
        /* small groups: nearly exact */
        off += r.pb.n_groups * 2 > n && n > 100 && r.pb.n_parts < 6 && of_class > 2.5;
    }
    ok(!failed, "100 random tables with groups are divided");
    ok(!moved, "the order of the rows changes nothing");
    ok(all_zero, "a part without a share stays empty");
    ok(!off, "small groups give nearly exact shares");
}

/* The cost that the search makes small: squared deviations of class counts, and half of
 * those of the parts' sizes. */
static double cost_of(const struct random_problem *r, const uint16_t *part)
{
    double n[9] = {0}, got[9][12] = {{0}}, sum = 0;

    for (size_t i = 0; i < r->pb.n_rows; i++) {
        n[r->class_of[i]]++;
        n[8]++;
        got[r->class_of[i]][part[r->group_of[i]]]++;
        got[8][part[r->group_of[i]]]++;
    }
    for (size_t p = 0; p < r->pb.n_parts; p++) {
        for (size_t c = 0; c < 9; c++) {
            double d = got[c][p] - n[c] * r->share[p];

            sum += (c < 8 ? 1 : .5) * d * d;
        }
    }
    return sum;
}

/* Few, large groups: beside the best of all ways there are. */
static void test_best(void)
{
    static struct random_problem r;
    struct xr_err err = {0};
    struct xr_rng rng;
    int best = 0, failed = 0;

    xr_rng_init(&rng, 3, 0, "", "unit split");
    for (int i = 0; i < 100; i++) {
        double least = INFINITY, got;
        size_t ways = 1;

        do
            make_problem(&r, &rng, true);
        while (r.pb.n_rows < 30);
        r.pb.n_parts = 2 + (size_t)i % 2;
        r.pb.n_groups = 4 + (size_t)i % 7;
        r.pb.n_classes = 3;
        for (size_t p = 0; p < r.pb.n_parts; p++)
            r.share[p] = 1 / (double)r.pb.n_parts;
        for (size_t j = 0; j < r.pb.n_rows; j++) {
            double u = xr_rng_uniform(&rng);

            r.class_of[j] = (uint16_t)xr_rng_below(&rng, 3);
            r.group_of[j] = (uint32_t)(u * u * (double)r.pb.n_groups);
        }
        for (size_t g = 0; g < r.pb.n_groups; g++)
            ways *= r.pb.n_parts;
        for (size_t w = 0; w < ways; w++) {
            uint16_t part[16];
            size_t left = w;

            for (size_t g = 0; g < r.pb.n_groups; g++, left /= r.pb.n_parts)
                part[g] = (uint16_t)(left % r.pb.n_parts);
            least = fmin(least, cost_of(&r, part));
        }
        failed += xr_split_assign(r.part, &r.pb, &err) != 0;
        got = cost_of(&r, r.part);
        best += got < least + 1e-6;
        if (got > least + 1e-6)
            printf("# table %d: %g where the best is %g\n", i, got, least);
    }
    ok(!failed && best == 100,
       "the best of all ways for %d of 100 tables of large groups", best);
}

static void test_html(void)
{
    static const char *const plain[] = {"", "f", "fo", "foo", "foob", "fooba", "foobar"};
    static const char *const coded[] = {"",         "Zg==",     "Zm8=",    "Zm9v",
                                        "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"};
    static const char nasty[] =
        "<a href=\"x\">&'\x01\x7f\xc2\x85\xff\xe2\x82\xac\xed\xa0\x80\t\xf0\x9f";
    static const char want[] =
        "&lt;a href=&quot;x&quot;&gt;&amp;&#39;&#xfffd;&#xfffd;&#xfffd;"
        "&#xfffd;\xe2\x82\xac&#xfffd;&#xfffd;&#xfffd;\t&#xfffd;&#xfffd;";
    char path[] = "/tmp/xr-html-XXXXXX";
    struct xr_err err = {0};
    struct xr_html h = {.err = &err};
    struct xr_buf buf = {0};
    int fd = mkstemp(path), bad = fd < 0;

    for (size_t i = 0; i < 7; i++) { /* RFC 4648, section 10 */
        bad |= xr_base64(&buf, plain[i], strlen(plain[i]), &err) ||
               strcmp(buf.data, coded[i]);
        xr_buf_free(&buf);
    }
    ok(!bad, "base64 of RFC 4648");
    close(fd);
    bad = xr_out_open(&h.out, path, 0, &err);
    if (!bad) {
        xr_html_text(&h, nasty);
        xr_html_text(&h, NULL);
        bad = h.failed || xr_out_finish(h.out, &err);
    }
    xr_out_close(h.out);
    bad = bad || xr_read_file(&buf, path, 1000, NULL, &err);
    if (!ok(!bad && !strcmp(buf.data, want),
            "texts are escaped, what is not UTF-8 is replaced"))
        printf("# %s\n", buf.data ? buf.data : err.text);
    xr_buf_free(&buf);
    unlink(path);
}

int main(void)
{
    test_single();
    test_grouped();
    test_best();
    test_html();
    return tap_done();
}
