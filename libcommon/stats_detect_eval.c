/* The figures of a detector from weights of images. */
#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "stats_detect_int.h"

size_t xr_detect_froc(const struct xr_detect *d)
{
    (void)d;
    return XR_N_COCO;
}

size_t xr_detect_class_precision(const struct xr_detect *d)
{
    return XR_DETECT_CLASS_FROC + d->n_rates;
}

size_t xr_detect_class(const struct xr_detect *d, size_t class)
{
    return XR_N_COCO + d->n_rates + 1 +
           class * (xr_detect_class_precision(d) + XR_DETECT_RECALLS);
}

size_t xr_detect_n(const struct xr_detect *d)
{
    return xr_detect_class(d, d->n_classes);
}

/* --- average precision ------------------------------------------------------------ */

/* The points of a curve at which recall rises. */
struct points {
    double *recall, *precision;
    size_t n;
};

/*
 * The curve of one class, range of areas and threshold, and the recall at its end. At a
 * recall that no point reaches, precision is 0.
 */
static double trace(struct points *p, const struct detect_class *c, int range, int t,
                    unsigned most, double objects, const uint32_t *weight)
{
    uint64_t right = 0, wrong = 0;

    p->n = 0;
    for (size_t i = 0; i < c->n_entries; i++) {
        const struct detect_entry *e = &c->entries[i];
        uint32_t w = weight[e->image];

        if (!w || e->rank >= most || e->ignored[range] >> t & 1)
            continue;
        if (!(e->right[range] >> t & 1)) {
            wrong += w;
            continue;
        }
        right += w;
        p->recall[p->n] = (double)right / objects;
        p->precision[p->n++] = (double)right / ((double)(right + wrong) + DBL_EPSILON);
    }
    for (size_t i = p->n; i-- > 1;)
        if (p->precision[i] > p->precision[i - 1])
            p->precision[i - 1] = p->precision[i];
    return (double)right / objects;
}

/* Mean precision at the 101 recalls; `all` (may be NULL) gets every one. */
static double mean_precision(double *all, const struct points *p)
{
    double sum = 0;
    size_t i = 0;

    for (int r = 0; r < XR_DETECT_RECALLS; r++) {
        double recall = r == XR_DETECT_RECALLS - 1 ? 1 : r * 0.01, precision;

        while (i < p->n && p->recall[i] < recall)
            i++;
        precision = i < p->n ? p->precision[i] : 0;
        sum += precision;
        if (all)
            all[r] = precision;
    }
    return sum / XR_DETECT_RECALLS;
}

/* Sums over the classes that occur. */
struct sums {
    double ap[XR_DETECT_AREAS], ap50, ap75, ar[XR_DETECT_AREAS], ar1, ar10;
    size_t n[XR_DETECT_AREAS];
};

static void eval_class(double *own, struct sums *s, struct points *p,
                       const struct xr_detect *d, const struct detect_class *c,
                       const uint32_t *weight)
{
    double *precisions = own + xr_detect_class_precision(d), sum = 0;

    for (int range = 0; range < XR_DETECT_AREAS; range++) {
        uint64_t objects = 0;

        for (size_t i = 0; i < c->n_objects; i++)
            objects += c->objects[i].counts[range] ? weight[c->objects[i].image] : 0;
        s->n[range] += objects > 0;
        for (int t = 0; t < XR_DETECT_THRESHOLDS; t++) {
            double ap, recall;

            if (!objects) {
                if (range == 0)
                    own[t] = NAN;
                continue;
            }
            recall = trace(p, c, range, t, XR_DETECT_MOST, (double)objects, weight);
            ap = mean_precision(range == 0 && t == 0 ? precisions : NULL, p);
            s->ap[range] += ap;
            s->ar[range] += recall;
            if (range)
                continue;
            own[t] = ap;
            sum += ap;
            s->ap50 += t == 0 ? ap : 0;
            s->ap75 += t == 5 ? ap : 0;
            s->ar1 += trace(p, c, 0, t, 1, (double)objects, weight);
            s->ar10 += trace(p, c, 0, t, 10, (double)objects, weight);
        }
        if (range == 0 && !objects)
            for (int r = 0; r < XR_DETECT_RECALLS; r++)
                precisions[r] = NAN;
        if (range == 0)
            own[XR_DETECT_CLASS_AP] = objects ? sum / XR_DETECT_THRESHOLDS : NAN;
    }
}

static double mean(double sum, size_t n)
{
    return n ? sum / (double)n : NAN;
}

static void eval_coco(double *figures, const struct sums *s)
{
    const size_t t = XR_DETECT_THRESHOLDS;

    figures[XR_COCO_AP] = mean(s->ap[0], s->n[0] * t);
    figures[XR_COCO_AP50] = mean(s->ap50, s->n[0]);
    figures[XR_COCO_AP75] = mean(s->ap75, s->n[0]);
    figures[XR_COCO_AR_1] = mean(s->ar1, s->n[0] * t);
    figures[XR_COCO_AR_10] = mean(s->ar10, s->n[0] * t);
    figures[XR_COCO_AR_100] = mean(s->ar[0], s->n[0] * t);
    for (int range = 1; range < XR_DETECT_AREAS; range++) {
        figures[XR_COCO_AP_SMALL + range - 1] = mean(s->ap[range], s->n[range] * t);
        figures[XR_COCO_AR_SMALL + range - 1] = mean(s->ar[range], s->n[range] * t);
    }
}

/* --- FROC ------------------------------------------------------------------------ */

/* The highest sensitivity with at most so many false positives an image; a threshold can
 * only lie between different scores. */
static void eval_froc(double *figures, const struct detect_marks *m, const double *rates,
                      size_t n_rates, uint64_t images, const uint32_t *weight)
{
    uint64_t objects = 0, right = 0, wrong = 0;

    for (size_t i = 0; i < m->n_objects; i++)
        objects += weight[m->objects[i]];
    for (size_t r = 0; r < n_rates; r++)
        figures[r] = objects ? 0 : NAN;
    for (size_t i = 0; i < m->n && objects; i++) {
        uint32_t w = weight[m->marks[i].image];
        double rate;

        right += m->marks[i].right ? w : 0;
        wrong += m->marks[i].wrong ? w : 0;
        if (i + 1 < m->n && m->marks[i + 1].score == m->marks[i].score)
            continue;
        rate = (double)wrong / (double)images;
        for (size_t r = 0; r < n_rates; r++)
            if (rate <= rates[r])
                figures[r] = (double)right / (double)objects;
    }
}

int xr_detect_eval(double *figures, const uint32_t *weight, const void *detect,
                   struct xr_err *err)
{
    const struct xr_detect *d = detect;
    double *froc = figures + xr_detect_froc(d), sum = 0;
    struct sums sums = {0};
    struct points p = {0};
    uint64_t images = 0;
    size_t most = 0;

    for (size_t i = 0; i < d->n_images; i++)
        images += weight[i];
    for (size_t c = 0; c < d->n_classes; c++)
        if (d->classes[c].n_entries > most)
            most = d->classes[c].n_entries;
    p.recall = xr_alloc_array(2 * most, sizeof *p.recall, err);
    if (!p.recall)
        return -1;
    p.precision = p.recall + most;
    for (size_t c = 0; c < d->n_classes; c++) {
        double *own = figures + xr_detect_class(d, c);

        eval_class(own, &sums, &p, d, &d->classes[c], weight);
        eval_froc(own + XR_DETECT_CLASS_FROC, &d->classes[c].marks, d->rates, d->n_rates,
                  images, weight);
    }
    eval_coco(figures, &sums);
    eval_froc(froc, &d->all, d->rates, d->n_rates, images, weight);
    for (size_t r = 0; r < d->n_rates; r++)
        sum += froc[r];
    froc[d->n_rates] = mean(sum, d->n_rates);
    free(p.recall);
    return 0;
}

int xr_detect_curve(struct xr_froc_curve *curve, const struct xr_detect *d,
                    struct xr_err *err)
{
    const struct detect_marks *m = &d->all;
    uint64_t right = 0, wrong = 0;

    *curve = (struct xr_froc_curve){
        .threshold = xr_alloc_array(m->n, sizeof *curve->threshold, err),
        .false_positives = xr_alloc_array(m->n, sizeof *curve->false_positives, err),
        .sensitivity = xr_alloc_array(m->n, sizeof *curve->sensitivity, err)};
    if (!curve->threshold || !curve->false_positives || !curve->sensitivity) {
        free(curve->threshold);
        free(curve->false_positives);
        free(curve->sensitivity);
        *curve = (struct xr_froc_curve){0};
        return -1;
    }
    for (size_t i = 0; i < m->n; i++) {
        right += m->marks[i].right;
        wrong += m->marks[i].wrong;
        if (i + 1 < m->n && m->marks[i + 1].score == m->marks[i].score)
            continue;
        curve->threshold[curve->n] = m->marks[i].score;
        curve->false_positives[curve->n] = (double)wrong / (double)d->n_images;
        curve->sensitivity[curve->n++] =
            m->n_objects ? (double)right / (double)m->n_objects : NAN;
    }
    return 0;
}
