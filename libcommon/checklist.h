/*
 * Reporting checklists, a table each: the number of an item, what it asks for in our own
 * words, what files of a run can say to it, and what they cannot. The texts are not those
 * of the checklists; whoever submits one takes the official form.
 */
#ifndef XR_CHECKLIST_H
#define XR_CHECKLIST_H

#include <stddef.h>

#define XR_CHECKLISTS "claim2024|tripod-ai|stard-ai"

/* What files can say, each written by a function of report_evidence.c. */
enum xr_evidence {
    XR_SAYS_NOTHING,
    XR_SAYS_TECHNIQUE,   /* kind of network and its classes */
    XR_SAYS_USE,         /* the text of --intended-use */
    XR_SAYS_SOURCE,      /* the text of --source */
    XR_SAYS_LIMITS,      /* the text of --limits, and what files show */
    XR_SAYS_PREPARED,    /* how pixels were prepared */
    XR_SAYS_FLOW,        /* films read, left out, kept */
    XR_SAYS_HIDDEN,      /* de-identification */
    XR_SAYS_MISSING,     /* films without a label or left out */
    XR_SAYS_SPLIT,       /* how films were divided */
    XR_SAYS_DISJOINT,    /* what parts do not share, and its proof */
    XR_SAYS_SIZES,       /* films of each class in each part */
    XR_SAYS_MODEL,       /* architecture, parameters, input, digest */
    XR_SAYS_SOFTWARE,    /* programs and their versions */
    XR_SAYS_HARDWARE,    /* threads, hours, the text of --hardware */
    XR_SAYS_START,       /* initial weights */
    XR_SAYS_TRAINING,    /* settings and transforms */
    XR_SAYS_CHOICE,      /* which epoch became the model */
    XR_SAYS_ENSEMBLE,    /* averaging of predictions */
    XR_SAYS_MEASURES,    /* which figures are given */
    XR_SAYS_INTERVALS,   /* how intervals were made */
    XR_SAYS_GROUPS,      /* figures of groups of patients, and gaps */
    XR_SAYS_MAPS,        /* heat maps and their scores */
    XR_SAYS_TESTED,      /* the part that was measured */
    XR_SAYS_PEOPLE,      /* demographics by part */
    XR_SAYS_FIGURES,     /* headline figures with intervals */
    XR_SAYS_ACCURACY,    /* sensitivity and specificity with intervals */
    XR_SAYS_CROSS,       /* truth by call */
    XR_SAYS_ERRORS,      /* how many calls were wrong */
    XR_SAYS_THRESHOLDS,  /* operating points */
    XR_SAYS_BALANCE,     /* class weights, balanced sampling */
    XR_SAYS_OUTPUT,      /* probabilities and the call */
    XR_SAYS_CALIBRATION, /* calibration figures */
    XR_SAYS_DATA,        /* digests of the split and its films */
    XR_SAYS_DIGESTS,     /* of the model and the predictions too */
    XR_SAYS_PREDICTIONS, /* the file of predictions */
    XR_SAYS_COMPARED,    /* comparisons with other predictions */
    XR_N_EVIDENCE
};

struct xr_checklist_item {
    const char *number, *text;
    enum xr_evidence says[3]; /* those that are not XR_SAYS_NOTHING */
    const char *missing; /* what files never prove; NULL: with evidence it is whole */
};

struct xr_checklist {
    const char *name, *title, *source;
    /* [n] a row with number NULL is the heading of those that follow */
    const struct xr_checklist_item *items;
    size_t n;
};

extern const struct xr_checklist xr_checklist_claim, xr_checklist_tripod,
    xr_checklist_stard;

/* By its index in XR_CHECKLISTS. */
const struct xr_checklist *xr_checklist_at(int index);

#endif
