/* What is found is matched with what there is, image by image. */
#include "stats_detect.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "stats_boxes.h"
#include "stats_detect_int.h"

#define MAX_BOXES ((size_t)1 << 26)

const char *xr_coco_name(enum xr_coco_figure figure)
{
    static const char *const names[XR_N_COCO] = {
        "AP",   "AP50",  "AP75",   "AP_small", "AP_medium", "AP_large",
        "AR_1", "AR_10", "AR_100", "AR_small", "AR_medium", "AR_large"};

    return names[figure];
}

/* --- order ----------------------------------------------------------------------- */

/* Which box, by image, class and, of what is found, falling score. */
struct place {
    uint32_t image, class;
    double score;
    size_t at;
};

static int by_place(const void *a, const void *b)
{
    const struct place *x = a, *y = b;

    if (x->image != y->image)
        return x->image < y->image ? -1 : 1;
    if (x->class != y->class)
        return x->class < y->class ? -1 : 1;
    if (x->score != y->score)
        return x->score < y->score ? 1 : -1;
    return (x->at > y->at) - (x->at < y->at);
}

/* The boxes of one image, or of one image and class. */
struct span {
    struct place *truth, *found;
    size_t n_truth, n_found;
};

/* Room for the objects of one image. */
struct room {
    double *overlap;                           /* [n] of one finding with each */
    uint16_t (*taken)[XR_DETECT_AREAS];        /* [n] at which thresholds */
    unsigned char (*ignored)[XR_DETECT_AREAS]; /* [n] */
};

/* --- COCO's matching ------------------------------------------------------------- */

static bool within(double area, int range)
{
    static const double bounds[XR_DETECT_AREAS][2] = {
        {0, 1e10}, {0, 32 * 32}, {32 * 32, 96 * 96}, {96 * 96, 1e10}};

    return area >= bounds[range][0] && area <= bounds[range][1];
}

/* 0.5 + t * 0.05 as numpy's linspace makes it. */
static double threshold_of(int t)
{
    return t == XR_DETECT_THRESHOLDS - 1 ? 0.95 : 0.5 + t * ((0.95 - 0.5) / 9);
}

/* The object that a finding is matched with, or n. Those to be ignored come last, and
 * only where no other is found; the last of equal overlaps wins, as in COCOeval. */
static size_t best_of(const struct detect_view *v, const struct span *s,
                      const struct room *room, int range, int t)
{
    size_t best = s->n_truth;

    for (int ignored = 0; ignored < 2 && best == s->n_truth; ignored++) {
        double least = threshold_of(t);

        least = least < 1 - 1e-10 ? least : 1 - 1e-10;
        for (size_t g = 0; g < s->n_truth; g++) {
            bool crowd = v->input->truth[s->truth[g].at].crowd;

            if (room->ignored[g][range] != ignored || room->overlap[g] < least ||
                (room->taken[g][range] >> t & 1 && !crowd))
                continue;
            least = room->overlap[g];
            best = g;
        }
    }
    return best;
}

static void match_one(struct detect_entry *e, const struct detect_view *v,
                      const struct span *s, const struct room *room, double area)
{
    for (int range = 0; range < XR_DETECT_AREAS; range++) {
        for (int t = 0; t < XR_DETECT_THRESHOLDS; t++) {
            size_t g = best_of(v, s, room, range, t);
            uint16_t bit = (uint16_t)(1u << t);
            bool ignored =
                g < s->n_truth ? room->ignored[g][range] : !within(area, range);

            if (g < s->n_truth)
                room->taken[g][range] |= bit;
            if (ignored)
                e->ignored[range] |= bit;
            else if (g < s->n_truth)
                e->right[range] |= bit;
        }
    }
}

/* One image and class: its objects are counted, its findings matched. */
static void match_class(struct xr_detect *d, const struct detect_view *v,
                        const struct span *s, struct room *room)
{
    struct detect_class *c = &d->classes[s->n_truth ? s->truth->class : s->found->class];
    size_t most = s->n_found < XR_DETECT_MOST ? s->n_found : XR_DETECT_MOST;

    for (size_t g = 0; g < s->n_truth; g++) {
        const struct xr_truth_box *b = &v->input->truth[s->truth[g].at];
        struct detect_object *o = &c->objects[c->n_objects++];

        o->image = b->image;
        memset(room->taken[g], 0, sizeof room->taken[g]);
        for (int range = 0; range < XR_DETECT_AREAS; range++) {
            room->ignored[g][range] = b->crowd || !within(b->area, range);
            o->counts[range] = !room->ignored[g][range];
        }
    }
    for (size_t i = 0; i < most; i++) {
        const struct xr_found_box *f = &v->input->found[s->found[i].at];
        struct detect_entry *e = &c->entries[c->n_entries++];

        *e = (struct detect_entry){
            .score = f->score, .image = f->image, .rank = (unsigned char)i};
        for (size_t g = 0; g < s->n_truth; g++) {
            const struct xr_truth_box *b = &v->input->truth[s->truth[g].at];

            room->overlap[g] =
                b->crowd ? xr_covered(f->box, b->box) : xr_iou(f->box, b->box, XR_IOU);
        }
        match_one(e, v, s, room, xr_box_area(f->box));
    }
}

/* --- FROC's matching ------------------------------------------------------------- */

/* Findings in falling order of score, each with the best object that is still free; what
 * lies in a region of a crowd is neither. */
static void match_froc(struct detect_marks *marks, const struct detect_view *v,
                       const struct span *s, struct room *room)
{
    for (size_t g = 0; g < s->n_truth; g++) {
        room->taken[g][0] = 0;
        if (!v->input->truth[s->truth[g].at].crowd)
            marks->objects[marks->n_objects++] = s->truth[g].image;
    }
    for (size_t i = 0; i < s->n_found; i++) {
        const struct xr_found_box *f = &v->input->found[s->found[i].at];
        struct detect_mark *m = &marks->marks[marks->n++];
        double best = 0;
        size_t at = s->n_truth;
        bool crowd = false;

        for (size_t g = 0; g < s->n_truth; g++) {
            const struct xr_truth_box *b = &v->input->truth[s->truth[g].at];
            double overlap = b->crowd ? 0 : xr_iou(f->box, b->box, XR_IOU);

            crowd =
                crowd || (b->crowd && xr_covered(f->box, b->box) >= v->input->froc_iou);
            if (overlap > best && !room->taken[g][0]) {
                best = overlap;
                at = g;
            }
        }
        *m = (struct detect_mark){.score = f->score, .image = f->image};
        if (at < s->n_truth && best >= v->input->froc_iou) {
            room->taken[at][0] = 1;
            m->right = 1;
        } else {
            m->wrong = !crowd;
        }
    }
}

static int by_score(const void *a, const void *b)
{
    const struct place *x = a, *y = b;

    if (x->score != y->score)
        return x->score < y->score ? 1 : -1;
    return (x->at > y->at) - (x->at < y->at);
}

static int by_input(const void *a, const void *b)
{
    const struct place *x = a, *y = b;

    return (x->at > y->at) - (x->at < y->at);
}

/* One image: class by class, then all together in the order of the input. */
static void match_image(struct xr_detect *d, const struct detect_view *v,
                        const struct span *image, struct room *room)
{
    size_t t = 0, f = 0;

    while (t < image->n_truth || f < image->n_found) {
        struct span s = {image->truth + t, image->found + f, 0, 0};
        uint32_t class = UINT32_MAX;

        if (t < image->n_truth)
            class = image->truth[t].class;
        if (f < image->n_found && image->found[f].class < class)
            class = image->found[f].class;
        for (; t < image->n_truth && image->truth[t].class == class; t++)
            s.n_truth++;
        for (; f < image->n_found && image->found[f].class == class; f++)
            s.n_found++;
        match_class(d, v, &s, room);
        match_froc(&d->classes[class].marks, v, &s, room);
    }
    if (image->n_truth)
        qsort(image->truth, image->n_truth, sizeof *image->truth, by_input);
    if (image->n_found)
        qsort(image->found, image->n_found, sizeof *image->found, by_score);
    match_froc(&d->all, v, image, room);
}

/* --- opening --------------------------------------------------------------------- */

static int check_box(const double box[4], uint32_t image, uint32_t class,
                     const struct xr_detect_input *in, struct xr_err *err)
{
    if (image >= in->n_images || class >= in->n_classes)
        return xr_fail(err, "an image or a class that is none");
    for (int i = 0; i < 4; i++)
        if (!(fabs(box[i]) <= 1e7))
            return xr_fail(err, "a coordinate that is none");
    return box[2] >= box[0] && box[3] >= box[1]
               ? 0
               : xr_fail(err, "a box whose second corner is before its first");
}

static int check(const struct xr_detect_input *in, struct xr_err *err)
{
    if (!in->n_images || !in->n_classes)
        return xr_fail(err, "no %s", in->n_images ? "class" : "image");
    if (in->n_images > MAX_BOXES || in->n_classes > MAX_BOXES ||
        in->n_truth > MAX_BOXES || in->n_found > MAX_BOXES)
        return xr_fail(err, "more than %zu boxes or images", MAX_BOXES);
    for (size_t i = 0; i < in->n_truth; i++) {
        const struct xr_truth_box *b = &in->truth[i];

        if (check_box(b->box, b->image, b->class, in, err))
            return xr_fail_in(err, "object %zu", i + 1);
    }
    for (size_t i = 0; i < in->n_found; i++) {
        const struct xr_found_box *b = &in->found[i];

        if (check_box(b->box, b->image, b->class, in, err) ||
            (!isfinite(b->score) && xr_fail(err, "a score that is none")))
            return xr_fail_in(err, "finding %zu", i + 1);
    }
    return 0;
}

static int alloc_marks(struct detect_marks *m, size_t n_found, size_t n_truth,
                       struct xr_err *err)
{
    m->marks = xr_alloc_array(n_found, sizeof *m->marks, err);
    m->objects = xr_alloc_array(n_truth, sizeof *m->objects, err);
    return m->marks && m->objects ? 0 : -1;
}

/* Room for what every class has. */
static int alloc_classes(struct xr_detect *d, const struct xr_detect_input *in,
                         struct xr_err *err)
{
    size_t(*n)[2] = xr_alloc_array(in->n_classes, sizeof *n, err);
    int status = n ? alloc_marks(&d->all, in->n_found, in->n_truth, err) : -1;

    d->classes = xr_alloc_array(in->n_classes, sizeof *d->classes, err);
    if (!d->classes)
        status = -1;
    for (size_t i = 0; i < in->n_truth && !status; i++)
        n[in->truth[i].class][0]++;
    for (size_t i = 0; i < in->n_found && !status; i++)
        n[in->found[i].class][1]++;
    for (size_t c = 0; c < in->n_classes && !status; c++) {
        struct detect_class *class = &d->classes[c];

        class->objects = xr_alloc_array(n[c][0], sizeof *class->objects, err);
        class->entries = xr_alloc_array(n[c][1], sizeof *class->entries, err);
        if (!class->objects || !class->entries ||
            alloc_marks(&class->marks, n[c][1], n[c][0], err))
            status = -1;
    }
    free(n);
    return status;
}

static int by_falling(const void *a, const void *b)
{
    const struct detect_entry *x = a, *y = b;

    if (x->score != y->score)
        return x->score < y->score ? 1 : -1;
    if (x->image != y->image)
        return x->image < y->image ? -1 : 1;
    return (x->rank > y->rank) - (x->rank < y->rank);
}

static int marks_falling(const void *a, const void *b)
{
    const struct detect_mark *x = a, *y = b;

    return (x->score < y->score) - (x->score > y->score);
}

static void sort_all(struct xr_detect *d)
{
    for (size_t c = 0; c < d->n_classes; c++) {
        struct detect_class *class = &d->classes[c];

        if (class->n_entries)
            qsort(class->entries, class->n_entries, sizeof *class->entries, by_falling);
        if (class->marks.n)
            qsort(class->marks.marks, class->marks.n, sizeof *class->marks.marks,
                  marks_falling);
    }
    if (d->all.n)
        qsort(d->all.marks, d->all.n, sizeof *d->all.marks, marks_falling);
}

static int match_all(struct xr_detect *d, const struct xr_detect_input *in,
                     struct xr_err *err)
{
    const struct detect_view view = {in};
    struct place *truth = xr_alloc_array(in->n_truth, sizeof *truth, err);
    struct place *found = xr_alloc_array(in->n_found, sizeof *found, err);
    struct room room = {xr_alloc_array(in->n_truth, sizeof *room.overlap, err),
                        xr_alloc_array(in->n_truth, sizeof *room.taken, err),
                        xr_alloc_array(in->n_truth, sizeof *room.ignored, err)};
    int status = truth && found && room.overlap && room.taken && room.ignored ? 0 : -1;
    size_t t = 0, f = 0;

    for (size_t i = 0; i < in->n_truth && !status; i++)
        truth[i] = (struct place){in->truth[i].image, in->truth[i].class, 0, i};
    for (size_t i = 0; i < in->n_found && !status; i++)
        found[i] =
            (struct place){in->found[i].image, in->found[i].class, in->found[i].score, i};
    if (!status && in->n_truth)
        qsort(truth, in->n_truth, sizeof *truth, by_place);
    if (!status && in->n_found)
        qsort(found, in->n_found, sizeof *found, by_place);
    for (uint32_t image = 0; image < in->n_images && !status; image++) {
        struct span s = {truth + t, found + f, 0, 0};

        for (; t < in->n_truth && truth[t].image == image; t++)
            s.n_truth++;
        for (; f < in->n_found && found[f].image == image; f++)
            s.n_found++;
        match_image(d, &view, &s, &room);
    }
    free(truth);
    free(found);
    free(room.overlap);
    free(room.taken);
    free(room.ignored);
    return status;
}

int xr_detect_open(struct xr_detect **detect, const struct xr_detect_input *in,
                   struct xr_err *err)
{
    struct xr_detect *d;

    *detect = NULL;
    if (check(in, err))
        return -1;
    d = xr_alloc_array(1, sizeof *d, err);
    if (!d)
        return -1;
    d->n_images = in->n_images;
    d->n_classes = in->n_classes;
    d->n_rates = in->n_rates;
    d->rates = xr_alloc_array(in->n_rates, sizeof *d->rates, err);
    if (!d->rates || alloc_classes(d, in, err) || match_all(d, in, err)) {
        xr_detect_close(d);
        return -1;
    }
    if (in->n_rates)
        memcpy(d->rates, in->rates, in->n_rates * sizeof *d->rates);
    sort_all(d);
    *detect = d;
    return 0;
}

void xr_detect_close(struct xr_detect *d)
{
    if (!d)
        return;
    for (size_t c = 0; d->classes && c < d->n_classes; c++) {
        free(d->classes[c].objects);
        free(d->classes[c].entries);
        free(d->classes[c].marks.marks);
        free(d->classes[c].marks.objects);
    }
    free(d->classes);
    free(d->all.marks);
    free(d->all.objects);
    free(d->rates);
    free(d);
}
