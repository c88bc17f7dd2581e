/*
 * Command lines: one table of options a tool feeds parsing, the YAML section, --help,
 * --print-config, the history in the output, and the check that the man page names them
 * all.
 */
#ifndef XR_CLI_H
#define XR_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cjson/cJSON.h>

#include "err.h"

enum xr_opt_kind {
    XR_OPT_FLAG,   /* bool: --name sets it, --no-name clears it */
    XR_OPT_INT,    /* int64_t, lo..hi */
    XR_OPT_REAL,   /* double, lo..hi */
    XR_OPT_TEXT,   /* char *, NULL if not given (or the default) */
    XR_OPT_CHOICE, /* int: index in choices "a|b|c" */
    XR_OPT_LIST,   /* struct xr_list: every use of the option adds one text */
};

struct xr_list {
    char **items;
    size_t n;
};

struct xr_opt {
    const char *name; /* long name without dashes; NULL ends the table */
    int letter;       /* short option, 0 for none */
    enum xr_opt_kind kind;
    size_t offset;       /* of the value in the tool's settings (offsetof) */
    const char *arg;     /* name of the argument in --help: "FILE" */
    const char *help;    /* one line; the default is added by the library */
    double lo, hi;       /* INT and REAL: the range, both ends allowed */
    const char *choices; /* CHOICE: "a|b|c" */
    bool no_content;     /* true: cannot change the output, so not in the history */
};

/* The shared options a tool takes besides -h --help --version --config --print-config -q
 * -v. */
enum {
    XR_CLI_OUTPUT = 1,  /* -o FILE */
    XR_CLI_JOBS = 2,    /* -j N */
    XR_CLI_SEED = 4,    /* -s/--seed N */
    XR_CLI_HISTORY = 8, /* --no-history */
    XR_CLI_DEVICE =
        16, /* --device auto|cpu|cuda[:N], XR_DEVICE, --tf32, --deterministic */
    XR_CLI_PROGRESS = 32 /* --progress */
};

struct xr_tool {
    const char *name;     /* "xr-split"; its YAML section is the name without "xr-" */
    const char *summary;  /* one line */
    const char *operands; /* "[FILE]", "FILE..." or "" */
    const struct xr_opt *options;
    int common;                     /* XR_CLI_... */
    int min_operands, max_operands; /* max -1: any number */
    const char *const *libraries; /* more lines for --version, NULL-ended; may be NULL */
    void (*devices)(void);        /* prints more of them; may be NULL */
};

struct xr_cli {
    const struct xr_tool *tool;
    void *settings;
    /* shared settings */
    char *output; /* NULL: standard output */
    int64_t jobs; /* 0: not given */
    int64_t seed; /* default 0 */
    bool quiet, no_history, progress;
    int verbose;
    char *device; /* "auto" unless given */
    bool tf32, deterministic;
    /* operands, in order; n_operands may be 0 (standard input) */
    char **operands;
    size_t n_operands;
    cJSON *arguments; /* what the history shows: settings that differ from the default */
    struct xr_cli_state *state;
};

/*
 * Read the command line (and the tool's section of --config FILE) into *settings, whose
 * values on entry are the defaults. Exits 0 after --help, --version and --print-config,
 * exits 2 with one line on wrong usage. Resets SIGPIPE to nothing: the inherited
 * disposition stays.
 */
void xr_cli_parse(struct xr_cli *cli, const struct xr_tool *tool, void *settings,
                  int argc, char **argv);

/* The first operand, or "-". */
const char *xr_cli_input(const struct xr_cli *cli);

/* Was this option given, on the command line or in the YAML section? */
bool xr_cli_given(const struct xr_cli *cli, const char *name);

/* Wrong settings found after parsing: one line, then exit 2. */
void xr_cli_usage(const struct xr_cli *cli, const char *fmt, ...) XR_PRINTF(2, 3)
    __attribute__((noreturn));

/* Warnings (silent with -q) and notes (only with -v), one line each. Safe from any
 * thread. */
void xr_cli_warn(const struct xr_cli *cli, const char *fmt, ...) XR_PRINTF(2, 3);
void xr_cli_note(const struct xr_cli *cli, const char *fmt, ...) XR_PRINTF(2, 3);

/* Progress: a bar on a terminal, whole lines with -v or --progress, else nothing. total
 * 0: unknown. */
void xr_cli_progress(struct xr_cli *cli, const char *unit, uint64_t done, uint64_t total);

/*
 * This run as one entry of a history:
 * {"tool","version","arguments":[...],"inputs":{...}}. inputs: an object "last part of
 * the path" -> "sha256:...", may be NULL; it is copied. The caller owns the result. NULL
 * with --no-history.
 */
cJSON *xr_cli_history(const struct xr_cli *cli, const cJSON *inputs);

/* The end of main: print *err where status is not 0, free everything, return the exit
 * status (2 where err->usage). With -v prints time, CPU and peak memory. */
int xr_cli_end(struct xr_cli *cli, int status, const struct xr_err *err);

/* A whole number or a real number in a range; the whole text must be one. 0 or -1 with
 * *err. */
int xr_parse_int(int64_t *out, const char *text, int64_t lo, int64_t hi,
                 struct xr_err *err) XR_MUST_USE;
int xr_parse_real(double *out, const char *text, double lo, double hi,
                  struct xr_err *err) XR_MUST_USE;

/* CPUs this process may use (the affinity mask), at least 1. */
int xr_cpus(void);

#endif
