/*
 * What of a table of films gives their labels away: every column, the order of rows, what
 * a film shows without a network. Made of a split (split.h), whose parts are its folds.
 */
#ifndef XR_AUDIT_H
#define XR_AUDIT_H

#include "split.h"

struct xr_audit_rule {
    const char *skip;  /* columns to leave out, separated by commas; NULL: none */
    const char *site;  /* column of the centre, for xr_audit_probe; NULL: "center" where
                          there is one */
    bool files;        /* look at the films: size, brightness */
    int64_t resamples; /* of the bootstrap over groups */
};

/* The feature that says most. */
struct xr_audit_worst {
    char name[200]; /* "column 'anatomy'", "the order of rows" */
    double auc;
};

/*
 * CSV feature,kind,way,values,missing,auc,auc_<class>..., the largest first, of the AUC
 * that each feature reaches by itself: one-vs-rest, the mean over classes, of each fold,
 * the mean over folds. A row's score for a class is made of the rows of other folds, so
 * that no row and no group tells of itself: kind category, the share of the class among
 * rows of equal value (shrunk to its share in all by 10 rows); kind number, the better of
 * that (way bins: up to 32 bins of equal counts) and of the number itself, its sign taken
 * from the other folds (way rank). Needs the same s for all calls; films are read once.
 */
int xr_audit_table(struct xr_buf *csv, struct xr_audit_worst *worst, struct xr_split *s,
                   const struct xr_audit_rule *rule, struct xr_err *err) XR_MUST_USE;

/*
 * CSV target,classes,rows,groups,features,auc,low,high: the macro AUC with a 95 % BCa
 * interval over groups of a logistic regression (logistic.h, ridge 30) on all features
 * together but the order of rows and numbers in keys, which no network sees; predicted
 * out of the folds. Features are standardised: numbers, what of them exceeds seven of
 * their quantiles, one column for each value of a category (the 20 most frequent), and,
 * where these are 40 at most, the products of two. target label; and site, from what is
 * no column and from the other columns, where there is a column of centres.
 */
int xr_audit_probe(struct xr_buf *csv, struct xr_split *s,
                   const struct xr_audit_rule *rule, struct xr_err *err) XR_MUST_USE;

#endif
