/* Command lines: one table of options a tool feeds everything that speaks of options. */
#include "cli.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "config.h"
#include "io.h"
#include "json.h"

#define MAX_OPTIONS 128

/* The options all tools have, as a table over struct xr_cli itself. */
#define AT(field) offsetof(struct xr_cli, field)
static const struct shared {
    int flag; /* XR_CLI_..., 0: every tool */
    struct xr_opt opt;
} shared[] = {
    {XR_CLI_OUTPUT,
     {"output", 'o', XR_OPT_TEXT, AT(output), "FILE", "write the result to FILE", 0, 0,
      NULL, true}},
    {XR_CLI_JOBS,
     {"jobs", 'j', XR_OPT_INT, AT(jobs), "N", "threads", 1, 1024, NULL, true}},
    {XR_CLI_SEED,
     {"seed", 's', XR_OPT_INT, AT(seed), "N", "seed of all random numbers", 0,
      9007199254740992.0, NULL, false}},
    {XR_CLI_HISTORY,
     {"no-history", 0, XR_OPT_FLAG, AT(no_history), NULL,
      "leave this run out of the history", 0, 0, NULL, true}},
    {XR_CLI_DEVICE,
     {"device", 0, XR_OPT_TEXT, AT(device), "NAME", "auto, cpu or cuda[:N]", 0, 0, NULL,
      true}},
    {XR_CLI_DEVICE,
     {"tf32", 0, XR_OPT_FLAG, AT(tf32), NULL,
      "GPU: let float32 products round their factors to 10 bits", 0, 0, NULL, false}},
    {XR_CLI_DEVICE,
     {"deterministic", 0, XR_OPT_FLAG, AT(deterministic), NULL,
      "GPU: the same bytes from run to run", 0, 0, NULL, false}},
    {XR_CLI_PROGRESS,
     {"progress", 0, XR_OPT_FLAG, AT(progress), NULL, "report progress in whole lines", 0,
      0, NULL, true}},
    {0, {"quiet", 'q', XR_OPT_FLAG, AT(quiet), NULL, "errors only", 0, 0, NULL, true}},
};
#undef AT

/* What getopt_long returns for options that are not in a table. */
enum {
    OPT_HELP = 'h',
    OPT_VERBOSE = 'v',
    OPT_VERSION = 1000,
    OPT_CONFIG,
    OPT_PRINT_CONFIG,
    OPT_PRINT_OPTIONS,
    OPT_TABLE = 2000,
    OPT_NEGATED = 3000
};

/* One option of this run: its row and where its value lies. */
struct slot {
    const struct xr_opt *opt;
    char *base;
    bool given, from_command_line;
    char *before; /* the default, as text, for --help and the history */
};

struct xr_cli_state {
    struct slot slots[MAX_OPTIONS];
    size_t n_slots;
    struct option longs[2 * MAX_OPTIONS + 8];
    char shorts[2 * MAX_OPTIONS + 8];
    char *config; /* --config FILE */
    bool print_config;
    struct timespec start, last_progress;
    bool progress_open; /* a bar stands on the terminal */
    pthread_mutex_t lock;
};

/* --- numbers
 * ---------------------------------------------------------------------------- */

int xr_parse_int(int64_t *out, const char *text, int64_t lo, int64_t hi,
                 struct xr_err *err)
{
    char *end;
    long long v;

    errno = 0;
    v = strtoll(text, &end, 10);
    if (errno || end == text || *end || strchr(" \t\n\v\f\r", *text) || v < lo || v > hi)
        return xr_fail_usage(err, "'%s': not a whole number from %lld to %lld", text,
                             (long long)lo, (long long)hi);
    *out = v;
    return 0;
}

int xr_parse_real(double *out, const char *text, double lo, double hi, struct xr_err *err)
{
    char *end;
    double v = strtod(text, &end);

    if (end == text || *end || strchr(" \t\n\v\f\r", *text) || !isfinite(v) || v < lo ||
        v > hi)
        return xr_fail_usage(err, "'%s': not a number from %g to %g", text, lo, hi);
    *out = v;
    return 0;
}

int xr_cpus(void)
{
    cpu_set_t set;
    int n;

    if (sched_getaffinity(0, sizeof set, &set))
        return 1;
    n = CPU_COUNT(&set);
    return n > 0 ? n : 1;
}

/* --- values
 * ------------------------------------------------------------------------------- */

static void *value_of(const struct slot *slot)
{
    return slot->base + slot->opt->offset;
}

/* The i-th choice of "a|b|c" into text; 0 past the end. */
static int choice(const char *choices, int i, char *text, size_t room)
{
    while (i-- > 0) {
        choices = strchr(choices, '|');
        if (!choices)
            return 0;
        choices++;
    }
    snprintf(text, room, "%.*s", (int)strcspn(choices, "|"), choices);
    return 1;
}

static int set_value(struct slot *slot, const char *text, struct xr_err *err)
{
    const struct xr_opt *opt = slot->opt;
    void *value = value_of(slot);
    struct xr_list *list = value;
    char name[64], *copy;
    char **items;

    switch (opt->kind) {
    case XR_OPT_FLAG:
        if (strcmp(text, "true") && strcmp(text, "false"))
            return xr_fail_usage(err, "'%s': not true or false", text);
        *(bool *)value = !strcmp(text, "true");
        return 0;
    case XR_OPT_INT:
        return xr_parse_int(value, text, (int64_t)opt->lo, (int64_t)opt->hi, err);
    case XR_OPT_REAL:
        return xr_parse_real(value, text, opt->lo, opt->hi, err);
    case XR_OPT_CHOICE:
        for (int i = 0; choice(opt->choices, i, name, sizeof name); i++) {
            if (!strcmp(name, text)) {
                *(int *)value = i;
                return 0;
            }
        }
        return xr_fail_usage(err, "'%s': not one of %s", text, opt->choices);
    case XR_OPT_TEXT:
        copy = xr_strdup(text, err);
        if (!copy)
            return -1;
        if (slot->given)
            free(*(char **)value);
        *(char **)value = copy;
        return 0;
    case XR_OPT_LIST:
        copy = xr_strdup(text, err);
        if (!copy)
            return -1;
        items = realloc(list->items, (list->n + 1) * sizeof *items);
        if (!items) {
            free(copy);
            return xr_fail(err, "out of memory");
        }
        items[list->n++] = copy;
        list->items = items;
        return 0;
    }
    return -1;
}

static void clear_list(struct slot *slot)
{
    struct xr_list *list = value_of(slot);

    for (size_t i = 0; i < list->n; i++)
        free(list->items[i]);
    free(list->items);
    memset(list, 0, sizeof *list);
}

/* A value as JSON; NULL for a text that is not set. The caller owns it. */
static cJSON *value_json(const struct slot *slot)
{
    const void *value = value_of(slot);
    const struct xr_list *list = value;
    char name[64] = "";
    cJSON *array;

    switch (slot->opt->kind) {
    case XR_OPT_FLAG:
        return cJSON_CreateBool(*(const bool *)value);
    case XR_OPT_INT:
        return cJSON_CreateNumber((double)*(const int64_t *)value);
    case XR_OPT_REAL:
        return cJSON_CreateNumber(*(const double *)value);
    case XR_OPT_CHOICE:
        choice(slot->opt->choices, *(const int *)value, name, sizeof name);
        return cJSON_CreateString(name);
    case XR_OPT_TEXT:
        return *(char *const *)value ? cJSON_CreateString(*(char *const *)value) : NULL;
    case XR_OPT_LIST:
        array = cJSON_CreateArray();
        for (size_t i = 0; i < list->n; i++)
            cJSON_AddItemToArray(array, cJSON_CreateString(list->items[i]));
        return array;
    }
    return NULL;
}

static char *value_text(const struct slot *slot)
{
    struct xr_buf buf = {0};
    cJSON *json = value_json(slot);

    if (json && cJSON_IsString(json)) {
        char *text = strdup(json->valuestring);

        cJSON_Delete(json);
        return text;
    }
    if (!json || (cJSON_IsArray(json) && !json->child) ||
        xr_json_line(&buf, json, NULL)) {
        cJSON_Delete(json);
        xr_buf_free(&buf);
        return NULL;
    }
    cJSON_Delete(json);
    return buf.data;
}

/* --- messages
 * ------------------------------------------------------------------------------ */

static void end_bar(struct xr_cli_state *state)
{
    if (state->progress_open)
        fputs("\r\033[K", stderr);
    state->progress_open = false;
}

static void say(const struct xr_cli *cli, const char *kind, const char *fmt, va_list ap)
{
    struct xr_err line;
    char text[sizeof line.text];

    vsnprintf(text, sizeof text, fmt, ap);
    xr_fail(&line, "%s", text); /* control characters become '?' */
    if (cli->state)
        pthread_mutex_lock(&cli->state->lock);
    if (cli->state)
        end_bar(cli->state);
    fprintf(stderr, "%s: %s%s\n", cli->tool->name, kind, line.text);
    if (cli->state)
        pthread_mutex_unlock(&cli->state->lock);
}

void xr_cli_warn(const struct xr_cli *cli, const char *fmt, ...)
{
    va_list ap;

    if (cli->quiet)
        return;
    va_start(ap, fmt);
    say(cli, "warning: ", fmt, ap);
    va_end(ap);
}

void xr_cli_note(const struct xr_cli *cli, const char *fmt, ...)
{
    va_list ap;

    if (!cli->verbose || cli->quiet)
        return;
    va_start(ap, fmt);
    say(cli, "", fmt, ap);
    va_end(ap);
}

void xr_cli_usage(const struct xr_cli *cli, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    say(cli, "", fmt, ap);
    va_end(ap);
    fprintf(stderr, "Try '%s --help'.\n", cli->tool->name);
    exit(2);
}

static double seconds_since(const struct timespec *then)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - then->tv_sec) +
           1e-9 * (double)(now.tv_nsec - then->tv_nsec);
}

void xr_cli_progress(struct xr_cli *cli, const char *unit, uint64_t done, uint64_t total)
{
    struct xr_cli_state *state = cli->state;
    bool bar = isatty(STDERR_FILENO) && !cli->progress && !cli->verbose;
    double spent;

    if (cli->quiet || (!bar && !cli->progress && !cli->verbose))
        return;
    pthread_mutex_lock(&state->lock);
    if (seconds_since(&state->last_progress) < (bar ? 0.1 : 5.0) && done != total) {
        pthread_mutex_unlock(&state->lock);
        return;
    }
    clock_gettime(CLOCK_MONOTONIC, &state->last_progress);
    spent = seconds_since(&state->start);
    fprintf(stderr, "%s%s: %llu", bar ? "\r\033[K" : "", cli->tool->name,
            (unsigned long long)done);
    if (total)
        fprintf(stderr, "/%llu", (unsigned long long)total);
    fprintf(stderr, " %s, %.1f/s%s", unit, spent > 0 ? (double)done / spent : 0.0,
            bar ? "" : "\n");
    fflush(stderr);
    state->progress_open = bar;
    if (bar && done == total)
        end_bar(state);
    pthread_mutex_unlock(&state->lock);
}

/* --- help, version
 * ---------------------------------------------------------------------------- */

static void print_option(const char *name, int letter, const char *arg, const char *help,
                         const char *more)
{
    char left[80];
    int n;

    n = letter ? snprintf(left, sizeof left, "  -%c, --%s", letter, name)
               : snprintf(left, sizeof left, "      --%s", name);
    if (arg)
        snprintf(left + n, sizeof left - (size_t)n, " %s", arg);
    if (strlen(left) > 28)
        printf("%s\n%-29s%s%s\n", left, "", help, more);
    else
        printf("%-29s%s%s\n", left, help, more);
}

/* A number outside its range (-j 0) stands for an option that was not given. */
static bool default_in_range(const struct slot *slot)
{
    double v = strtod(slot->before, NULL);

    return v >= slot->opt->lo && v <= slot->opt->hi;
}

static void print_help(const struct xr_cli *cli)
{
    const struct xr_tool *tool = cli->tool;
    const struct xr_cli_state *state = cli->state;

    printf("usage: %s [OPTION...]%s%s\n%s\n\n", tool->name, *tool->operands ? " " : "",
           tool->operands, tool->summary);
    for (size_t i = 0; i < state->n_slots; i++) {
        const struct slot *slot = &state->slots[i];
        const struct xr_opt *opt = slot->opt;
        char more[160] = "";

        if (slot->before && opt->kind != XR_OPT_FLAG && strcmp(slot->before, "nan") &&
            strcmp(slot->before, "null"))
            snprintf(more, sizeof more, " (%s)", slot->before);
        if ((opt->kind == XR_OPT_REAL || opt->kind == XR_OPT_INT) && slot->before &&
            !default_in_range(slot))
            more[0] = '\0'; /* stands for "not given" */
        if (opt->kind == XR_OPT_FLAG && slot->before && !strcmp(slot->before, "true"))
            snprintf(more, sizeof more, " (on; --no-%s)", opt->name);
        print_option(opt->name, opt->letter,
                     opt->kind == XR_OPT_CHOICE && !opt->arg ? opt->choices : opt->arg,
                     opt->help, more);
    }
    print_option("verbose", 'v', NULL, "say more; twice: still more", "");
    print_option("config", 0, "FILE", "settings from the tool's section of a YAML file",
                 "");
    print_option("print-config", 0, NULL, "print the settings and exit", "");
    print_option("help", 'h', NULL, "print this and exit", "");
    print_option("version", 0, NULL, "print version, compiler and libraries and exit",
                 "");
    printf("\nSee %s(1). Research use only: not a diagnosis.\n", tool->name);
}

static void print_version(const struct xr_cli *cli)
{
    printf("%s (xr-tools) %s\n", cli->tool->name, XR_VERSION);
    printf("compiler: gcc %s\n", __VERSION__);
#ifdef __SANITIZE_ADDRESS__
    printf("flags: AddressSanitizer\n");
#endif
    for (const char *const *line = cli->tool->libraries; line && *line; line++)
        printf("%s\n", *line);
    if (cli->tool->devices)
        cli->tool->devices();
}

/* Settings as the YAML section they could have come from. */
static void print_config(const struct xr_cli *cli)
{
    const struct xr_cli_state *state = cli->state;

    printf("%s:\n", cli->tool->name + 3);
    for (size_t i = 0; i < state->n_slots; i++) {
        const struct slot *slot = &state->slots[i];
        struct xr_buf buf = {0};
        cJSON *json = value_json(slot);

        /* a number outside its range (-j 0) stands for an option that was not given */
        if (json &&
            !(cJSON_IsNumber(json) && !(json->valuedouble >= slot->opt->lo &&
                                        json->valuedouble <= slot->opt->hi)) &&
            !(cJSON_IsArray(json) && !json->child) && xr_json_line(&buf, json, NULL) == 0)
            printf("  %s: %s\n", slot->opt->name, buf.data);
        xr_buf_free(&buf);
        cJSON_Delete(json);
    }
}

/* One line an option, tab-separated: for completion and for the check of the man pages.
 */
static void print_options(const struct xr_cli *cli)
{
    const struct xr_cli_state *state = cli->state;

    for (size_t i = 0; i < state->n_slots; i++) {
        const struct xr_opt *opt = state->slots[i].opt;

        printf("--%s\t%s\t%s\n", opt->name,
               opt->choices ? opt->choices
               : opt->arg   ? opt->arg
                            : "",
               opt->help);
    }
    printf("--verbose\t\tsay more\n--config\tFILE\tsettings from YAML\n"
           "--print-config\t\tprint the settings\n--help\t\tprint help\n"
           "--version\t\tprint the version\n");
}

/* --- parsing
 * ------------------------------------------------------------------------------------ */

static void add_slot(struct xr_cli_state *state, const struct xr_opt *opt, void *base)
{
    struct slot *slot = &state->slots[state->n_slots];
    size_t n = 0, s = strlen(state->shorts);

    if (state->n_slots == MAX_OPTIONS)
        abort(); /* a table of our own that is too long */
    slot->opt = opt;
    slot->base = base;
    slot->before = value_text(slot);
    while (state->longs[n].name)
        n++;
    state->longs[n] = (struct option){
        opt->name, opt->kind == XR_OPT_FLAG ? no_argument : required_argument, NULL,
        OPT_TABLE + (int)state->n_slots};
    if (opt->kind == XR_OPT_FLAG && strncmp(opt->name, "no-", 3)) {
        char *negated = xr_sprintf(NULL, "no-%s", opt->name);

        state->longs[n + 1] = (struct option){negated, no_argument, NULL,
                                              OPT_NEGATED + (int)state->n_slots};
    }
    if (opt->letter) {
        state->shorts[s++] = (char)opt->letter;
        if (opt->kind != XR_OPT_FLAG)
            state->shorts[s++] = ':';
        state->shorts[s] = '\0';
    }
    state->n_slots++;
}

static struct slot *slot_by_name(struct xr_cli_state *state, const char *name)
{
    for (size_t i = 0; i < state->n_slots; i++) {
        if (!strcmp(state->slots[i].opt->name, name))
            return &state->slots[i];
    }
    return NULL;
}

/* One use of an option. The command line replaces what the YAML section said. */
static void use(struct xr_cli *cli, struct slot *slot, const char *text)
{
    struct xr_err err = {0};

    if (slot->opt->kind == XR_OPT_LIST && !slot->from_command_line)
        clear_list(slot);
    if (set_value(slot, text, &err)) {
        if (err.usage)
            xr_cli_usage(cli, "--%s: %s", slot->opt->name, err.text);
        xr_cli_usage(cli, "%s", err.text);
    }
    slot->given = slot->from_command_line = true;
}

/* The tool's section of a YAML file, for options the command line will not replace. */
static void use_config(struct xr_cli *cli)
{
    struct xr_config config = {0};
    struct xr_err err = {0};

    if (xr_config_read(&config, cli->state->config, cli->tool->name + 3, &err)) {
        if (err.usage)
            xr_cli_usage(cli, "%s", err.text);
        fprintf(stderr, "%s: %s\n", cli->tool->name, err.text);
        exit(1);
    }
    for (size_t i = 0; i < config.n; i++) {
        struct slot *slot = slot_by_name(cli->state, config.items[i].key);

        if (!slot)
            xr_cli_usage(cli, "%s:%zu: unknown key '%s' in section '%s'",
                         cli->state->config, config.items[i].line, config.items[i].key,
                         cli->tool->name + 3);
        if (slot->opt->kind != XR_OPT_LIST && i > 0 &&
            !strcmp(config.items[i].key, config.items[i - 1].key))
            xr_cli_usage(cli, "%s:%zu: '%s' takes one value, not a list",
                         cli->state->config, config.items[i].line, config.items[i].key);
        if (slot->from_command_line)
            continue;
        if (set_value(slot, config.items[i].value, &err))
            xr_cli_usage(cli, "%s:%zu: %s: %s", cli->state->config, config.items[i].line,
                         config.items[i].key, err.text);
        slot->given = true;
    }
    xr_config_free(&config);
}

/* The end of --help and its like: what was printed must have arrived. */
static void leave(const struct xr_cli *cli)
{
    if (!fflush(stdout) && !ferror(stdout))
        exit(0);
    fprintf(stderr, "%s: standard output: cannot write: %s\n", cli->tool->name,
            strerror(errno));
    exit(1);
}

/* Options that may stand before others decide: --config is read after all of them are
 * known. */
static void parse_words(struct xr_cli *cli, int argc, char **argv)
{
    struct xr_cli_state *state = cli->state;
    int c;

    opterr = 0;
    optind = 1;
    while ((c = getopt_long(argc, argv, state->shorts, state->longs, NULL)) != -1) {
        struct slot *slot = NULL;

        for (size_t i = 0; c < 256 && i < state->n_slots; i++) {
            if (state->slots[i].opt->letter == c)
                slot = &state->slots[i];
        }
        if (c >= OPT_NEGATED)
            use(cli, &state->slots[c - OPT_NEGATED], "false");
        else if (c >= OPT_TABLE || slot)
            use(cli, slot ? slot : &state->slots[c - OPT_TABLE],
                optarg ? optarg : "true");
        else if (c == OPT_HELP)
            print_help(cli), leave(cli);
        else if (c == OPT_VERSION)
            print_version(cli), leave(cli);
        else if (c == OPT_PRINT_OPTIONS)
            print_options(cli), leave(cli);
        else if (c == OPT_VERBOSE)
            cli->verbose++;
        else if (c == OPT_CONFIG)
            state->config = optarg;
        else if (c == OPT_PRINT_CONFIG)
            state->print_config = true;
        else if (c == ':')
            xr_cli_usage(cli, "option '%s' needs an argument", argv[optind - 1]);
        else if (optopt && optopt < 256)
            xr_cli_usage(cli, "unknown option '-%c'", optopt);
        else
            xr_cli_usage(cli, "unknown, ambiguous or wrongly used option '%s'",
                         argv[optind - 1]);
    }
}

/* What differs from the defaults and can change the output, then the operands by their
 * last part. */
static cJSON *history_arguments(const struct xr_cli *cli)
{
    cJSON *list = cJSON_CreateArray();

    for (size_t i = 0; i < cli->state->n_slots; i++) {
        const struct slot *slot = &cli->state->slots[i];
        const struct xr_list *values = value_of(slot);
        char *now = value_text(slot);
        bool same = (!now && !slot->before) ||
                    (now && slot->before && !strcmp(now, slot->before));
        struct xr_buf word = {0};

        if (!same && !slot->opt->no_content && slot->opt->kind == XR_OPT_LIST) {
            for (size_t k = 0; k < values->n; k++) {
                xr_buf_free(&word);
                if (!xr_buf_printf(&word, NULL, "--%s=%s", slot->opt->name,
                                   values->items[k]))
                    cJSON_AddItemToArray(list, cJSON_CreateString(word.data));
            }
        } else if (!same && !slot->opt->no_content) {
            bool flag = slot->opt->kind == XR_OPT_FLAG,
                 on = flag && *(bool *)value_of(slot);
            const char *text = now ? now : "";

            if (slot->opt->kind == XR_OPT_TEXT && slot->opt->arg &&
                (!strcmp(slot->opt->arg, "FILE") || !strcmp(slot->opt->arg, "DIR")))
                text = xr_last_part(text);
            if (!xr_buf_printf(&word, NULL, "--%s%s%s%s", flag && !on ? "no-" : "",
                               slot->opt->name, flag ? "" : "=", flag ? "" : text))
                cJSON_AddItemToArray(list, cJSON_CreateString(word.data));
        }
        xr_buf_free(&word);
        free(now);
    }
    for (size_t i = 0; i < cli->n_operands; i++)
        cJSON_AddItemToArray(list, cJSON_CreateString(xr_last_part(cli->operands[i])));
    return list;
}

void xr_cli_parse(struct xr_cli *cli, const struct xr_tool *tool, void *settings,
                  int argc, char **argv)
{
    static const struct option fixed[] = {
        {"help", no_argument, NULL, OPT_HELP},
        {"verbose", no_argument, NULL, OPT_VERBOSE},
        {"version", no_argument, NULL, OPT_VERSION},
        {"config", required_argument, NULL, OPT_CONFIG},
        {"print-config", no_argument, NULL, OPT_PRINT_CONFIG},
        {"print-options", no_argument, NULL, OPT_PRINT_OPTIONS},
    };
    struct xr_cli_state *state = calloc(1, sizeof *state);

    if (!state) {
        fprintf(stderr, "%s: out of memory\n", tool->name);
        exit(1);
    }
    memset(cli, 0, sizeof *cli);
    cli->tool = tool;
    cli->settings = settings;
    cli->state = state;
    pthread_mutex_init(&state->lock, NULL);
    clock_gettime(CLOCK_MONOTONIC, &state->start);
    memcpy(state->shorts, ":hv", 4);
    memcpy(state->longs, fixed, sizeof fixed);
    for (const struct xr_opt *opt = tool->options; opt && opt->name; opt++)
        add_slot(state, opt, settings);
    for (size_t i = 0; i < sizeof shared / sizeof *shared; i++) {
        if (!shared[i].flag || shared[i].flag & tool->common)
            add_slot(state, &shared[i].opt, cli);
    }
    parse_words(cli, argc, argv);
    cli->operands = argv + optind;
    cli->n_operands = (size_t)(argc - optind);
    if (state->config)
        use_config(cli);
    if (state->print_config) {
        print_config(cli);
        leave(cli);
    }
    if ((int)cli->n_operands < tool->min_operands)
        xr_cli_usage(cli, "%s expected: %s",
                     cli->n_operands ? "more operands" : "an operand is", tool->operands);
    if (tool->max_operands >= 0 && (int)cli->n_operands > tool->max_operands)
        xr_cli_usage(cli, "unexpected operand '%s'", cli->operands[tool->max_operands]);
    if (tool->common & XR_CLI_DEVICE && !cli->device) {
        const char *env = getenv("XR_DEVICE");

        cli->device = strdup(env && *env ? env : "auto");
    }
    cli->arguments = history_arguments(cli);
}

const char *xr_cli_input(const struct xr_cli *cli)
{
    return cli->n_operands ? cli->operands[0] : "-";
}

bool xr_cli_given(const struct xr_cli *cli, const char *name)
{
    const struct slot *slot = slot_by_name(cli->state, name);

    return slot && slot->given;
}

cJSON *xr_cli_history(const struct xr_cli *cli, const cJSON *inputs)
{
    cJSON *entry;

    if (cli->no_history)
        return NULL;
    entry = cJSON_CreateObject();
    cJSON_AddStringToObject(entry, "tool", cli->tool->name);
    cJSON_AddStringToObject(entry, "version", XR_VERSION);
    cJSON_AddItemToObject(entry, "arguments", cJSON_Duplicate(cli->arguments, 1));
    if (inputs)
        cJSON_AddItemToObject(entry, "inputs", cJSON_Duplicate(inputs, 1));
    return entry;
}

int xr_cli_end(struct xr_cli *cli, int status, const struct xr_err *err)
{
    struct xr_cli_state *state = cli->state;

    end_bar(state);
    if (status && err && err->text[0])
        fprintf(stderr, "%s: %s\n", cli->tool->name, err->text);
    if (status == EXIT_FAILURE && err && err->usage) {
        fprintf(stderr, "Try '%s --help'.\n", cli->tool->name);
        status = 2;
    }
    if (cli->verbose && !cli->quiet && !status) {
        struct rusage use_now;

        getrusage(RUSAGE_SELF, &use_now);
        xr_cli_note(
            cli, "%.2f s, CPU %.2f s, %.1f MiB at most", seconds_since(&state->start),
            (double)(use_now.ru_utime.tv_sec + use_now.ru_stime.tv_sec) +
                1e-6 * (double)(use_now.ru_utime.tv_usec + use_now.ru_stime.tv_usec),
            (double)use_now.ru_maxrss / 1024);
    }
    for (size_t i = 0; i < state->n_slots; i++) {
        struct slot *slot = &state->slots[i];

        free(slot->before);
        if (slot->opt->kind == XR_OPT_LIST)
            clear_list(slot);
        else if (slot->opt->kind == XR_OPT_TEXT && slot->given)
            free(*(char **)value_of(slot));
    }
    for (size_t i = 0; state->longs[i].name; i++) {
        if (state->longs[i].val >= OPT_NEGATED)
            free((char *)(uintptr_t)state->longs[i].name);
    }
    if (cli->tool->common & XR_CLI_DEVICE && !xr_cli_given(cli, "device"))
        free(cli->device);
    cJSON_Delete(cli->arguments);
    pthread_mutex_destroy(&state->lock);
    free(state);
    cli->state = NULL;
    return status;
}
