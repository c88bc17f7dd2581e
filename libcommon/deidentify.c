/* Records that name nobody: a keyed hash, and an allow-list. */
#include "deidentify.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "json.h"
#include "split.h"

struct xr_deidentify {
    char *key;
    size_t size;
};

/* --- the key and the hash --------------------------------------------------------- */

int xr_deidentify_open(struct xr_deidentify **out, const char *file, struct xr_err *err)
{
    const char *env = getenv(XR_DEIDENTIFY_ENV);
    struct xr_buf buf = {0};
    struct xr_deidentify *d;

    *out = NULL;
    if (!file && !env)
        return xr_fail_usage(err, "--deidentify: needs a secret key: --deidentify-key "
                                  "FILE or " XR_DEIDENTIFY_ENV);
    if (file ? xr_read_file(&buf, file, 1 << 20, NULL, err) : xr_buf_text(&buf, env, err))
        return -1;
    while (buf.size && (buf.data[buf.size - 1] == '\n' || buf.data[buf.size - 1] == '\r'))
        buf.size--;
    if (buf.size < XR_DEIDENTIFY_MIN) {
        size_t size = buf.size;

        xr_buf_free(&buf);
        return xr_fail(err,
                       "%s: a key of %zu bytes; at least %d are needed, as from "
                       "'openssl rand -hex 32'",
                       file ? file : XR_DEIDENTIFY_ENV, size, XR_DEIDENTIFY_MIN);
    }
    d = xr_alloc_array(1, sizeof *d, err);
    if (!d) {
        xr_buf_free(&buf);
        return -1;
    }
    d->key = buf.data;
    d->size = buf.size;
    *out = d;
    return 0;
}

void xr_deidentify_close(struct xr_deidentify *d)
{
    if (!d)
        return;
    OPENSSL_cleanse(d->key, d->size);
    free(d->key);
    free(d);
}

void xr_deidentify_hash(char hash[XR_DEIDENTIFY_TEXT], const struct xr_deidentify *d,
                        const char *text)
{
    static const char digits[] = "0123456789abcdef";
    unsigned char mac[EVP_MAX_MD_SIZE];
    unsigned length = 0;

    HMAC(EVP_sha256(), d->key, (int)d->size, (const unsigned char *)text, strlen(text),
         mac, &length);
    for (int i = 0; i < XR_DEIDENTIFY_TEXT / 2; i++) {
        hash[2 * i] = digits[mac[i] >> 4];
        hash[2 * i + 1] = digits[mac[i] & 15];
    }
    hash[XR_DEIDENTIFY_TEXT - 1] = '\0';
}

bool xr_deidentify_hashed(const char *text)
{
    size_t n = strspn(text, "0123456789abcdef");

    return n == XR_DEIDENTIFY_TEXT - 1 && !text[n];
}

/* --- keys --------------------------------------------------------------------------- */

int xr_deidentify_films(struct xr_films *films, const struct xr_deidentify *d,
                        struct xr_err *err)
{
    char hash[XR_DEIDENTIFY_TEXT];

    for (size_t i = 0; i < films->n; i++) {
        char *key;

        xr_deidentify_hash(hash, d, films->films[i].key);
        key = xr_strdup(hash, err);
        if (!key)
            return -1;
        free(films->films[i].key);
        films->films[i].key = key;
    }
    return 0;
}

int xr_deidentify_key(char **key, const struct xr_deidentify *d, bool epochs,
                      struct xr_err *err)
{
    const char *name = epochs && strchr(*key, '/') ? strchr(*key, '/') + 1 : *key;
    const char *at = strrchr(name, '@'), *tail = name + strlen(name);
    char hash[XR_DEIDENTIFY_TEXT];
    char *made, *middle;

    if (at && at > name && at[1] && !at[1 + strspn(at + 1, "0123456789")])
        tail = at;
    middle = xr_sprintf(err, "%.*s", (int)(tail - name), name);
    if (!middle)
        return -1;
    xr_deidentify_hash(hash, d, middle);
    free(middle);
    made = xr_sprintf(err, "%.*s%s%s", (int)(name - *key), *key, hash, tail);
    if (!made)
        return -1;
    free(*key);
    *key = made;
    return 0;
}

/* --- the allow-list -------------------------------------------------------------------
 */

/* Columns of a row that stay, and those whose values become hashes. Compared without
 * case, blanks, "_" and "-". */
static const char *const kept_columns[] = {
    "label",      "class",    "split",   "fold", "subset",   "age",
    "sex",        "gender",   "view",    "side", "modality", "viewposition",
    "laterality", "bodypart", "anatomy", NULL};
static const char *const hashed_columns[] = {
    "key",       "id",     "imageid", "group",    "patient", "patientid", "subject",
    "subjectid", "case",   "caseid",  "study",    "studyid", "series",    "seriesid",
    "center",    "centre", "site",    "hospital", NULL};
static const char *const kept_source[] = {"format",
                                          "mode",
                                          "depth",
                                          "height",
                                          "width",
                                          "orientation",
                                          "frame",
                                          "frames",
                                          "axis",
                                          "slice",
                                          "slices",
                                          "volume",
                                          "type",
                                          "axes",
                                          "range",
                                          "modality",
                                          "body_part",
                                          "view_position",
                                          "laterality",
                                          "photometric",
                                          "transfer_syntax",
                                          "presentation_intent",
                                          "burned_in_annotation",
                                          "spacing",
                                          "spacing_of",
                                          "rescale",
                                          "voi",
                                          "window",
                                          NULL};
static const char *const kept_meta[] = {"epoch", "repeat", "label", NULL};

static bool in_list(const char *const *list, const char *name)
{
    char plain[40];
    size_t n = 0;

    for (; *name && n < sizeof plain - 1; name++) {
        if (*name != '_' && *name != '-' && *name != ' ')
            plain[n++] = (char)tolower((unsigned char)*name);
    }
    plain[n] = '\0';
    for (; *list; list++) {
        if (strcmp(*list, plain) == 0)
            return true;
    }
    return false;
}

static bool named(const char *const *list, const char *name)
{
    for (; *list && strcmp(*list, name); list++)
        ;
    return *list;
}

/* An age above 89 says too much of who it may be. */
static void cap_age(cJSON *item)
{
    char *end;
    double age = cJSON_IsString(item) ? strtod(item->valuestring, &end) : 0;

    if (age > 89)
        cJSON_SetValuestring(item, "90");
}

/* Texts that look like files go: the reference of a transform, for example. */
static bool like_file(const char *text)
{
    const char *dot = strrchr(text, '.');

    return strpbrk(text, "/\\") || (dot && isalpha((unsigned char)dot[1]));
}

static void scrub(cJSON *json)
{
    for (cJSON *item = json ? json->child : NULL; item; item = item->next) {
        if (cJSON_IsString(item) && like_file(item->valuestring))
            cJSON_SetValuestring(item, "");
        scrub(item);
    }
}

static cJSON *row_of(const cJSON *row, const struct xr_deidentify *d)
{
    cJSON *out = cJSON_CreateObject(), *copy;
    char hash[XR_DEIDENTIFY_TEXT];
    const cJSON *item;

    cJSON_ArrayForEach(item, row)
    {
        const char *text = cJSON_IsString(item) ? item->valuestring : "";

        if (in_list(hashed_columns, item->string)) {
            xr_deidentify_hash(hash, d, text);
            cJSON_AddStringToObject(out, item->string, *text ? hash : "");
        } else if (in_list(kept_columns, item->string) ||
                   xr_split_is_inner(item->string)) {
            copy = cJSON_Duplicate(item, 0);
            if (!strcasecmp(item->string, "age"))
                cap_age(copy);
            cJSON_AddItemToObject(out, item->string, copy);
        }
    }
    return out;
}

int xr_deidentify_meta(cJSON **meta, const struct xr_deidentify *d, struct xr_err *err)
{
    cJSON *out = cJSON_CreateObject(), *source;
    const cJSON *item, *part;

    if (!out)
        return xr_fail(err, "out of memory");
    cJSON_ArrayForEach(item, *meta)
    {
        if (named(kept_meta, item->string)) {
            cJSON_AddItemToObject(out, item->string, cJSON_Duplicate(item, 0));
        } else if (!strcmp(item->string, "row")) {
            cJSON_AddItemToObject(out, "row", row_of(item, d));
        } else if (!strcmp(item->string, "transforms")) {
            cJSON_AddItemToObject(out, "transforms", cJSON_Duplicate(item, 1));
            scrub(cJSON_GetObjectItemCaseSensitive(out, "transforms"));
        } else if (!strcmp(item->string, "source")) {
            source = cJSON_AddObjectToObject(out, "source");
            cJSON_ArrayForEach(part, item)
            {
                if (named(kept_source, part->string))
                    cJSON_AddItemToObject(source, part->string, cJSON_Duplicate(part, 1));
            }
        }
    }
    cJSON_Delete(*meta);
    *meta = out;
    return 0;
}

int xr_deidentify_boxes(struct xr_record *record, struct xr_err *err)
{
    const struct xr_member *m = xr_record_member(record, "boxes.json");
    cJSON *json = m ? cJSON_ParseWithLength(m->data, m->size) : NULL, *id;
    struct xr_buf buf = {0};
    double n = 0;
    int rc;

    if (!m)
        return 0;
    cJSON_ArrayForEach(id, cJSON_GetObjectItemCaseSensitive(json, "ids"))
        cJSON_SetNumberValue(id, ++n);
    rc = json ? xr_json_line(&buf, json, err) || xr_buf_text(&buf, "\n", err)
              : xr_fail(err, "out of memory");
    cJSON_Delete(json);
    if (rc) {
        xr_buf_free(&buf);
        return -1;
    }
    return xr_record_put(record, "boxes.json", buf.data, buf.size, err);
}

/* --- the header ------------------------------------------------------------------------
 */

void xr_deidentify_header(struct xr_stream_header *header)
{
    static const char *const kept[] = {"sampling", "transforms", NULL};
    cJSON *json = cJSON_CreateObject();

    for (size_t i = 0; kept[i]; i++) {
        cJSON *item = cJSON_DetachItemFromObjectCaseSensitive(header->json, kept[i]);

        if (item)
            cJSON_AddItemToObject(json, kept[i], item);
    }
    scrub(json);
    cJSON_Delete(header->json);
    header->json = json;
    cJSON_Delete(header->history);
    header->history = NULL;
}

void xr_deidentify_history(cJSON *entry)
{
    cJSON *list = cJSON_GetObjectItemCaseSensitive(entry, "arguments"), *item, *next;

    cJSON_DeleteItemFromObjectCaseSensitive(entry, "inputs");
    for (item = list ? list->child : NULL; item; item = next) {
        static const char *const files[] = {
            "--like=", "--files-from=", "--certificate=", "--coco=", "--replay="};
        const char *text = cJSON_IsString(item) ? item->valuestring : "";
        bool goes = strncmp(text, "--", 2) || like_file(text);

        next = item->next;
        for (size_t i = 0; i < sizeof files / sizeof *files; i++)
            goes |= strncmp(text, files[i], strlen(files[i])) == 0;
        if (goes)
            cJSON_Delete(cJSON_DetachItemViaPointer(list, item));
    }
}
