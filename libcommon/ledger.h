/*
 * A ledger of looks at test sets: one line of JSON a look, only ever added to.
 */
#ifndef XR_LEDGER_H
#define XR_LEDGER_H

#include <stdint.h>

#include <cjson/cJSON.h>

#include "io.h"

/*
 * The digest of a set of texts (keys with their truth), in whatever order they come: the
 * same rows are the same test set. texts is sorted in place.
 */
int xr_ledger_set(char digest[XR_SHA256_TEXT], const char **texts, size_t n,
                  struct xr_err *err) XR_MUST_USE;

/*
 * Add entry, an object with a text "test_set", as a line to the file, with "look", the
 * number of lines of that test set up to it, first, and "date" (UTC) last. The file is
 * made where it is not there. Safe under concurrent writers (it is locked while it is
 * read and written) on file systems with POSIX locks; on failure, also of a full disk,
 * it is as it was. Refused: a file whose lines are not such objects, or whose last line
 * is cut.
 */
int xr_ledger_look(uint64_t *look, const char *path, const cJSON *entry,
                   struct xr_err *err) XR_MUST_USE;

#endif
