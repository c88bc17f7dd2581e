/*
 * Event files of TensorBoard: checksums against the vectors of RFC 3720, whole files
 * against the bytes of TensorBoard's own writer, and what is refused.
 */
#include "tensorboard.h"

#include <string.h>
#include <unistd.h>

#include "tensorboard_reference.h"

#include "tap.h"

static void parse(struct xr_table *t, const char *text)
{
    struct xr_buf buf = {0};
    struct xr_err err = {0};

    if (xr_buf_text(&buf, text, &err) || xr_table_parse(t, &buf, "log.csv", &err)) {
        printf("Bail out! %s\n", err.text);
        exit(1);
    }
}

static void checksums(void)
{
    unsigned char zeros[32] = {0}, ones[32], up[32];

    memset(ones, 255, sizeof ones);
    for (int i = 0; i < 32; i++)
        up[i] = (unsigned char)i;
    /* RFC 3720, B.4 (there in little-endian order) */
    ok(xr_crc32c(0, zeros, 32) == 0x8a9136aa, "CRC-32C of 32 zeros");
    ok(xr_crc32c(0, ones, 32) == 0x62a8ab43, "CRC-32C of 32 bytes of ones");
    ok(xr_crc32c(0, up, 32) == 0x46dd794e, "CRC-32C of 0 to 31");
    ok(xr_crc32c(0, "123456789", 9) == 0xe3069283, "CRC-32C of 123456789");
    ok(xr_crc32c(xr_crc32c(0, up, 7), up + 7, 25) == xr_crc32c(0, up, 32),
       "a CRC goes on where it was");
    ok(xr_crc32c_masked("123456789", 9) ==
           (uint32_t)((0xe3069283u >> 15 | 0xe3069283u << 17) + 0xa282ead8u),
       "masked");
}

static void whole(const char *split, const unsigned char *want, size_t size)
{
    struct xr_table t;
    struct xr_buf buf = {0};
    struct xr_err err = {0};
    size_t same = 0;

    parse(&t, log_text);
    if (!ok(!xr_tensorboard_events(&buf, &t, split, &err), "events of %s",
            split ? split : "all rows"))
        printf("# %s\n", err.text);
    while (same < buf.size && same < size && (unsigned char)buf.data[same] == want[same])
        same++;
    ok(buf.size == size && same == size,
       "the bytes of TensorBoard's writer for %s (%zu; differ at %zu)",
       split ? split : "all rows", size, same);
    xr_buf_free(&buf);
    xr_table_free(&t);
}

static void refused(const char *text, const char *why)
{
    struct xr_table t;
    struct xr_buf buf = {0};
    struct xr_err err = {0};

    parse(&t, text);
    if (!ok(xr_tensorboard_events(&buf, &t, "train", &err) && !strcmp(err.text, why),
            "refused: %s", why))
        printf("# got %s\n", err.text);
    xr_buf_free(&buf);
    xr_table_free(&t);
}

static void folders(void)
{
    char dir[] = "/tmp/xr-tensorboard-XXXXXX", path[200];
    const char *const made[] = {"train/events.out.tfevents.0.xr-plot",
                                "val/events.out.tfevents.0.xr-plot", "train", "val", ""};
    struct xr_table t;
    struct xr_err err = {0};
    bool all = true;

    if (!mkdtemp(dir)) {
        printf("Bail out! no temporary folder\n");
        exit(1);
    }
    parse(&t, log_text);
    for (int twice = 0; twice < 2; twice++)
        ok(!xr_tensorboard_write(dir, &t, &err), "files of a log, %s",
           twice ? "again" : "made");
    xr_table_free(&t);
    parse(&t, "epoch,split,loss\n1,../out,0.5\n");
    ok(xr_tensorboard_write(dir, &t, &err) &&
           !strcmp(err.text, "log.csv:2: column 'split': '../out' cannot name a folder"),
       "a split that is no name of a folder");
    xr_table_free(&t);
    for (size_t i = 0; i < sizeof made / sizeof *made; i++) {
        snprintf(path, sizeof path, "%s/%s", dir, made[i]);
        all &= (i < 2 ? unlink(path) : rmdir(path)) == 0;
    }
    ok(all, "these files and no others");
}

int main(void)
{
    checksums();
    whole("train", train_bytes, sizeof train_bytes);
    whole("val", val_bytes, sizeof val_bytes);
    whole(NULL, all_bytes, sizeof all_bytes);
    refused("step,split,loss\n1,train,2\n", "log.csv:1: no column 'epoch'");
    refused("epoch,loss\n1,2\n", "log.csv:1: no column 'split'");
    refused("epoch,split,loss\n1,val,2\nx,train,2\n",
            "log.csv:3: column 'epoch': 'x': not a whole number from 0 to "
            "9223372036854775807");
    refused("epoch,split,loss,time\n1,train,2,noon\n",
            "log.csv:2: column 'time': 'noon': not a time");
    folders();
    return tap_done();
}
