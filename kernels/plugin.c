/*
 * Devices by name, and the CUDA plugin: found beside the program, loaded only when a
 * driver answers. Programs never link a CUDA library themselves.
 */
#include "plugin.h"

#include <dlfcn.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef XR_VERSION
#define XR_VERSION "?"
#endif

/* --- where it is ------------------------------------------------------------------- */

const char *xk_plugin_path(void)
{
    static char path[PATH_MAX];
    const char *given = getenv("XR_PLUGIN");
    char exe[PATH_MAX];
    ssize_t n;
    int size;

    if (given && *given)
        size = snprintf(path, sizeof path, "%s", given);
    else {
        n = readlink("/proc/self/exe", exe, sizeof exe - 1);
        if (n <= 0)
            return NULL;
        exe[n] = '\0';
        for (int up = 0; up < 2; up++) { /* the program's name, then its folder */
            char *slash = strrchr(exe, '/');

            if (!slash)
                return NULL;
            *slash = '\0';
        }
        size = snprintf(path, sizeof path, "%s/libexec/xr/xr-cuda.so", exe);
    }
    return size > 0 && (size_t)size < sizeof path && access(path, R_OK) == 0 ? path
                                                                             : NULL;
}

/* --- the driver -------------------------------------------------------------------- */

/* Of libcuda.so.1: an NVIDIA driver's own library, which no installation of ours has. */
static int ask_driver(int *n_gpus, int *version, struct xr_err *err)
{
    void *lib = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
    int (*init)(unsigned), (*count)(int *), (*driver)(int *), rc;

    *n_gpus = *version = 0;
    if (!lib)
        return xr_fail(err, "no NVIDIA driver (libcuda.so.1 is not there)");
    *(void **)&init = dlsym(lib, "cuInit");
    *(void **)&count = dlsym(lib, "cuDeviceGetCount");
    *(void **)&driver = dlsym(lib, "cuDriverGetVersion");
    if (!init || !count || !driver)
        return xr_fail(err, "libcuda.so.1 is not an NVIDIA driver's");
    rc = init(0);
    if (rc == 100)
        return xr_fail(err, "the NVIDIA driver sees no GPU");
    if (rc)
        return xr_fail(err, "the NVIDIA driver does not start (error %d of cuInit)", rc);
    if (driver(version) || count(n_gpus) || *n_gpus < 1)
        return xr_fail(err, "the NVIDIA driver sees no GPU");
    return 0; /* the library stays: closing a driver is not safe */
}

/* --- the libraries that it needs --------------------------------------------------- */

/* The library under this name wherever the linker looks, or in a folder. */
static void *load_in(const char *dir, const char *name)
{
    char path[PATH_MAX];

    if (!dir)
        return dlopen(name, RTLD_NOW | RTLD_GLOBAL);
    if (snprintf(path, sizeof path, "%s/%s", dir, name) >= (int)sizeof path)
        return NULL;
    return dlopen(path, RTLD_NOW | RTLD_GLOBAL);
}

/* In all folders that match a pattern. */
static void *load_glob(const char *pattern, const char *name)
{
    void *lib = NULL;
    glob_t found;

    if (glob(pattern, 0, NULL, &found))
        return NULL;
    for (size_t i = 0; i < found.gl_pathc && !lib; i++)
        lib = load_in(found.gl_pathv[i], name);
    globfree(&found);
    return lib;
}

/* Behind the folders of a list like PATH's: pip's nvidia-* packages in the Python that
 * each belongs to. */
static void *load_behind(const char *list, const char *behind, const char *name)
{
    char pattern[PATH_MAX];
    void *lib = NULL;

    while (list && *list && !lib) {
        size_t n = strcspn(list, ":");

        if (n && snprintf(pattern, sizeof pattern, "%.*s%s", (int)n, list, behind) <
                     (int)sizeof pattern)
            lib = load_glob(pattern, name);
        list += n + (list[n] == ':');
    }
    return lib;
}

/* {from the environment, NULL: as it is; what follows} in the order of looking. */
static const struct place {
    const char *variable, *behind;
} places[] = {
    {"XR_CUDA_LIBS", ""},
    {NULL, NULL}, /* as the linker does: LD_LIBRARY_PATH, ld.so.conf */
    {"CUDA_HOME", "/lib64"},
    {"CUDA_HOME", "/lib"},
    {"CUDA_PATH", "/lib64"},
    {"CUDA_PATH", "/lib"},
    {"VIRTUAL_ENV", "/lib/python3*/site-packages/nvidia/*/lib"},
    {"CONDA_PREFIX", "/lib/python3*/site-packages/nvidia/*/lib"},
    {"CONDA_PREFIX", "/lib"},
    {"HOME", "/.local/lib/python3*/site-packages/nvidia/*/lib"},
    {NULL, "/usr/local/cuda/lib64"},
    {NULL, "/usr/local/cuda/lib"},
    {NULL, "/usr/local/cuda-1[2-9]*/lib*"},
    {NULL, "/usr/local/lib/python3*/*-packages/nvidia/*/lib"},
    {NULL, "/usr/lib/python3*/*-packages/nvidia/*/lib"},
    {"PATH", "/../lib/python3*/site-packages/nvidia/*/lib"},
};

static int load_library(const char *name, struct xr_err *err)
{
    void *lib = NULL;

    for (size_t i = 0; i < sizeof places / sizeof *places && !lib; i++) {
        const struct place *p = &places[i];

        lib = !p->behind    ? load_in(NULL, name)
              : p->variable ? load_behind(getenv(p->variable), p->behind, name)
                            : load_glob(p->behind, name);
    }
    return lib ? 0
               : xr_fail(err,
                         "%s is not there (looked for in XR_CUDA_LIBS, CUDA_HOME, where "
                         "ld.so looks, and in Python's nvidia-* packages)",
                         name);
}

/* cuDNN loads parts of itself by their names alone, which works only for those that are
 * in memory already. Not all versions have all of them. */
static void load_parts(void)
{
    static const char *const parts[] = {
        "libcudnn_graph.so.9",     "libcudnn_ops.so.9",
        "libcudnn_cnn.so.9",       "libcudnn_engines_runtime_compiled.so.9",
        "libcudnn_heuristic.so.9", "libcudnn_engines_precompiled.so.9"};
    struct xr_err none;

    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        (void)!load_library(parts[i], &none);
}

/* Open the plugin; what it was linked with and the linker does not find is loaded from
 * where else it may be, one after the other. */
static void *open_with_libraries(const char *path, struct xr_err *err)
{
    char missing[200];

    for (int tries = 0; tries < 8; tries++) {
        void *lib = dlopen(path, RTLD_NOW | RTLD_LOCAL);
        const char *why = lib ? NULL : dlerror();
        size_t n = why ? strcspn(why, ":") : 0;

        if (lib)
            return lib;
        snprintf(missing, sizeof missing, "%.*s", (int)(n < 199 ? n : 199), why);
        if (strncmp(missing, "lib", 3) != 0) {
            xr_fail(err, "%s: cannot load: %s", path, why);
            return NULL;
        }
        if (load_library(missing, err))
            return NULL;
        if (strncmp(missing, "libcudnn", 8) == 0)
            load_parts();
    }
    xr_fail(err, "%s: cannot load: %s", path, missing);
    return NULL;
}

/* --- the plugin -------------------------------------------------------------------- */

int xk_plugin_check(const struct xk_plugin *plugin, const char *path, struct xr_err *err)
{
    static const uint32_t sizes[XK_PLUGIN_N_SIZES] = XK_PLUGIN_SIZES;

    if (plugin->abi != XK_PLUGIN_ABI)
        return xr_fail(err, "%s: built for another xr-tools (table %u, this is %d)", path,
                       plugin->abi, XK_PLUGIN_ABI);
    if (memcmp(plugin->sizes, sizes, sizeof sizes) ||
        strcmp(plugin->version, XR_VERSION) != 0)
        return xr_fail(err, "%s: built for another xr-tools (%.32s, this is %s)", path,
                       plugin->version, XR_VERSION);
    return 0;
}

static const struct xk_plugin *open_plugin(const char *path, struct xr_err *err)
{
    void *lib = open_with_libraries(path, err);
    const struct xk_plugin *plugin;

    if (!lib)
        return NULL;
    plugin = dlsym(lib, "xk_plugin");
    if (!plugin) {
        xr_fail(err, "%s: not a plugin of xr-tools", path);
        return NULL;
    }
    return xk_plugin_check(plugin, path, err) ? NULL : plugin;
}

/* Loaded once and kept; *n_gpus: how many it may open. An XR_PLUGIN that names another
 * file brings its own device, and nobody else is asked. */
static const struct xk_plugin *load(int *n_gpus, struct xr_err *err)
{
    static const struct xk_plugin *loaded;
    static int gpus;
    const char *path = xk_plugin_path(), *given = getenv("XR_PLUGIN");
    int driver;

    if (!loaded && !path)
        xr_fail(err,
                given && *given ? "%s is not there"
                                : "xr-tools was installed without it%.0s",
                given);
    else if (!loaded && given && *given) {
        gpus = 1;
        loaded = open_plugin(path, err);
    } else if (!loaded && !ask_driver(&gpus, &driver, err))
        loaded = open_plugin(path, err);
    *n_gpus = gpus;
    return loaded;
}

void xk_plugin_describe(char *built, char *found, size_t size)
{
    const char *path = xk_plugin_path();
    struct xr_err err = {0};
    const struct xk_plugin *plugin;
    int n_gpus = 0, driver = 0;

    snprintf(built, size, "cuda: %s", path ? path : "not built in");
    found[0] = '\0';
    if (!path)
        return;
    plugin = load(&n_gpus, &err);
    if (!plugin) {
        snprintf(found, size, "cuda: not usable: %s", err.text);
        return;
    }
    snprintf(built, size, "cuda: %s (%s)", path, plugin->built);
    (void)!ask_driver(&n_gpus, &driver, &err);
    snprintf(found, size, "cuda: %d GPU%s, driver for CUDA %d.%d", n_gpus,
             n_gpus == 1 ? "" : "s", driver / 1000, driver % 1000 / 10);
}

/* --- names ------------------------------------------------------------------------- */

/* Why "auto" became the CPU, where a plugin is installed. */
static char refused[sizeof((struct xr_err *)0)->text];

const char *xk_plugin_refused(bool *has_gpu)
{
    *has_gpu = access("/dev/nvidiactl", F_OK) == 0;
    return *refused ? refused : NULL;
}

/* "cuda" or "cuda:N": its number, -1: neither. */
static int number_of(const char *name)
{
    int n = 0;

    if (strcmp(name, "cuda") == 0)
        return 0;
    if (strncmp(name, "cuda:", 5) != 0 || !name[5] || strlen(name) > 8)
        return -1;
    for (name += 5; *name; name++) {
        if (*name < '0' || *name > '9')
            return -1;
        n = 10 * n + *name - '0';
    }
    return n;
}

int xk_backend_find(const struct xk_backend **backend, int *index, const char *name,
                    struct xr_err *err)
{
    const struct xk_plugin *plugin;
    struct xr_err why = {0};
    bool chosen;
    int n_gpus;

    if (!name && getenv("XR_DEVICE"))
        name = getenv("XR_DEVICE");
    chosen = name && *name && strcmp(name, "auto") != 0;
    *backend = &xk_backend_cpu;
    *index = 0;
    refused[0] = '\0';
    if (name && strcmp(name, "cpu") == 0)
        return 0;
    if (chosen) {
        *index = number_of(name);
        if (*index < 0)
            return xr_fail_usage(err, "device '%s': not auto, cpu or cuda[:N]", name);
    } else if (!xk_plugin_path())
        return 0;
    plugin = load(&n_gpus, &why);
    if (plugin && *index >= n_gpus) {
        xr_fail(&why, "there are %d, counted from 0", n_gpus);
        plugin = NULL;
    }
    if (plugin) {
        *backend = plugin->backend;
        return 0;
    }
    if (chosen)
        return xr_fail(err, "device '%s': %s", name, why.text);
    snprintf(refused, sizeof refused, "%.900s: running on the CPU", why.text);
    return 0;
}
