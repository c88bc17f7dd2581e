/* Streams, models, arrays, JSON, YAML sections: round trips and hostile input. */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "config.h"
#include "json.h"
#include "model.h"
#include "rng.h"
#include "stream.h"
#include "tap.h"

static char dir[] = "/tmp/xr-formats-XXXXXX";

static const char *in_dir(const char *name)
{
    static char path[2][256];
    static int turn;

    turn = !turn;
    snprintf(path[turn], sizeof path[turn], "%s/%s", dir, name);
    return path[turn];
}

/* Without the sync and rename of xr_write_file: hundreds of files are written here. */
static int put_file(const char *path, const void *data, size_t size)
{
    FILE *f = fopen(path, "wb");
    int good = f && fwrite(data, 1, size, f) == size;

    return f && fclose(f) == 0 && good ? 0 : -1;
}

static void random_numbers(void)
{
    /* Random123's known answers for philox4x32-10 */
    uint32_t zero[4] = {0}, key0[2] = {0}, out[4];
    uint32_t ones[4] = {~0u, ~0u, ~0u, ~0u}, key1[2] = {~0u, ~0u};
    uint32_t pi[4] = {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344};
    uint32_t keypi[2] = {0xa4093822, 0x299f31d0};
    struct xr_rng a, b;
    double sum = 0, square = 0;

    xr_philox(out, zero, key0);
    ok(out[0] == 0x6627e8d5 && out[1] == 0xe169c58d && out[2] == 0xbc57ac4c &&
           out[3] == 0x9b00dbd8,
       "philox of zeros");
    xr_philox(out, ones, key1);
    ok(out[0] == 0x408f276d && out[1] == 0x41c83b0e && out[2] == 0xa20bc7c6 &&
           out[3] == 0x6d5451fd,
       "philox of ones");
    xr_philox(out, pi, keypi);
    ok(out[0] == 0xd16cfe09 && out[1] == 0x94fdcceb && out[2] == 0x5001e420 &&
           out[3] == 0x24126ea1,
       "philox of pi");
    xr_rng_init(&a, 7, 1, "IMG1", "clahe");
    xr_rng_init(&b, 7, 1, "IMG1", "elastic");
    ok(xr_rng_u64(&a) != xr_rng_u64(&b), "another purpose, other numbers");
    for (int i = 0; i < 100000; i++) {
        double v = xr_rng_normal(&a);

        sum += v;
        square += v * v;
    }
    near(sum / 1e5, 0, 0.015, "normal: mean");
    near(square / 1e5, 1, 0.02, "normal: variance");
}

static void fill_header(struct xr_stream_header *h, char **classes, int64_t *counts)
{
    memset(h, 0, sizeof *h);
    h->classes = classes;
    h->n_classes = 2;
    h->class_counts = counts;
    h->height = 4;
    h->width = 3;
    h->channels = 1;
    h->fold = -1;
    h->epochs = 1;
    h->records_per_epoch = 3;
    strcpy(h->fit, "squash");
    strcpy(h->interpolation, "bilinear");
    strcpy(h->split, "train");
}

static int write_stream(const char *path, int n)
{
    char *classes[] = {"normal", "tumor"};
    int64_t counts[] = {2, 1};
    struct xr_stream_header h;
    struct xr_writer *w = NULL;
    struct xr_err err = {0};
    int rc;

    fill_header(&h, classes, counts);
    rc = xr_writer_open(&w, path, &h, &err);
    for (int i = 0; !rc && i < n; i++) {
        struct xr_record r = {0};

        r.key = xr_sprintf(NULL, "0001/IMG%d", i);
        r.image = (struct xr_array){.dtype = XR_U8, .n_dims = 2, .shape = {4, 3}};
        rc = xr_array_alloc(&r.image, &err);
        memset(r.image.data, i, 12);
        r.label = i % 2;
        r.meta = cJSON_CreateObject();
        cJSON_AddNumberToObject(r.meta, "epoch", 1);
        rc = rc || xr_record_put(&r, "cam.npy", strdup("hello"), 5, &err) ||
             xr_writer_put(w, &r, &err);
        xr_record_free(&r);
    }
    rc = rc || xr_writer_finish(w, &err);
    xr_writer_close(w);
    if (rc)
        printf("# %s\n", err.text);
    return rc;
}

/* How a whole read ends: the number of records, or -1. */
static int read_stream(const char *path, struct xr_err *err)
{
    struct xr_reader *r = NULL;
    struct xr_record record = {0};
    int n = 0, got;

    if (xr_reader_open(&r, path, false, err))
        return -1;
    while ((got = xr_reader_next(r, &record, err)) > 0)
        n++;
    xr_record_free(&record);
    xr_reader_close(r);
    return got < 0 ? -1 : n;
}

static void streams(void)
{
    struct xr_err err = {0};
    struct xr_buf whole = {0}, again = {0}, two = {0};
    const char *end;
    size_t last, bad = 0, tried = 0;

    ok(!write_stream(in_dir("a.tar"), 3), "a stream is written");
    ok(read_stream(in_dir("a.tar"), &err) == 3, "three records come back");
    ok(!write_stream(in_dir("b.tar"), 3) &&
           !xr_read_file(&whole, in_dir("a.tar"), 1 << 20, NULL, &err) &&
           !xr_read_file(&again, in_dir("b.tar"), 1 << 20, NULL, &err) &&
           whole.size == again.size && !memcmp(whole.data, again.data, whole.size),
       "equal records are equal bytes");
    /* the last byte of the end member: its closing "}\n" */
    end = memmem(whole.data, whole.size, "\"records\"", 9);
    last = (size_t)((const char *)memchr(end, '\n', 4096) - whole.data);
    for (size_t cut = 0; cut <= last; cut += cut < 600 || cut > last - 600 ? 1 : 37) {
        tried++;
        if (put_file(in_dir("cut.tar"), whole.data, cut) ||
            read_stream(in_dir("cut.tar"), &err) != -1)
            bad++;
    }
    ok(!bad && tried > 600, "cut at any of %zu offsets, it fails (%zu did not)", tried,
       bad);
    ok(!xr_write_file(in_dir("cut.tar"), whole.data, last + 1, 0, &err) &&
           read_stream(in_dir("cut.tar"), &err) == 3,
       "missing zero blocks behind the end are accepted");
    for (size_t i = bad = 0; i < last; i += 211) {
        struct xr_buf hurt = {0};

        if (xr_buf_put(&hurt, whole.data, whole.size, &err))
            break;
        hurt.data[i] ^= 0x20;
        /* times, names of owners and padding carry nothing: a reader may let them pass */
        if (!put_file(in_dir("hurt.tar"), hurt.data, hurt.size) &&
            read_stream(in_dir("hurt.tar"), &err) > 3)
            bad++;
        xr_buf_free(&hurt);
    }
    ok(!bad, "a changed byte never adds a record");
    ok(!xr_buf_put(&two, whole.data, whole.size, &err) &&
           !xr_buf_put(&two, again.data, again.size, &err) &&
           !xr_write_file(in_dir("two.tar"), two.data, two.size, 0, &err) &&
           read_stream(in_dir("two.tar"), &err) == 6,
       "cat a.tar b.tar is a stream of both");
    ok(!xr_write_file(in_dir("none.tar"), "", 0, 0, &err) &&
           read_stream(in_dir("none.tar"), &err) == -1 && strstr(err.text, "empty input"),
       "an empty input says so");
    xr_buf_free(&whole);
    xr_buf_free(&again);
    xr_buf_free(&two);
}

static void arrays(void)
{
    struct xr_array a = {.dtype = XR_F32, .n_dims = 2, .shape = {2, 3}}, b;
    struct xr_buf buf = {0};
    struct xr_err err = {0};
    int bad = 0;

    if (xr_array_alloc(&a, &err) || xr_npy_format(&buf, &a, &err))
        bad = 1;
    ok(!bad && buf.size == 128 + 24, "a .npy header is one block of 128");
    ok(!xr_npy_parse(&b, buf.data, buf.size, &err) && b.n_dims == 2 && b.shape[1] == 3,
       "npy round trip");
    xr_array_free(&b);
    for (size_t n = 0; n < buf.size; n++) {
        if (!xr_npy_parse(&b, buf.data, n, &err)) {
            bad++;
            xr_array_free(&b);
        }
    }
    ok(!bad, "a cut .npy is refused");
    a.shape[0] = SIZE_MAX / 2;
    ok(xr_array_bytes(&a) == SIZE_MAX, "too many elements overflow to SIZE_MAX");
    a.shape[0] = 2;
    xr_array_free(&a);
    xr_buf_free(&buf);
}

static int open_text(const char *header, size_t data, struct xr_err *err)
{
    struct xr_buf buf = {0};
    struct xr_model model;
    uint64_t n = strlen(header);
    char zeros[64] = {0};
    int rc = xr_buf_put(&buf, &n, 8, err) || xr_buf_text(&buf, header, err) ||
             xr_buf_put(&buf, zeros, data, err) ||
             xr_write_file(in_dir("m.safetensors"), buf.data, buf.size, 0, err);

    xr_buf_free(&buf);
    rc = rc || xr_model_open(&model, in_dir("m.safetensors"), err);
    if (!rc)
        xr_model_close(&model);
    return rc;
}

static void models(void)
{
    static const float values[6] = {1, 2, 3, 4, 5, 6};
    struct xr_tensor t[2] = {
        {"conv.weight",
         {.dtype = XR_F32, .n_dims = 2, .shape = {2, 2}, .data = (void *)values}},
        {"bn.bias",
         {.dtype = XR_F32, .n_dims = 1, .shape = {2}, .data = (void *)(values + 4)}}};
    cJSON *meta = cJSON_CreateObject();
    struct xr_model model;
    struct xr_err err = {0};
    struct xr_out *out = NULL;
    float back[4] = {0};

    cJSON_AddStringToObject(meta, "architecture", "resnet18");
    cJSON_AddItemToObject(meta, "classes", cJSON_Parse("[\"normal\", \"benign\"]"));
    ok(!xr_out_open(&out, in_dir("m.safetensors"), 0, &err) &&
           !xr_model_write(out, t, 2, meta, &err) && !xr_out_finish(out, &err),
       "a model is written");
    xr_out_close(out);
    ok(!xr_model_open(&model, in_dir("m.safetensors"), &err) && model.n_tensors == 2 &&
           !strcmp(model.tensors[1].name, "bn.bias") &&
           !xr_tensor_f32(back, &model.tensors[0], &err) && back[3] == 4,
       "and read back in order");
    xr_model_close(&model);
    cJSON_Delete(meta);
    ok(open_text("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 8,
                 &err) == 0,
       "a small file by hand");
    ok(open_text("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 7,
                 &err),
       "cut data are refused: %s", err.text);
    ok(open_text("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 12,
                 &err),
       "bytes behind the data are refused: %s", err.text);
    ok(open_text("{\"a\":{\"dtype\":\"F32\",\"shape\":[3],\"data_offsets\":[0,8]}}", 8,
                 &err),
       "a wrong shape is refused: %s", err.text);
    ok(open_text("{\"a\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296],"
                 "\"data_offsets\":[0,8]}}",
                 8, &err),
       "an overflow is refused: %s", err.text);
    ok(open_text("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
                 "\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}",
                 4, &err),
       "an overlap is refused: %s", err.text);
    ok(open_text("{\"a\":{\"dtype\":\"Q4\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4,
                 &err),
       "an unknown type is refused: %s", err.text);
    ok(!xr_write_file(in_dir("m.pth"), "PK\3\4xxxxxxxxxxxx", 16, 0, &err) &&
           xr_model_open(&model, in_dir("m.pth"), &err) && strstr(err.text, "convert"),
       "a pickle says how to convert it");
    ok(!xr_write_file(in_dir("m.bin"), "\x80\2\x8a\x0a\x6c\xfc\x9c\x46\xf9 j", 11, 0,
                      &err) &&
           xr_model_open(&model, in_dir("m.bin"), &err) &&
           strstr(err.text, "save_file") && !strchr(err.text, '\n'),
       "so does an old one: %s", err.text);
}

/* Values of half the bytes, with the ends of their ranges. */
static void halves(void)
{
    static const uint16_t f16[] = {0x3E00, 0xC000, 0x0001, 0x7BFF, 0xFC00, 0x83FF};
    static const float f16_is[] = {1.5f,     -2.0f,     0x1p-24f,
                                   65504.0f, -INFINITY, -0x1.FF8p-15f};
    static const uint16_t bf16[] = {0x3FC0, 0xC000, 0x0001, 0x7F7F, 0xFF80, 0x8080};
    static const float bf16_is[] = {1.5f,        -2.0f,     0x1p-133f,
                                    0x1.FEp127f, -INFINITY, -0x1p-126f};
    struct xr_tensor t = {"w", {.n_dims = 1, .shape = {6}}};
    float v[6];
    struct xr_err err = {0};

    t.array.dtype = XR_F16;
    t.array.data = (void *)(uintptr_t)f16;
    ok(!xr_tensor_f32(v, &t, &err) && !memcmp(v, f16_is, sizeof v), "float16 values");
    t.array.dtype = XR_BF16;
    t.array.data = (void *)(uintptr_t)bf16;
    ok(!xr_tensor_f32(v, &t, &err) && !memcmp(v, bf16_is, sizeof v), "bfloat16 values");
}

static void json_and_yaml(void)
{
    static const char yaml[] = "train:\n  epochs: 3\n"
                               "augment:\n  size: 224\n  transform:\n"
                               "    - hflip\n    - clahe: {clip: 2, p: .5}\n"
                               "    - {name: elastic, alpha: 4}\n";
    struct xr_config config;
    struct xr_err err = {0};
    struct xr_buf buf = {0};
    cJSON *json =
        cJSON_Parse("{\"a\":0.1,\"b\":[1,2.5],\"c\":\"q\\\"\\u0001\\n\",\"d\":1e300}");

    ok(!xr_json_line(&buf, json, &err) &&
           !strcmp(buf.data, "{\"a\": 0.1, \"b\": [1, 2.5], \"c\": \"q\\\"\\u0001\\n\", "
                             "\"d\": 1e+300}"),
       "JSON text");
    xr_buf_free(&buf);
    cJSON_Delete(json);
    ok(!xr_json_parse("{\"a\":\n 1,}", 10, "x.json", &err) &&
           strstr(err.text, "x.json:2"),
       "JSON errors name the line: %s", err.text);
    ok(!xr_write_file(in_dir("c.yaml"), yaml, strlen(yaml), 0, &err) &&
           !xr_config_read(&config, in_dir("c.yaml"), "augment", &err) && config.n == 4 &&
           !strcmp(config.items[2].value, "clahe(clip=2,p=.5)") &&
           !strcmp(config.items[3].value, "elastic(alpha=4)"),
       "a YAML section with calls");
    xr_config_free(&config);
    ok(!xr_write_file(in_dir("c.yaml"), "augment:\n  a: 1\n  a: 2\n", 23, 0, &err) &&
           xr_config_read(&config, in_dir("c.yaml"), "augment", &err) &&
           strstr(err.text, "c.yaml:3"),
       "a key that stands twice is refused: %s", err.text);
}

int main(void)
{
    char command[300];

    if (!mkdtemp(dir))
        return 1;
    random_numbers();
    arrays();
    streams();
    models();
    halves();
    json_and_yaml();
    snprintf(command, sizeof command, "rm -rf %s", dir);
    ok(system(command) == 0, "clean up");
    return tap_done();
}
