/*
 * A file in memory for DCMTK that trusts nothing it says: long values are only pointed
 * to, never allocated by their promised length; nesting that eats the stack ends the
 * file. C++, private to dicom_file.cc; the bytes must outlive what is read from them.
 */
#ifndef XR_DICOM_STREAM_H
#define XR_DICOM_STREAM_H

#include <cstring>

#include <dcmtk/config/osconfig.h>
#include <dcmtk/dcmdata/dcdeftag.h>
#include <dcmtk/dcmdata/dcfilefo.h>
#include <dcmtk/dcmdata/dcistrmb.h>

#include <zlib.h>

#include "dicom.h"

#define XR_DICOM_LOADED 65536 /* bytes: values up to this are loaded at once */
#define XR_DICOM_UNPACKED ((size_t)1 << 30)
#define XR_DICOM_STACK (1L << 20) /* bytes of stack for sequences in sequences */

/* Where a long value stands, for later. */
class xr_memory_factory : public DcmInputStreamFactory
{
  public:
    xr_memory_factory(const char *data, offile_off_t size) : data_(data), size_(size)
    {
    }
    DcmInputStream *create() const override
    {
        DcmInputBufferStream *stream = new DcmInputBufferStream();

        stream->setBuffer(data_, size_);
        stream->setEos();
        return stream;
    }
    DcmInputStreamFactory *clone() const override
    {
        return new xr_memory_factory(data_, size_);
    }
    DcmInputStreamFactoryType ident() const override
    {
        return DFT_DcmInputFileStreamFactory;
    }

  private:
    const char *data_;
    offile_off_t size_;
};

class xr_memory_stream : public DcmInputBufferStream
{
  public:
    xr_memory_stream(const void *data, size_t size)
        : data_(static_cast<const char *>(data)), size_((offile_off_t)size),
          stack_(static_cast<const char *>(__builtin_frame_address(0)))
    {
        setBuffer(data, size_);
        setEos();
    }
    DcmInputStreamFactory *newFactory() const override
    {
        return new xr_memory_factory(data_ + tell(), size_ - tell());
    }
    OFCondition status() const override
    {
        return deep() ? EC_CorruptedData : DcmInputBufferStream::status();
    }
    offile_off_t read(void *buf, offile_off_t n) override
    {
        return deep() ? 0 : DcmInputBufferStream::read(buf, n);
    }

  private:
    bool deep() const
    {
        long used = stack_ - static_cast<const char *>(__builtin_frame_address(0));

        return used > XR_DICOM_STACK || used < -XR_DICOM_STACK;
    }
    const char *data_;
    offile_off_t size_;
    const char *stack_; /* where reading began */
};

/* Where the file meta information ends, by its group length; 0: nobody knows. */
inline size_t xr_dicom_end_of_meta(const unsigned char *data, size_t size)
{
    static const unsigned char length[8] = {2, 0, 0, 0, 'U', 'L', 4, 0};
    size_t n;

    if (size < 144 || memcmp(data + 132, length, 8) != 0)
        return 0;
    n = (size_t)data[143] << 24 | (size_t)data[142] << 16 | (size_t)data[141] << 8 |
        data[140];
    return n <= size - 144 ? 144 + n : 0;
}

/* A deflated dataset, unpacked here: DCMTK would believe the lengths in it. */
inline int xr_dicom_unpack(xr_buf *buf, const unsigned char *data, size_t size,
                           xr_err *err)
{
    z_stream z = {};
    int rc = inflateInit2(&z, -MAX_WBITS);

    z.next_in = const_cast<unsigned char *>(data);
    z.avail_in = (uInt)size; /* files are at most 1 GiB */
    while (rc == Z_OK) {
        if (buf->size > XR_DICOM_UNPACKED || xr_buf_reserve(buf, 1 << 16, err)) {
            rc = Z_MEM_ERROR;
            break;
        }
        z.next_out = (unsigned char *)buf->data + buf->size;
        z.avail_out = 1 << 16;
        rc = inflate(&z, Z_NO_FLUSH);
        buf->size += (1 << 16) - z.avail_out;
    }
    inflateEnd(&z);
    return rc == Z_STREAM_END
               ? 0
               : xr_fail(err, "damaged DICOM file: its deflated data %s",
                         rc == Z_MEM_ERROR ? "are too large" : "end early");
}

inline OFCondition xr_dicom_read(DcmObject *to, xr_memory_stream &stream,
                                 E_TransferSyntax syntax, bool head)
{
    DcmFileFormat *format = dynamic_cast<DcmFileFormat *>(to);
    DcmDataset *set = dynamic_cast<DcmDataset *>(to);
    OFCondition rc;

    to->transferInit();
    if (head)
        rc = format ? format->readUntilTag(stream, syntax, EGL_noChange, XR_DICOM_LOADED,
                                           DCM_PixelData)
                    : set->readUntilTag(stream, syntax, EGL_noChange, XR_DICOM_LOADED,
                                        DCM_PixelData);
    else
        rc = to->read(stream, syntax, EGL_noChange, XR_DICOM_LOADED);
    to->transferEnd();
    return rc;
}

#endif
