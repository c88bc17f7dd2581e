/*
 * Which films a run reads, in which order: a table of xr-csv(5), image files, a list of
 * them or a folder with one folder a class; the split or fold that is asked for, classes
 * in their order, and the films' pixels.
 */
#ifndef XR_FILMS_H
#define XR_FILMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cjson/cJSON.h>

#include "boxes.h"
#include "csv.h"
#include "frames.h"
#include "image.h"

/* What the user asked for; texts are borrowed. */
struct xr_films_rule {
    const char *split; /* train, val, test or all */
    int64_t fold;      /* -1: none */
    int64_t inner; /* with fold: val is this fold of inner_<fold>; -1: the next fold */
    double subset; /* train: the rows of this share by the column subset; 0: all */
    const char *classes; /* names in order with commas; NULL: settled from the table */
    const char *root;    /* folder of relative paths; NULL: the current one */
    const char *key_replace; /* FROM=TO in keys, or NULL */
};

struct xr_film {
    char *key;
    const char *path, *mask; /* as the table has them; mask NULL or empty: none */
    const char *annotation;  /* file of boxes and polygons; NULL or empty: none */
    int64_t label;           /* class index, -1: unknown */
    size_t row;              /* of the table or list */
    char *frame_path;        /* owned: what path points to, for one frame of a file */
};

/* The films selected, in the table's order. Read-only once made: threads may share it. */
struct xr_films {
    struct xr_table table;
    bool has_table;
    const char *name; /* of the table or list, for messages; NULL for image files */
    char digest[XR_SHA256_TEXT]; /* of the table or list, else empty */
    char *text;                  /* what paths of a list or folder point into, owned */
    size_t n_others; /* files of a folder that are no images by their names, left out */
    const char *root;
    struct xr_film *films;
    size_t n, room;
    char **classes; /* in order */
    size_t n_classes;
    int64_t *class_counts; /* [n_classes] of the films selected */
    size_t n_unlabelled;
};

/*
 * Read a table ("-": standard input) and select. Needs the column path; takes key (else
 * made from the path), mask, annotation, label, class, split, fold. Class order:
 * rule->classes; else the column class beside label; else the sorted names of label, over
 * the whole table. With a fold, rows whose split is test are in no part. Refused with
 * file and line: a key twice, an unknown class, a class with two indices, a split that is
 * none, no film selected.
 */
int xr_films_table(struct xr_films *films, const char *path,
                   const struct xr_films_rule *rule, struct xr_err *err) XR_MUST_USE;
/* Image files without labels; keys are made from their names. A file of several frames
 * that does not choose one (a.dcm#3, see frames.h) comes as all of them. */
int xr_films_files(struct xr_films *films, char *const *paths, size_t n,
                   const struct xr_films_rule *rule, struct xr_err *err) XR_MUST_USE;
/*
 * A list of image files ("-": standard input), one path a line (LF or CRLF), or each
 * ended by a NUL: as paths of xr_films_files. An empty line and a list without a path are
 * errors.
 */
int xr_films_list(struct xr_films *films, const char *path, bool nul,
                  const struct xr_films_rule *rule, struct xr_err *err) XR_MUST_USE;
/*
 * A folder with one folder a class: classes are the names of its folders, sorted (or
 * rule->classes, which must have them all), films the files below with a known image
 * suffix, sorted by path. A key is the path below the folder, "/" made "_", less the
 * suffix. Hidden files and folders are passed over; rule->root is not used.
 */
int xr_films_folder(struct xr_films *films, const char *path,
                    const struct xr_films_rule *rule, struct xr_err *err) XR_MUST_USE;
void xr_films_free(struct xr_films *films);

/* order[films->n]: a permutation, a function of seed and epoch alone. */
void xr_films_shuffle(size_t *order, const struct xr_films *films, uint64_t seed,
                      uint64_t epoch);

/* All columns of film i's row as an object of texts; NULL for image files. The caller
 * owns it. */
cJSON *xr_films_row(const struct xr_films *films, size_t i);

/*
 * Decode film i and its mask (8-bit gray; data NULL where it has none). least (may be
 * NULL): the film may be decoded smaller, see xr_image_decode_least. Errors name the
 * table's line and the file: "splits.csv:41: cannot read 'a.jpg': Premature end of JPEG
 * file".
 */
int xr_films_read(struct xr_image *image, struct xr_image *mask,
                  struct xr_image_info *info, const struct xr_films *films, size_t i,
                  enum xr_color color, const struct xr_image_least *least,
                  struct xr_err *err) XR_MUST_USE;

/* The mask alone; info: of the film. */
int xr_films_mask(struct xr_image *mask, const struct xr_image_info *info,
                  const struct xr_films *films, size_t i, struct xr_err *err) XR_MUST_USE;
/* The digest of the file of film i, and what its path chooses from it ("#3" or ""). */
int xr_films_digest(char digest[XR_SHA256_TEXT], char choice[XR_FRAMES_TEXT],
                    const struct xr_films *films, size_t i,
                    struct xr_err *err) XR_MUST_USE;

/* The annotation of film i, whose stored size that is; boxes->known false: it has none.
 * names[n_names]: of YOLO's classes. Errors as xr_films_read. */
int xr_films_boxes(struct xr_boxes *boxes, const struct xr_films *films, size_t i,
                   size_t width, size_t height, char *const *names, size_t n_names,
                   struct xr_err *err) XR_MUST_USE;

/* "splits.csv:41: " of film i, or "" for image files: the start of a message about it.
 */
void xr_films_where(char *text, size_t size, const struct xr_films *films, size_t i);

/*
 * What a file ("-": standard input, of which nothing is taken) is by its first bytes: 'i'
 * an image, 't' a tar archive or what could be a packed one, 'd' a folder, 'c'
 * anything else; by its name where the bytes say nothing.
 */
int xr_films_sniff(const char *path);

#endif
