/* Numbers of cases, against statsmodels and Hanley and McNeil's example; the ledger under
 * many writers. */
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "json.h"
#include "ledger.h"
#include "power_reference.h"
#include "stats_power.h"
#include "tap.h"

static void test_proportions(void)
{
    int good[2] = {1, 1};

    for (size_t i = 0; i < sizeof proportions / sizeof *proportions; i++) {
        for (int wilson = 0; wilson < 2; wilson++) {
            uint64_t want = wilson ? proportions[i].wilson : proportions[i].normal;
            uint64_t got =
                xr_power_proportion(proportions[i].p, proportions[i].half_width,
                                    proportions[i].confidence, wilson);

            if (got != want)
                printf("# %g: got %llu, want %llu\n", proportions[i].p,
                       (unsigned long long)got, (unsigned long long)want);
            good[wilson] = good[wilson] && got == want;
        }
    }
    ok(good[0], "normal intervals of proportions");
    ok(good[1], "Wilson's intervals of proportions");
    ok(xr_power_proportion(1, 0.05, 0.95, true) > 1 &&
           xr_power_proportion(0.5, 1e-9, 0.95, false) == 0,
       "a proportion of 1 needs cases too; too many are none");
}

static void test_areas(void)
{
    int good = 1;
    uint64_t pos, neg, n;

    near(sqrt(xr_auc_variance(0.893, 51, 58)), 0.0325, 5e-5,
         "the standard error of Hanley and McNeil's example");
    for (size_t i = 0; i < sizeof areas / sizeof *areas; i++) {
        double p = areas[i].prevalence;

        n = xr_power_auc(&pos, &neg, areas[i].auc, p, areas[i].half_width,
                         areas[i].confidence);
        if (pos != ceil(areas[i].n * p - 1e-6) ||
            neg != ceil(areas[i].n * (1 - p) - 1e-6) || n != pos + neg) {
            printf("# %g: got %llu, want %u\n", areas[i].auc, (unsigned long long)n,
                   areas[i].n);
            good = 0;
        }
    }
    ok(good, "numbers for areas");
    /* z = 1.959964, so n = 3.841459 (0.02 / 0.25 + 0.06 / 0.75) / 0.01 = 61.46 */
    n = xr_power_components(&pos, &neg, 0.02, 0.06, 0.25, 0.1, 0.95);
    ok(n == 63 && pos == 16 && neg == 47, "numbers from components");
}

/* 8 processes with 25 looks each. */
static void test_ledger(void)
{
    static const char *const twice[2][3] = {{"b", "a", "c"}, {"c", "b", "a"}};
    char path[] = "/tmp/xr-ledger-XXXXXX", digest[2][XR_SHA256_TEXT];
    struct xr_err err;
    struct xr_buf buf = {0};
    cJSON *entry = cJSON_CreateObject();
    unsigned seen[201] = {0};
    int fd = mkstemp(path), good = 1;
    size_t lines = 0;
    uint64_t look;

    for (int i = 0; i < 2; i++) {
        const char *texts[3];

        memcpy(texts, twice[i], sizeof texts);
        good = good && !xr_ledger_set(digest[i], texts, 3, &err);
    }
    ok(good && !strcmp(digest[0], digest[1]), "the order of rows does not matter");
    close(fd);
    cJSON_AddStringToObject(entry, "test_set", "x");
    for (int i = 0; i < 8; i++) {
        if (fork() == 0) {
            int bad = 0;

            for (int k = 0; k < 25; k++)
                bad |= xr_ledger_look(&look, path, entry, &err);
            _exit(bad ? 1 : 0);
        }
    }
    for (int i = 0, status; i < 8; i++)
        good = wait(&status) > 0 && status == 0 && good;
    ok(good, "8 writers at once");
    good = !xr_read_file(&buf, path, 1 << 20, NULL, &err);
    for (char *p = buf.data, *end; good && (end = strchr(p, '\n')); p = end + 1) {
        cJSON *json = cJSON_ParseWithLength(p, (size_t)(end - p));
        double n = xr_json_number(json, "look", 0);

        if (n >= 1 && n <= 200)
            seen[(int)n]++;
        lines++;
        cJSON_Delete(json);
    }
    for (int i = 1; i <= 200; i++)
        good = good && seen[i] == 1;
    ok(good && lines == 200, "every look has its own number");
    cJSON_ReplaceItemInObject(entry, "test_set", cJSON_CreateString("y"));
    ok(!xr_ledger_look(&look, path, entry, &err) && look == 1, "another test set");
    if (truncate(path, (off_t)buf.size - 3))
        ok(0, "truncate");
    ok(xr_ledger_look(&look, path, entry, &err) && strstr(err.text, ":200: the last"),
       "a line that is cut is refused");
    ok(!xr_write_file(path, "{}\n", 3, 0, &err) &&
           xr_ledger_look(&look, path, entry, &err) && strstr(err.text, ":1: not a line"),
       "a file that is no ledger is refused");
    ok(xr_ledger_look(&look, "/dev/full", entry, &err) &&
           xr_ledger_look(&look, "/nonexistent/x", entry, &err),
       "neither a device nor a missing folder");
    unlink(path);
    xr_buf_free(&buf);
    cJSON_Delete(entry);
}

int main(void)
{
    test_proportions();
    test_areas();
    test_ledger();
    return tap_done();
}
