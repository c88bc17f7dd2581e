/* Calibrations as JSON. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "stats_calibration.h"

static void add_numbers(cJSON *object, const char *key, const double *x, size_t n)
{
    cJSON_AddItemToObject(object, key, cJSON_CreateDoubleArray(x, (int)n));
}

static cJSON *parameters_of(const struct xr_calibration *cal)
{
    cJSON *json = cJSON_CreateObject(), *rows[2];

    switch (cal->method) {
    case XR_CALIBRATE_TEMPERATURE:
        cJSON_AddNumberToObject(json, "temperature", cal->temperature);
        if (cal->at_bound)
            cJSON_AddBoolToObject(json, "at_bound", 1);
        break;
    case XR_CALIBRATE_PLATT:
        add_numbers(json, "a", cal->a, cal->n_maps);
        add_numbers(json, "b", cal->b, cal->n_maps);
        break;
    case XR_CALIBRATE_ISOTONIC:
        rows[0] = cJSON_AddArrayToObject(json, "x");
        rows[1] = cJSON_AddArrayToObject(json, "y");
        for (size_t i = 0; i < cal->n_maps; i++) {
            const struct xr_steps *s = &cal->steps[i];

            cJSON_AddItemToArray(rows[0], cJSON_CreateDoubleArray(s->x, (int)s->n));
            cJSON_AddItemToArray(rows[1], cJSON_CreateDoubleArray(s->y, (int)s->n));
        }
        break;
    case XR_CALIBRATE_DIRICHLET:
        rows[0] = cJSON_AddArrayToObject(json, "w");
        for (size_t c = 0; c < cal->k; c++)
            cJSON_AddItemToArray(
                rows[0],
                cJSON_CreateDoubleArray(cal->w + c * (cal->k + 1), (int)cal->k + 1));
        cJSON_AddNumberToObject(json, "ridge", XR_DIRICHLET_RIDGE);
        break;
    case XR_CALIBRATE_NONE:
        break;
    }
    return json;
}

cJSON *xr_calibration_json(const struct xr_calibration *cal, const char *const *classes)
{
    cJSON *json = cJSON_CreateObject();

    cJSON_AddStringToObject(json, "method", xr_calibration_name(cal->method));
    cJSON_AddItemToObject(json, "classes", cJSON_CreateStringArray(classes, (int)cal->k));
    cJSON_AddItemToObject(json, "parameters", parameters_of(cal));
    return json;
}

/* --- reading ---------------------------------------------------------------------- */

/* An array of exactly n finite numbers (n SIZE_MAX: of any number but 0); NULL if not. */
static double *numbers(size_t *count, const cJSON *array, size_t n, struct xr_err *err)
{
    size_t size = cJSON_IsArray(array) ? (size_t)cJSON_GetArraySize(array) : 0, i = 0;
    const cJSON *item;
    double *x;

    if (!size || (n != SIZE_MAX && size != n)) {
        xr_fail(err, "a list of numbers is missing or has another length");
        return NULL;
    }
    x = xr_alloc_array(size, sizeof *x, err);
    if (!x)
        return NULL;
    cJSON_ArrayForEach(item, array)
    {
        if (!cJSON_IsNumber(item) || !isfinite(item->valuedouble)) {
            xr_fail(err, "a parameter is no number");
            free(x);
            return NULL;
        }
        x[i++] = item->valuedouble;
    }
    *count = size;
    return x;
}

static int read_steps(struct xr_steps *s, const cJSON *x, const cJSON *y,
                      struct xr_err *err)
{
    size_t n;

    if (!(s->x = numbers(&s->n, x, SIZE_MAX, err)) || !(s->y = numbers(&n, y, s->n, err)))
        return -1;
    for (size_t i = 0; i < s->n; i++)
        if (s->y[i] < 0.0 || s->y[i] > 1.0 ||
            (i && (s->x[i] <= s->x[i - 1] || s->y[i] < s->y[i - 1])))
            return xr_fail(err, "the steps of an isotonic map do not rise from 0 to 1");
    return 0;
}

static const cJSON *member(const cJSON *json, const char *key)
{
    return cJSON_GetObjectItemCaseSensitive(json, key);
}

static int read_maps(struct xr_calibration *cal, const cJSON *p, struct xr_err *err)
{
    const cJSON *x = member(p, "x"), *y = member(p, "y");
    size_t n;

    if (cal->method == XR_CALIBRATE_PLATT) {
        cal->a = numbers(&n, member(p, "a"), cal->n_maps, err);
        cal->b = cal->a ? numbers(&n, member(p, "b"), cal->n_maps, err) : NULL;
        return cal->b ? 0 : -1;
    }
    if ((size_t)cJSON_GetArraySize(x) != cal->n_maps ||
        (size_t)cJSON_GetArraySize(y) != cal->n_maps)
        return xr_fail(err, "not one isotonic map for each class");
    cal->steps = xr_alloc_array(cal->n_maps, sizeof *cal->steps, err);
    if (!cal->steps)
        return -1;
    for (size_t i = 0; i < cal->n_maps; i++)
        if (read_steps(&cal->steps[i], cJSON_GetArrayItem(x, (int)i),
                       cJSON_GetArrayItem(y, (int)i), err))
            return -1;
    return 0;
}

static int read_parameters(struct xr_calibration *cal, const cJSON *p, struct xr_err *err)
{
    const cJSON *w = member(p, "w");
    size_t n;

    if (cal->method == XR_CALIBRATE_TEMPERATURE) {
        cal->temperature = xr_json_number(p, "temperature", NAN);
        return cal->temperature > 0.0 && isfinite(cal->temperature)
                   ? 0
                   : xr_fail(err, "the temperature is no number above 0");
    }
    if (cal->method != XR_CALIBRATE_DIRICHLET)
        return read_maps(cal, p, err);
    if ((size_t)cJSON_GetArraySize(w) != cal->k)
        return xr_fail(err, "not one row of weights for each class");
    cal->w = xr_alloc_array(cal->k * (cal->k + 1), sizeof *cal->w, err);
    for (size_t c = 0; cal->w && c < cal->k; c++) {
        double *row = numbers(&n, cJSON_GetArrayItem(w, (int)c), cal->k + 1, err);

        if (!row)
            return -1;
        memcpy(cal->w + c * (cal->k + 1), row, (cal->k + 1) * sizeof *row);
        free(row);
    }
    return cal->w ? 0 : -1;
}

static int read_classes(struct xr_calibration *cal, const cJSON *classes,
                        struct xr_err *err)
{
    int n = cJSON_GetArraySize(classes);
    const cJSON *item;
    size_t c = 0;

    if (n < 2 || n > XR_CALIBRATION_CLASSES)
        return xr_fail(err, "no list of 2 to %d classes", XR_CALIBRATION_CLASSES);
    cal->k = (size_t)n;
    cal->n_maps = n == 2 ? 1 : cal->k;
    cal->classes = xr_alloc_array(cal->k, sizeof *cal->classes, err);
    if (!cal->classes)
        return -1;
    cJSON_ArrayForEach(item, classes)
    {
        if (!cJSON_IsString(item))
            return xr_fail(err, "a class is no text");
        cal->classes[c] = xr_strdup(item->valuestring, err);
        if (!cal->classes[c++])
            return -1;
    }
    return 0;
}

int xr_calibration_read(struct xr_calibration *cal, const char *path, struct xr_err *err)
{
    cJSON *json;
    const cJSON *own;
    const char *method;
    int status = -1;

    *cal = (struct xr_calibration){.temperature = 1.0};
    json = xr_json_read(path, cal->digest, err);
    if (!json)
        return -1;
    own = member(json, "calibration");
    method = xr_json_text(own, "method", "");
    for (int m = XR_CALIBRATE_TEMPERATURE; m <= XR_CALIBRATE_DIRICHLET; m++)
        if (!strcmp(method, xr_calibration_name((enum xr_calibration_method)m)))
            cal->method = (enum xr_calibration_method)m;
    if (cal->method == XR_CALIBRATE_NONE)
        xr_fail(err, "this is no calibration of xr-metrics --calibration-out");
    else if (read_classes(cal, member(own, "classes"), err) == 0)
        status = read_parameters(cal, member(own, "parameters"), err);
    if (status) {
        xr_fail_in(err, "%s", xr_input_name(path));
        xr_calibration_free(cal);
    }
    cJSON_Delete(json);
    return status;
}
