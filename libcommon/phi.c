/* What a stream still says that may identify somebody. */
#include "phi.h"

#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "deidentify.h"

#define MAX_FINDINGS 1000

/* What a text looks like, the first that fits. */
static const struct {
    const char *kind, *pattern;
} kinds[] = {
    {"mail address", "[[:alnum:]._%+-]+@[[:alnum:]-]+\\.[[:alpha:]]"},
    {"path",
     "^/|\\\\|/.*\\.[[:alnum:]]+(#[xyz0-9t]+)?$|"
     "\\.(jpe?g|png|tiff?|p[gpb]m|dcm|dicom|nii|gz|csv|tar|json|txt)(#[xyz0-9t]+)?$"},
    {"UID", "(^|[^0-9.])[0-2](\\.[0-9]+){4,}"},
    {"name", "[[:alpha:]]\\^[[:alpha:]]|^[[:upper:]][[:lower:]]+, *[[:upper:]]"},
    {"date", "(^|[^0-9])(19|20)[0-9][0-9][-/.]?(0[1-9]|1[0-2])[-/.]?"
             "(0[1-9]|[12][0-9]|3[01])([^0-9]|$)|"
             "(^|[^0-9])[0-3]?[0-9][./-][0-3]?[0-9][./-](19|20)?[0-9][0-9]([^0-9]|$)"},
    {"number that could be an id", "(^|[^0-9.])[0-9]{6,}($|[^0-9.])"},
    {"free text", "([^ ]+ +){7,}[^ ]"},
    {"phone number", "\\+?[0-9]{2,5}[ /-][0-9]{3,}([ -]?[0-9]{2,})+"},
};
enum {
    N_KINDS = sizeof kinds / sizeof *kinds
};

/* Names of columns and entries whose values are identifying whatever they look like. */
static const char names[] =
    "name|birth|dob|address|street|city|zip|postal|phone|mail|ssn|mrn|accession|"
    "institution|hospital|physician|doctor|operator|station|serial|date|time|"
    "(^|[_ -])id$|uid|patient|subject|(^|[_ -])case|path|file|comment|note|remark";

struct finding {
    char *place, *kind, *example;
    uint64_t n;
};

struct xr_phi {
    regex_t kinds[N_KINDS], names;
    size_t n_ready; /* of kinds; names comes after them */
    struct finding *findings;
    size_t n;
    uint64_t burnt_yes, burnt_no, burnt_unknown;
};

int xr_phi_open(struct xr_phi **out, struct xr_err *err)
{
    struct xr_phi *phi = xr_alloc_array(1, sizeof *phi, err);

    *out = phi;
    if (!phi)
        return -1;
    phi->findings = xr_alloc_array(MAX_FINDINGS, sizeof *phi->findings, err);
    for (; phi->findings && phi->n_ready < N_KINDS; phi->n_ready++) {
        if (regcomp(&phi->kinds[phi->n_ready], kinds[phi->n_ready].pattern,
                    REG_EXTENDED | REG_NOSUB))
            break;
    }
    if (phi->n_ready == N_KINDS &&
        regcomp(&phi->names, names, REG_EXTENDED | REG_NOSUB | REG_ICASE) == 0) {
        phi->n_ready++;
        return 0;
    }
    xr_phi_close(phi);
    *out = NULL;
    return xr_fail(err, "out of memory");
}

void xr_phi_close(struct xr_phi *phi)
{
    if (!phi)
        return;
    for (size_t i = 0; i < phi->n_ready; i++)
        regfree(i < N_KINDS ? &phi->kinds[i] : &phi->names);
    for (size_t i = 0; i < phi->n; i++) {
        free(phi->findings[i].place);
        free(phi->findings[i].kind);
        free(phi->findings[i].example);
    }
    free(phi->findings);
    free(phi);
}

static void add(struct xr_phi *phi, const char *place, const char *kind,
                const char *example)
{
    struct finding *f;

    for (size_t i = 0; i < phi->n; i++) {
        f = &phi->findings[i];
        if (!strcmp(f->place, place) && !strcmp(f->kind, kind)) {
            f->n++;
            return;
        }
    }
    if (phi->n == MAX_FINDINGS)
        return;
    f = &phi->findings[phi->n];
    f->place = strdup(place);
    f->kind = strdup(kind);
    f->example = strdup(example);
    f->n = 1;
    if (f->place && f->kind && f->example) {
        for (char *p = f->example; *p; p++)
            *p = (unsigned char)*p < 0x20 || *p == 0x7f ? '?' : *p;
        for (char *p = f->place; *p; p++)
            *p = (unsigned char)*p < 0x20 || *p == 0x7f ? '?' : *p;
        phi->n++;
    } else {
        free(f->place);
        free(f->kind);
        free(f->example);
    }
}

/* What does this text look like? NULL: nothing. */
static const char *kind_of(const struct xr_phi *phi, const char *text)
{
    char *end;

    if (!*text || xr_deidentify_hashed(text) || !strncmp(text, "sha256:", 7) ||
        !strncmp(text, "1.2.840.10008.", 14)) /* DICOM's own UIDs name no study */
        return NULL;
    if (strchr(text, '.') && strtod(text, &end) != 0 && !*end) /* a measure */
        return NULL;
    for (size_t i = 0; i < N_KINDS; i++) {
        if (regexec(&phi->kinds[i], text, 0, NULL, 0) == 0)
            return kinds[i].kind;
    }
    return NULL;
}

/* All texts of a piece of JSON; place is where it stands, as in row.name. by_name: what
 * an entry is called counts as well. */
static void look(struct xr_phi *phi, const char *place, const cJSON *json, bool by_name)
{
    const cJSON *item;
    char inner[256], number[40];

    cJSON_ArrayForEach(item, json)
    {
        const char *text = cJSON_IsString(item) ? item->valuestring : "", *kind;

        if (item->string)
            snprintf(inner, sizeof inner, "%s.%s", place, item->string);
        else
            snprintf(inner, sizeof inner, "%s", place);
        if (cJSON_IsNumber(item) &&
            item->valuedouble == (double)(int64_t)item->valuedouble) {
            snprintf(number, sizeof number, "%.0f", item->valuedouble);
            text = number;
        }
        kind = kind_of(phi, text);
        if (!kind && by_name && item->string && *text && !xr_deidentify_hashed(text) &&
            regexec(&phi->names, item->string, 0, NULL, 0) == 0)
            kind = "by its name";
        if (kind)
            add(phi, inner, kind, text);
        if (cJSON_IsObject(item) || cJSON_IsArray(item))
            look(phi, inner, item, by_name);
    }
}

void xr_phi_header(struct xr_phi *phi, const struct xr_stream_header *header)
{
    const cJSON *entry, *item;

    cJSON_ArrayForEach(entry, header->history)
    {
        look(phi, "header.history.arguments",
             cJSON_GetObjectItemCaseSensitive(entry, "arguments"), false);
        cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(entry, "inputs"))
        {
            if (item->string)
                add(phi, "header.history.inputs", "file", item->string);
        }
    }
    cJSON_ArrayForEach(item, header->json)
    {
        char place[100];

        if (!item->string || !strcmp(item->string, "history"))
            continue;
        snprintf(place, sizeof place, "header.%s", item->string);
        if (kind_of(phi, cJSON_IsString(item) ? item->valuestring : ""))
            add(phi, place, kind_of(phi, item->valuestring), item->valuestring);
        if (!cJSON_IsString(item) && !cJSON_IsNumber(item))
            look(phi, place, item, false);
    }
}

static void look_at_key(struct xr_phi *phi, const char *key, bool epochs)
{
    const char *name = epochs && strchr(key, '/') ? strchr(key, '/') + 1 : key;
    char plain[XR_DEIDENTIFY_TEXT];
    size_t n = strcspn(name, "@");

    snprintf(plain, sizeof plain, "%.*s", (int)(n < sizeof plain ? n : sizeof plain),
             name);
    if (n != sizeof plain - 1 || !xr_deidentify_hashed(plain))
        add(phi, "key", "not a keyed hash", key);
}

/* Members: images and masks are pixels, JSON can be looked at, of others nobody knows. */
static void look_at_member(struct xr_phi *phi, const struct xr_member *m)
{
    size_t n = strlen(m->suffix);
    cJSON *json;
    char place[100];

    if (n >= 3 && !strcmp(m->suffix + n - 3, "npy"))
        return;
    snprintf(place, sizeof place, "member .%s", m->suffix);
    json = n >= 4 && !strcmp(m->suffix + n - 4, "json")
               ? cJSON_ParseWithLength(m->data, m->size)
               : NULL;
    if (json)
        look(phi, place, json, true);
    else
        add(phi, place, "not looked into", m->suffix);
    cJSON_Delete(json);
}

void xr_phi_record(struct xr_phi *phi, const struct xr_record *r, bool epochs)
{
    const cJSON *source = cJSON_GetObjectItemCaseSensitive(r->meta, "source");
    const cJSON *burnt = cJSON_GetObjectItemCaseSensitive(source, "burned_in_annotation");
    const char *says = cJSON_IsString(burnt) ? burnt->valuestring : "";
    const cJSON *item;

    look_at_key(phi, r->key, epochs);
    cJSON_ArrayForEach(item, r->meta)
    {
        cJSON *one = cJSON_CreateObject();

        if (!one)
            continue;
        /* names of columns count where people chose them */
        cJSON_AddItemReferenceToObject(one, item->string, (cJSON *)(uintptr_t)item);
        if (!strcmp(item->string, "source") || !strcmp(item->string, "transforms"))
            look(phi, item->string, item, false);
        else if (cJSON_IsObject(item) || cJSON_IsArray(item))
            look(phi, item->string, item, true);
        else
            look(phi, "meta", one, true);
        cJSON_Delete(one);
    }
    for (size_t i = 0; i < r->n_members; i++)
        look_at_member(phi, &r->members[i]);
    if (!strcmp(says, "YES")) {
        add(phi, "source.burned_in_annotation", "text burnt into the pixels", r->key);
        phi->burnt_yes++;
    } else if (!strcmp(says, "NO")) {
        phi->burnt_no++;
    } else {
        phi->burnt_unknown++;
    }
}

size_t xr_phi_found(const struct xr_phi *phi)
{
    return phi->n;
}

int xr_phi_print(struct xr_out *out, const struct xr_phi *phi, struct xr_err *err)
{
    for (size_t i = 0; i < phi->n; i++) {
        const struct finding *f = &phi->findings[i];

        if (xr_out_printf(out, err, "%s\t%s\t%llu\t%s\n", f->place, f->kind,
                          (unsigned long long)f->n, f->example))
            return -1;
    }
    return xr_out_printf(
        out, err,
        "pixels\tnot looked at for burnt-in text\t%llu\t%llu files said "
        "there is some, %llu that there is none, %llu nothing\n",
        (unsigned long long)(phi->burnt_yes + phi->burnt_no + phi->burnt_unknown),
        (unsigned long long)phi->burnt_yes, (unsigned long long)phi->burnt_no,
        (unsigned long long)phi->burnt_unknown);
}
