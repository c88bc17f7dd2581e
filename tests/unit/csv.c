/* xr-csv(5): what is read, what is refused with which line, what is written, keys. */
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"
#include "csv.h"
#include "json.h"
#include "tap.h"

static char folder[] = "/tmp/xr-csv-XXXXXX";
static char file[64];

static void put(const char *text, size_t size)
{
    struct xr_err err = {0};

    if (xr_write_file(file, text, size, 0, &err)) {
        printf("Bail out! %s\n", err.text);
        exit(1);
    }
}

/* text is refused, and the message behind "FILE" begins so */
static void refused(const char *text, size_t size, const char *want)
{
    struct xr_table t;
    struct xr_err err = {0};
    const char *got;
    int rc;

    put(text, size);
    rc = xr_table_read(&t, file, &err);
    got = !strncmp(err.text, file, strlen(file)) ? err.text + strlen(file) : "";
    if (!ok(rc == -1 && !strncmp(got, want, strlen(want)), "refused%s", want))
        printf("# rc %d, '%s'\n", rc, err.text);
    if (rc == 0)
        xr_table_free(&t);
}

#define REFUSED(text, want) refused(text, sizeof text - 1, want)

/* the cells of text, row by row, joined by '|' and '/' */
static void reads(const char *text, const char *want, const char *what)
{
    struct xr_table t;
    struct xr_err err = {0};
    struct xr_buf got = {0};
    int rc;

    put(text, strlen(text));
    rc = xr_table_read(&t, file, &err);
    for (size_t c = 0; rc == 0 && c < t.n_cols; c++)
        rc = xr_buf_printf(&got, &err, "%s%s", c ? "|" : "", t.names[c]);
    for (size_t r = 0; rc == 0 && r < t.n_rows; r++) {
        for (size_t c = 0; rc == 0 && c < t.n_cols; c++)
            rc = xr_buf_printf(&got, &err, "%c%s", c ? '|' : '/', xr_cell(&t, r, c));
    }
    if (!ok(rc == 0 && !strcmp(got.data, want), "%s", what))
        printf("# got '%s', want '%s' %s\n", got.data ? got.data : "", want, err.text);
    xr_buf_free(&got);
    xr_table_free(&t);
}

static void test_reading(void)
{
    struct xr_table t;
    struct xr_err err = {0};

    reads("a,b\n1,2\n", "a|b/1|2", "a plain table");
    reads("a,b\r\n1,2\r\n", "a|b/1|2", "CRLF");
    reads("\xef\xbb\xbf"
          "a,b\n1,2",
          "a|b/1|2", "a byte-order mark, no last line end");
    reads("a,b\n\"x,\"\"y\"\"\",\"two\nlines\"\n", "a|b/x,\"y\"|two\nlines", "quotes");
    reads("\"a\",b\n\"\",\"\"\"\"\n", "a|b/|\"", "quoted name, empty and quote alone");
    reads("a,b\n,\n1,", "a|b/|/1|", "empty cells");
    reads("a\nx\n\ny\n", "a/x//y", "an empty line in a table of one column is a cell");
    reads("a,b\n", "a|b", "no rows");
    reads("a\n\"x\r\ny\"\r\n", "a/x\r\ny", "CRLF inside quotes stays");
    reads("a\n\xc3\xa9\xe2\x82\xac\xf0\x9f\xa6\xb4\n",
          "a/\xc3\xa9\xe2\x82\xac\xf0\x9f\xa6\xb4", "UTF-8 of 2, 3 and 4 bytes");

    put("a\n\"1\n2\"\n3\n", 10);
    ok(!xr_table_read(&t, file, &err) && t.n_rows == 2 && t.lines[0] == 2 &&
           t.lines[1] == 4,
       "lines are counted inside quotes");
    ok(!strncmp(t.digest, "sha256:", 7), "the digest of the input");
    ok(xr_table_col(&t, "a") == 0 && xr_table_col(&t, "A") == -1, "columns by name");
    xr_table_free(&t);

    REFUSED("", ": empty input: did the previous command fail?");
    REFUSED("\xef\xbb\xbf", ": empty input");
    REFUSED("\n", ":1: no header line");
    REFUSED("a,a\n", ":1: two columns named 'a'");
    REFUSED(",a\n", ":1: column 1 has no name");
    REFUSED("a,\n", ":1: column 2 has no name");
    REFUSED("a,b\n1\n", ":2: 1 field where the header has 2");
    REFUSED("a,b\n1,2\n1,2,3\n", ":3: 3 fields where the header has 2");
    REFUSED("a,b\n1,2\n\n", ":3: an empty line");
    REFUSED("a\n\"x\n", ":2: a quoted field is still open");
    REFUSED("a\n\"x\"\"", ":2: a quoted field is still open");
    REFUSED("a\n\"x\"y\n", ":2: text behind a closing quote");
    REFUSED("a\nx\"\n", ":2: a quote inside a field");
    REFUSED("a\rb\r", ":1: a carriage return");
    REFUSED("a\nx\0y\n", ":2: a NUL byte");
    REFUSED("a\nxxxxxxxxxxxxxxx\nabcdefg\xe9\n", ":3: not UTF-8 (byte 0xe9)");
    REFUSED("a\n\xc0\x80\n", ":2: not UTF-8");
    REFUSED("a\n\xed\xa0\x80\n", ":2: not UTF-8");
    REFUSED("a\n\xf4\x90\x80\x80\n", ":2: not UTF-8");
    REFUSED("a\n\xe2\x82", ":2: not UTF-8");
    REFUSED("\xff\xfe"
            "a\0",
            ":1: not UTF-8");
    ok(xr_table_read(&t, folder, &err) == -1, "a folder is refused");
}

/* Every byte of a table made something else or cut: read or refused, never worse (SAN=1).
 */
static void test_damage(void)
{
    static const char text[] = "\xef\xbb\xbf"
                               "a,\"b\"\r\n\"x,\"\"y\"\"\",\"two\nlines\"\r\n\xc3\xa9,z";
    static const char bytes[] = "\"\r\n,\0\xff";
    char copy[sizeof text];
    int n_ok = 0;

    for (size_t i = 0; i < sizeof text; i++) {
        for (size_t j = 0; j < sizeof bytes; j++) {
            struct xr_table t;
            struct xr_err err = {0};

            memcpy(copy, text, sizeof text);
            if (i < sizeof text - 1)
                copy[i] = bytes[j];
            put(copy, j == sizeof bytes - 1 ? i : sizeof text - 1);
            if (xr_table_read(&t, file, &err) == 0) {
                n_ok++;
                xr_table_free(&t);
            }
        }
    }
    ok(n_ok > 0, "damaged tables: %d still read", n_ok);
}

static void test_writing(void)
{
    static const char *const cells[] = {"",     "a",   "a,b", "say \"no\"",
                                        "1\n2", " x ", "\r",  "\xc3\xa9"};
    static const char want[] =
        ",a,\"a,b\",\"say \"\"no\"\"\",\"1\n2\", x ,\"\r\",\xc3\xa9\n";
    struct xr_out *out = NULL;
    struct xr_buf buf = {0}, mem = {0};
    struct xr_err err = {0};
    int rc = xr_out_open(&out, file, 0, &err);

    for (size_t i = 0; i < 8 && !rc; i++)
        rc = xr_csv_field(out, i == 0, cells[i], &err) ||
             xr_csv_put(&mem, i == 0, cells[i], &err);
    rc = rc || xr_csv_end(out, &err) || xr_out_finish(out, &err) ||
         xr_buf_text(&mem, "\n", &err);
    xr_out_close(out);
    rc = rc || xr_read_file(&buf, file, 1000, NULL, &err);
    ok(!rc && !strcmp(buf.data, want), "fields are quoted only where they must be");
    ok(!rc && !strcmp(mem.data, want), "and so in memory");
    xr_buf_free(&buf);
    xr_buf_free(&mem);
}

static void key(const char *path, const char *rule, const char *want)
{
    struct xr_err err = {0};
    char *got;
    int rc = xr_key_of(&got, path, rule, &err);

    if (!ok(want ? !rc && !strcmp(got, want) : rc == -1, "key of '%s'%s%s: %s", path,
            rule ? " with " : "", rule ? rule : "", want ? want : "refused"))
        printf("# %s\n", rc ? err.text : got);
    if (!rc)
        free(got);
}

static void test_keys(void)
{
    key("images/IMG1.jpeg", NULL, "IMG1");
    key("IMG1.JPG", NULL, "IMG1");
    key("a/b/c.nii.gz", NULL, "c");
    key("IMG1", NULL, "IMG1");
    key("a b,c.png", NULL, "a b,c");
    key("a.png.jpg", NULL, NULL);
    key("1.2.3.dcm", NULL, NULL);
    key("1.2.3.dcm", ".=_", "1_2_3");
    key("1.2.3.dcm", ".=", "123");
    key("a=b.png", "==-", "a-b");
    key(".jpg", NULL, NULL);
    key("a/", NULL, NULL);
    key("", NULL, NULL);
    key("a.gif", NULL, NULL);
    key("a\tb.png", NULL, NULL);
    key("a.png", "a=", NULL);
    key("a.png", "a=x/y", NULL);
    key("a.png", "a", NULL);
    key("a.png", "", NULL);
}

static void test_reference(void)
{
    const char *shared = tap_shared();
    struct xr_table t = {0};
    struct xr_err err = {0};
    char path[4200];
    cJSON *want, *row, *cell;
    size_t r = 0, bad = 0;

    if (!shared) {
        tap_skip("the awkward table", "no reference data");
        return;
    }
    snprintf(path, sizeof path, "%s/golden/split/awkward.expected.json", shared);
    want = xr_json_read(path, NULL, &err);
    snprintf(path, sizeof path, "%s/golden/split/awkward.csv", shared);
    if (!ok(want && !xr_table_read(&t, path, &err), "awkward.csv is read")) {
        cJSON_Delete(want);
        return;
    }
    cJSON_ArrayForEach(row, cJSON_GetObjectItemCaseSensitive(want, "rows"))
    {
        size_t c = 0;

        cJSON_ArrayForEach(cell, row)
        {
            bad += r >= t.n_rows || c >= t.n_cols ||
                   strcmp(xr_cell(&t, r, c), cell->valuestring);
            c++;
        }
        r++;
    }
    ok(r == 4 && t.n_rows == 4 && t.n_cols == 3 && !bad, "every cell of awkward.csv");
    cJSON_Delete(want);
    xr_table_free(&t);
    snprintf(path, sizeof path, "%s/data/mixed/metadata_original_latin1.csv", shared);
    ok(xr_table_read(&t, path, &err) == -1 && strstr(err.text, "csv:9: not UTF-8"),
       "a Latin-1 table is refused with its line");
}

int main(void)
{
    if (!mkdtemp(folder)) {
        printf("Bail out! no temporary folder\n");
        return 1;
    }
    snprintf(file, sizeof file, "%s/t.csv", folder);
    test_reading();
    test_damage();
    test_writing();
    test_keys();
    test_reference();
    unlink(file);
    rmdir(folder);
    return tap_done();
}
