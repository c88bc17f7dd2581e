/* One section of a YAML file, as a flat list of keys and texts. */
#include "config.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <yaml.h>

#include "io.h"

#define CONFIG_MAX ((size_t)1 << 20)
#define MAX_NESTED 16 /* calls in calls */

struct walk {
    yaml_document_t doc;
    const char *path;
    struct xr_config *config;
    struct xr_err *err;
};

static yaml_node_t *node_at(struct walk *w, int id)
{
    return yaml_document_get_node(&w->doc, id);
}

static const char *scalar(const yaml_node_t *node)
{
    return node->type == YAML_SCALAR_NODE ? (const char *)node->data.scalar.value : NULL;
}

static size_t line_of(const yaml_node_t *node)
{
    return node->start_mark.line + 1;
}

static int add(struct walk *w, const char *key, const char *value, size_t line)
{
    struct xr_config *c = w->config;
    struct xr_config_item *items = realloc(c->items, (c->n + 1) * sizeof *items);

    if (!items)
        return xr_fail(w->err, "out of memory");
    c->items = items;
    items[c->n] =
        (struct xr_config_item){xr_strdup(key, w->err), xr_strdup(value, w->err), line};
    c->n++;
    return items[c->n - 1].key && items[c->n - 1].value ? 0 : -1;
}

static int call_text(struct walk *w, const yaml_node_t *node, struct xr_buf *buf,
                     int depth);

/* "a,b(k=v)" of a sequence of calls. */
static int calls(struct walk *w, const yaml_node_t *list, struct xr_buf *buf, int depth)
{
    for (yaml_node_item_t *i = list->data.sequence.items.start;
         i < list->data.sequence.items.top; i++) {
        const yaml_node_t *item = node_at(w, *i);

        if ((i > list->data.sequence.items.start && xr_buf_text(buf, ",", w->err)) ||
            (scalar(item) ? xr_buf_text(buf, scalar(item), w->err)
                          : call_text(w, item, buf, depth + 1)))
            return -1;
    }
    return 0;
}

/* "lo:hi" of a sequence of two scalars. */
static int range(struct walk *w, const yaml_node_t *list, struct xr_buf *buf)
{
    const yaml_node_item_t *i = list->data.sequence.items.start;
    const char *lo, *hi;

    if (list->data.sequence.items.top != i + 2 || !scalar(node_at(w, i[0])) ||
        !scalar(node_at(w, i[1])))
        return xr_fail_usage(w->err, "%s:%zu: a list here is a range of two numbers",
                             w->path, line_of(list));
    lo = scalar(node_at(w, i[0]));
    hi = scalar(node_at(w, i[1]));
    return xr_buf_printf(buf, w->err, "%s:%s", lo, hi);
}

/* One "k=v", or the calls under the key "transforms". */
static int parameter(struct walk *w, const char *key, const yaml_node_t *value,
                     struct xr_buf *buf, int depth)
{
    bool list = value->type == YAML_SEQUENCE_NODE;

    if (list && strcmp(key, "transforms") == 0)
        return calls(w, value, buf, depth);
    if (!scalar(value) && !list)
        return xr_fail_usage(w->err, "%s:%zu: nested too deep", w->path, line_of(value));
    if (xr_buf_printf(buf, w->err, "%s=", key))
        return -1;
    return list ? range(w, value, buf) : xr_buf_text(buf, scalar(value), w->err);
}

/* "k=v,k=v" of a mapping, leaving out one key. */
static int parameters(struct walk *w, const yaml_node_t *map, const char *but,
                      struct xr_buf *buf, int depth)
{
    bool first = true;

    for (yaml_node_pair_t *p = map->data.mapping.pairs.start;
         p < map->data.mapping.pairs.top; p++) {
        const char *key = scalar(node_at(w, p->key));

        if (!key)
            return xr_fail_usage(w->err, "%s:%zu: a key is not a name", w->path,
                                 line_of(node_at(w, p->key)));
        if (but && !strcmp(key, but))
            continue;
        if ((!first && xr_buf_text(buf, ",", w->err)) ||
            parameter(w, key, node_at(w, p->value), buf, depth))
            return -1;
        first = false;
    }
    return 0;
}

/* A mapping in a sequence, as the text of a call. */
static int call_text(struct walk *w, const yaml_node_t *map, struct xr_buf *buf,
                     int depth)
{
    const char *name = NULL;
    const yaml_node_t *inner = map;

    if (map->type != YAML_MAPPING_NODE || depth > MAX_NESTED)
        return xr_fail_usage(w->err, "%s:%zu: nested too deep", w->path, line_of(map));
    for (yaml_node_pair_t *p = map->data.mapping.pairs.start;
         p < map->data.mapping.pairs.top; p++) {
        const char *key = scalar(node_at(w, p->key));

        if (key && !strcmp(key, "name"))
            name = scalar(node_at(w, p->value));
    }
    if (!name && map->data.mapping.pairs.top == map->data.mapping.pairs.start + 1) {
        name = scalar(node_at(w, map->data.mapping.pairs.start->key));
        inner = node_at(w, map->data.mapping.pairs.start->value);
        if (name && scalar(inner) && !*scalar(inner))
            return xr_buf_text(buf, name, w->err);
    }
    if (!name || scalar(inner))
        return xr_fail_usage(w->err,
                             "%s:%zu: a list entry needs one name and its parameters",
                             w->path, line_of(map));
    if (xr_buf_printf(buf, w->err, "%s(", name) ||
        (inner->type == YAML_SEQUENCE_NODE
             ? calls(w, inner, buf, depth)
             : parameters(w, inner, inner == map ? "name" : NULL, buf, depth)))
        return -1;
    return xr_buf_text(buf, ")", w->err);
}

static int add_value(struct walk *w, const char *key, const yaml_node_t *value)
{
    struct xr_buf buf = {0};
    int rc = 0;

    if (scalar(value))
        return add(w, key, scalar(value), line_of(value));
    if (value->type != YAML_SEQUENCE_NODE)
        return xr_fail_usage(w->err, "%s:%zu: '%s' cannot be a mapping", w->path,
                             line_of(value), key);
    for (yaml_node_item_t *i = value->data.sequence.items.start;
         !rc && i < value->data.sequence.items.top; i++) {
        const yaml_node_t *item = node_at(w, *i);

        if (scalar(item)) {
            rc = add(w, key, scalar(item), line_of(item));
        } else {
            rc = call_text(w, item, &buf, 0) || add(w, key, buf.data, line_of(item));
            xr_buf_free(&buf);
        }
    }
    return rc ? -1 : 0;
}

static int walk_section(struct walk *w, const yaml_node_t *map, const char *name)
{
    if (scalar(map) && !*scalar(map))
        return 0;
    if (map->type != YAML_MAPPING_NODE)
        return xr_fail_usage(w->err, "%s:%zu: section '%s' is not a mapping", w->path,
                             line_of(map), name);
    for (yaml_node_pair_t *p = map->data.mapping.pairs.start;
         p < map->data.mapping.pairs.top; p++) {
        const char *key = scalar(node_at(w, p->key));

        if (!key)
            return xr_fail_usage(w->err, "%s:%zu: a key is not a name", w->path,
                                 line_of(node_at(w, p->key)));
        for (size_t i = 0; i < w->config->n; i++) {
            if (!strcmp(w->config->items[i].key, key))
                return xr_fail_usage(w->err, "%s:%zu: key '%s' stands twice", w->path,
                                     line_of(node_at(w, p->key)), key);
        }
        if (add_value(w, key, node_at(w, p->value)))
            return -1;
    }
    return 0;
}

static int walk_document(struct walk *w, const char *section)
{
    const yaml_node_t *root = yaml_document_get_root_node(&w->doc);

    if (!root || (scalar(root) && !*scalar(root)))
        return 0;
    if (root->type != YAML_MAPPING_NODE)
        return xr_fail_usage(w->err, "%s:%zu: not a mapping of sections", w->path,
                             line_of(root));
    for (yaml_node_pair_t *p = root->data.mapping.pairs.start;
         p < root->data.mapping.pairs.top; p++) {
        const char *key = scalar(node_at(w, p->key));

        if (key && !strcmp(key, section) &&
            walk_section(w, node_at(w, p->value), section))
            return -1;
    }
    return 0;
}

/* Aliases could make a small file large, and a cycle: refused before the document is
 * built. */
static int refuse_aliases(const char *path, const struct xr_buf *text, struct xr_err *err)
{
    yaml_parser_t parser;
    yaml_event_t event;
    int rc = 0, end = 0;

    if (!yaml_parser_initialize(&parser))
        return xr_fail(err, "out of memory");
    yaml_parser_set_input_string(&parser, (unsigned char *)text->data, text->size);
    while (!rc && !end) {
        if (!yaml_parser_parse(&parser, &event)) {
            rc = xr_fail_usage(err, "%s:%zu: not YAML: %s", path,
                               parser.problem_mark.line + 1,
                               parser.problem ? parser.problem : "unknown problem");
            break;
        }
        if (event.type == YAML_ALIAS_EVENT)
            rc = xr_fail_usage(err, "%s:%zu: aliases are not supported", path,
                               event.start_mark.line + 1);
        end = event.type == YAML_STREAM_END_EVENT;
        yaml_event_delete(&event);
    }
    yaml_parser_delete(&parser);
    return rc;
}

int xr_config_read(struct xr_config *config, const char *path, const char *section,
                   struct xr_err *err)
{
    struct walk w = {.path = path, .config = config, .err = err};
    struct xr_buf text = {0};
    yaml_parser_t parser;
    int rc = -1;

    memset(config, 0, sizeof *config);
    if (xr_read_file(&text, path, CONFIG_MAX, NULL, err))
        return -1;
    if (refuse_aliases(path, &text, err))
        goto done;
    if (!yaml_parser_initialize(&parser)) {
        xr_fail(err, "out of memory");
        goto done;
    }
    yaml_parser_set_input_string(&parser, (unsigned char *)text.data, text.size);
    if (yaml_parser_load(&parser, &w.doc)) {
        rc = walk_document(&w, section);
        yaml_document_delete(&w.doc);
    } else {
        xr_fail_usage(err, "%s:%zu: not YAML: %s", path, parser.problem_mark.line + 1,
                      parser.problem ? parser.problem : "unknown problem");
    }
    yaml_parser_delete(&parser);
done:
    xr_buf_free(&text);
    if (rc)
        xr_config_free(config);
    return rc;
}

void xr_config_free(struct xr_config *config)
{
    for (size_t i = 0; i < config->n; i++) {
        free(config->items[i].key);
        free(config->items[i].value);
    }
    free(config->items);
    memset(config, 0, sizeof *config);
}
