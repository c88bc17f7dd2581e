/*
 * What dicom_file.cc is where DCMTK or a C++ compiler is missing: every call says so.
 */
#ifndef XR_DICOM_ABSENT_H
#define XR_DICOM_ABSENT_H

#include "dicom.h"

static int absent(struct xr_err *err)
{
    return xr_fail(err, "a DICOM file: this program was built without DCMTK");
}

int xr_dicom_open(struct xr_dicom_file **file, const void *data, size_t size, bool head,
                  struct xr_err *err)
{
    (void)data, (void)size, (void)head;
    *file = NULL;
    return absent(err);
}

void xr_dicom_close(struct xr_dicom_file *file)
{
    (void)file;
}

int xr_dicom_describe(struct xr_dicom *dicom, struct xr_dicom_file *file, size_t frame,
                      struct xr_err *err)
{
    (void)dicom, (void)file, (void)frame;
    return absent(err);
}

int xr_dicom_native(const unsigned char **data, size_t *size, struct xr_dicom_file *file,
                    struct xr_err *err)
{
    (void)data, (void)size, (void)file;
    return absent(err);
}

int xr_dicom_fragments(struct xr_buf *bytes, uint32_t *first, struct xr_dicom_file *file,
                       size_t frame, size_t frames, struct xr_err *err)
{
    (void)bytes, (void)first, (void)file, (void)frame, (void)frames;
    return absent(err);
}

int xr_dicom_codec(void *out, size_t size, struct xr_dicom_file *file, size_t frame,
                   uint32_t first, struct xr_err *err)
{
    (void)out, (void)size, (void)file, (void)frame, (void)first;
    return absent(err);
}

#endif
