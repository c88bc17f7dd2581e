/* DICOM datasets through DCMTK. Where that is not there, this file is compiled as C and
 * says so. */
#include "optional.h"

#ifndef XR_HAS_DCMTK
#include "dicom_absent.h"
#else

#include <climits>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <new>

#include <dcmtk/config/osconfig.h>
#include <dcmtk/dcmdata/dcdeftag.h>
#include <dcmtk/dcmdata/dcfilefo.h>
#include <dcmtk/dcmdata/dcpixel.h>
#include <dcmtk/dcmdata/dcpixseq.h>
#include <dcmtk/dcmdata/dcpxitem.h>
#include <dcmtk/dcmdata/dcsequen.h>
#include <dcmtk/dcmjpeg/djdecode.h>
#include <dcmtk/dcmjpls/djdecode.h>
#include <dcmtk/oflog/oflog.h>

#include "dicom.h"
#include "dicom_stream.h"

struct xr_dicom_file {
    xr_buf unpacked; /* of a deflated file; before what points into it */
    bool deflated;
    DcmFileFormat format;

    xr_dicom_file() : unpacked(), deflated(false)
    {
    }
};

namespace
{

std::once_flag prepared;

/* Silence, and codecs that give components as they are stored. */
void prepare()
{
    OFLog::configure(OFLogger::OFF_LOG_LEVEL);
    DJDecoderRegistration::registerCodecs(EDC_never, EUC_never, EPC_colorByPixel);
    DJLSDecoderRegistration::registerCodecs(EJLSUC_never, EJLSPC_restore);
}

const DcmXfer transfer_of(xr_dicom_file *file)
{
    return DcmXfer(file->format.getDataset()->getOriginalXfer());
}

/* An attribute of the dataset, or else of the functional groups of a frame: its own, then
 * those all frames share. */
DcmElement *find(xr_dicom_file *file, const DcmTagKey &tag, size_t frame)
{
    static const DcmTagKey groups[] = {DCM_PerFrameFunctionalGroupsSequence,
                                       DCM_SharedFunctionalGroupsSequence};
    DcmDataset *set = file->format.getDataset();
    DcmElement *found = nullptr;

    if (set->findAndGetElement(tag, found).good() && found->getLength() > 0)
        return found;
    for (int i = 0; i < 2; i++) {
        DcmItem *item = nullptr;
        DcmStack stack;

        if (set->findAndGetSequenceItem(groups[i], item, i ? 0 : (signed long)frame)
                .good() &&
            item && item->search(tag, stack, ESM_fromHere, OFTrue).good()) {
            found = dynamic_cast<DcmElement *>(stack.top());
            if (found && found->getLength() > 0)
                return found;
        }
    }
    return nullptr;
}

/* A code string: letters, digits and a few signs; anything else is not taken over. */
void get_text(char *text, size_t size, xr_dicom_file *file, const DcmTagKey &tag,
              size_t frame)
{
    DcmElement *element = find(file, tag, frame);
    OFString value;

    *text = '\0';
    if (!element || element->getOFString(value, 0).bad() || value.length() >= size)
        return;
    for (char c : value) {
        if (!strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 _.-/",
                    c))
            return;
    }
    strncpy(text, value.c_str(), size);
}

bool get_number(double *value, xr_dicom_file *file, const DcmTagKey &tag, size_t frame,
                unsigned long at = 0)
{
    DcmElement *element = find(file, tag, frame);
    OFString text;
    char *end;

    /* decimal strings and binary numbers alike */
    if (!element || element->getOFString(text, at).bad() || text.empty())
        return false;
    *value = strtod(text.c_str(), &end);
    while (*end == ' ')
        end++;
    return *end == '\0' && std::isfinite(*value);
}

/* A whole number in a range; absent: fallback, which may lie outside to be refused. */
int get_whole(size_t *value, xr_dicom_file *file, const DcmTagKey &tag, long fallback,
              size_t least, size_t most, const char *name, xr_err *err)
{
    double v = (double)fallback;

    get_number(&v, file, tag, 0);
    if (v != std::floor(v) || v < (double)least || v > (double)most)
        return xr_fail(err, "a DICOM file whose %s is %g: %zu to %zu are read", name, v,
                       least, most);
    *value = (size_t)v;
    return 0;
}

/* Three numbers describe a table: how many entries, the first value, bits of an entry. */
int get_lut(xr_dicom_lut *lut, DcmItem *item, const DcmTagKey &descriptor,
            const DcmTagKey &data, bool is_signed, xr_err *err)
{
    DcmElement *element = nullptr;
    const Uint16 *words = nullptr;
    Uint16 d[3] = {0, 0, 0};
    unsigned long count = 0;
    bool packed;

    if (item->findAndGetElement(descriptor, element).bad())
        return 0;
    for (unsigned long i = 0; i < 3; i++) {
        Sint16 negative;

        if (element->getUint16(d[i], i).bad()) {
            if (element->getSint16(negative, i).bad())
                return xr_fail(err, "a DICOM table without its three numbers");
            d[i] = (Uint16)negative;
        }
    }
    lut->n = d[0] ? d[0] : 65536;
    lut->first = is_signed ? (Sint16)d[1] : d[1];
    lut->bits = d[2];
    if (lut->bits < 8 || lut->bits > 16)
        return xr_fail(err, "a DICOM table of %u bits", lut->bits);
    if (item->findAndGetElement(data, element).bad())
        return xr_fail(err,
                       "a DICOM table without its data (segmented ones are not read)");
    if (item->findAndGetUint16Array(data, words, &count).bad() || !words)
        return xr_fail(err, "a DICOM table that cannot be read");
    packed = count < lut->n; /* 8 bits, two in a word */
    if (packed && (lut->bits != 8 || 2 * count < lut->n))
        return xr_fail(err, "a DICOM table of %zu entries that has %lu", lut->n, count);
    lut->entries = (uint16_t *)xr_alloc_array(lut->n, sizeof *lut->entries, err);
    if (!lut->entries)
        return -1;
    for (size_t i = 0; i < lut->n; i++)
        lut->entries[i] =
            packed ? (uint16_t)(words[i / 2] >> (i % 2 ? 8 : 0) & 255) : words[i];
    return 0;
}

int get_sequence_lut(xr_dicom_lut *lut, xr_dicom_file *file, const DcmTagKey &sequence,
                     size_t frame, bool is_signed, xr_err *err)
{
    DcmSequenceOfItems *items =
        dynamic_cast<DcmSequenceOfItems *>(find(file, sequence, frame));

    if (!items || items->card() == 0)
        return 0;
    return get_lut(lut, items->getItem(0), DCM_LUTDescriptor, DCM_LUTData, is_signed,
                   err);
}

int get_shape(xr_dicom *d, xr_dicom_file *file, xr_err *err)
{
    size_t samples, allocated, stored, high, is_signed, planar;

    get_text(d->photometric, sizeof d->photometric, file, DCM_PhotometricInterpretation,
             0);
    if (get_whole(&d->rows, file, DCM_Rows, 0, 1, 65535, "Rows", err) ||
        get_whole(&d->cols, file, DCM_Columns, 0, 1, 65535, "Columns", err) ||
        xr_image_check(d->cols, d->rows, err) ||
        get_whole(&d->frames, file, DCM_NumberOfFrames, 1, 1, XR_DICOM_MAX_FRAMES,
                  "NumberOfFrames", err) ||
        get_whole(&samples, file, DCM_SamplesPerPixel, 1, 1, 3, "SamplesPerPixel", err) ||
        get_whole(&allocated, file, DCM_BitsAllocated, 0, 1, 16, "BitsAllocated", err) ||
        get_whole(&stored, file, DCM_BitsStored, (long)allocated, 1, allocated,
                  "BitsStored", err) ||
        get_whole(&high, file, DCM_HighBit, (long)stored - 1, stored - 1, allocated - 1,
                  "HighBit", err) ||
        get_whole(&is_signed, file, DCM_PixelRepresentation, 0, 0, 1,
                  "PixelRepresentation", err) ||
        get_whole(&planar, file, DCM_PlanarConfiguration, 0, 0, 1, "PlanarConfiguration",
                  err))
        return -1;
    if (samples == 2 || (allocated != 1 && allocated != 8 && allocated != 16))
        return xr_fail(err, "a DICOM file of %zu samples of %zu bits", samples,
                       allocated);
    d->samples = (unsigned)samples;
    d->allocated = (unsigned)allocated;
    d->stored = (unsigned)stored;
    d->high = (unsigned)high;
    d->is_signed = is_signed;
    d->planar = planar;
    return 0;
}

/* Where the spacing stands depends on the kind of film: at the patient, else at the
 * detector. */
void get_spacing(xr_dicom *d, xr_dicom_file *file, size_t frame)
{
    static const struct {
        DcmTagKey tag;
        const char *name;
    } kinds[] = {{DCM_PixelSpacing, "pixel"},
                 {DCM_ImagerPixelSpacing, "imager"},
                 {DCM_NominalScannedPixelSpacing, "nominal scanned"}};

    for (const auto &kind : kinds) {
        if (get_number(&d->spacing[0], file, kind.tag, frame, 0) &&
            get_number(&d->spacing[1], file, kind.tag, frame, 1) && d->spacing[0] > 0 &&
            d->spacing[1] > 0) {
            strncpy(d->spacing_kind, kind.name, sizeof d->spacing_kind - 1);
            return;
        }
    }
    d->spacing[0] = d->spacing[1] = 0;
}

void get_texts(xr_dicom *d, xr_dicom_file *file, size_t frame)
{
    get_text(d->modality, sizeof d->modality, file, DCM_Modality, frame);
    get_text(d->view, sizeof d->view, file, DCM_ViewPosition, frame);
    get_text(d->laterality, sizeof d->laterality, file, DCM_Laterality, frame);
    get_text(d->image_laterality, sizeof d->image_laterality, file, DCM_ImageLaterality,
             frame);
    get_text(d->body_part, sizeof d->body_part, file, DCM_BodyPartExamined, frame);
    get_text(d->intent, sizeof d->intent, file, DCM_PresentationIntentType, frame);
    get_text(d->burned_in, sizeof d->burned_in, file, DCM_BurnedInAnnotation, frame);
    get_text(d->function, sizeof d->function, file, DCM_VOILUTFunction, frame);
    strncpy(d->transfer,
            file->deflated ? "1.2.840.10008.1.2.1.99" : transfer_of(file).getXferID(),
            sizeof d->transfer - 1);
}

/* The fragments of a frame: one each, or as the offset table says, or by their starts. */
int fragments_of(unsigned long *first, unsigned long *end, DcmPixelSequence *sequence,
                 size_t frame, size_t frames, xr_err *err)
{
    unsigned long n = sequence->card() ? sequence->card() - 1 : 0, at = 0;
    DcmPixelItem *item = nullptr;
    Uint8 *table = nullptr, *bytes = nullptr;
    size_t offset = 0, start = 0, stop = SIZE_MAX;
    bool by_table;

    *first = 1;
    *end = n + 1;
    if (n == frames) {
        *first = frame + 1;
        *end = frame + 2;
    }
    if (n == 0)
        return xr_fail(err, "a DICOM file without compressed pixels");
    if (n == frames || frames == 1)
        return 0;
    *first = 0;
    by_table = sequence->getItem(item, 0).good() && item->getLength() == 4 * frames &&
               item->getUint8Array(table).good() && table;
    for (unsigned long i = 1; i <= n; i++) {
        size_t length;
        bool starts;

        if (sequence->getItem(item, i).bad() || item->getUint8Array(bytes).bad())
            break;
        length = item->getLength();
        if (by_table) {
            Uint32 little[2] = {0, 0};

            memcpy(little, table + 4 * frame, frame + 1 < frames ? 8 : 4);
            start = little[0];
            stop = frame + 1 < frames ? little[1] : SIZE_MAX;
            if (offset == start)
                *first = i;
            if (offset == stop)
                *end = i;
        } else {
            starts = length >= 2 && bytes && bytes[0] == 0xff &&
                     (bytes[1] == 0xd8 || bytes[1] == 0x4f);
            if (starts && at == frame)
                *first = i;
            if (starts && at == frame + 1)
                *end = i;
            at += starts;
        }
        offset += length + 8;
    }
    if (*first && *first < *end && (by_table || at == frames))
        return 0;
    return xr_fail(err, "%lu fragments that cannot be told apart into %zu frames", n,
                   frames);
}

DcmPixelSequence *sequence_of(DcmPixelData *&pixels, xr_dicom_file *file)
{
    DcmDataset *set = file->format.getDataset();
    const DcmRepresentationParameter *parameter = nullptr;
    E_TransferSyntax syntax = EXS_Unknown;
    DcmPixelSequence *sequence = nullptr;
    DcmElement *element = nullptr;

    pixels = nullptr;
    if (set->findAndGetElement(DCM_PixelData, element).bad())
        return nullptr;
    pixels = dynamic_cast<DcmPixelData *>(element);
    if (!pixels)
        return nullptr;
    pixels->getOriginalRepresentationKey(syntax, parameter);
    if (pixels->getEncapsulatedRepresentation(syntax, parameter, sequence).bad())
        return nullptr;
    return sequence;
}

int open_file(xr_dicom_file *file, const void *data, size_t size, bool head, xr_err *err)
{
    static const char deflated[] = "1.2.840.10008.1.2.1.99";
    const unsigned char *bytes = static_cast<const unsigned char *>(data);
    size_t meta = xr_dicom_end_of_meta(bytes, size);
    OFCondition rc;

    if (meta && memmem(bytes + 144, meta - 144, deflated, sizeof deflated - 1)) {
        if (xr_dicom_unpack(&file->unpacked, bytes + meta, size - meta, err))
            return -1;
        xr_memory_stream stream(file->unpacked.data, file->unpacked.size);

        file->deflated = true;
        rc = xr_dicom_read(file->format.getDataset(), stream, EXS_LittleEndianExplicit,
                           head);
    } else {
        xr_memory_stream stream(data, size);

        rc = xr_dicom_read(&file->format, stream, EXS_Unknown, head);
    }
    if (rc.bad())
        return xr_fail(err, "damaged DICOM file, or it ends early: %s", rc.text());
    if (!head && !file->format.getDataset()->tagExistsWithValue(DCM_PixelData))
        return xr_fail(err, "a DICOM file without pixels");
    return 0;
}

} // namespace

int xr_dicom_open(xr_dicom_file **out, const void *data, size_t size, bool head,
                  xr_err *err)
{
    xr_dicom_file *file = nullptr;

    *out = nullptr;
    try {
        std::call_once(prepared, prepare);
        file = new xr_dicom_file;
        if (open_file(file, data, size, head, err) == 0) {
            *out = file;
            return 0;
        }
    } catch (const std::exception &e) {
        xr_fail(err, "damaged DICOM file: %s", e.what());
    }
    xr_dicom_close(file);
    return -1;
}

void xr_dicom_close(xr_dicom_file *file)
{
    if (!file)
        return;
    xr_buf_free(&file->unpacked);
    delete file;
}

int xr_dicom_describe(xr_dicom *d, xr_dicom_file *file, size_t frame, xr_err *err)
{
    static const DcmTagKey palette[][2] = {
        {DCM_RedPaletteColorLookupTableDescriptor, DCM_RedPaletteColorLookupTableData},
        {DCM_GreenPaletteColorLookupTableDescriptor,
         DCM_GreenPaletteColorLookupTableData},
        {DCM_BluePaletteColorLookupTableDescriptor, DCM_BluePaletteColorLookupTableData}};
    bool below_zero;

    memset(d, 0, sizeof *d);
    try {
        if (get_shape(d, file, err))
            return -1;
        get_texts(d, file, frame);
        get_spacing(d, file, frame);
        d->slope = 1;
        d->has_rescale = get_number(&d->slope, file, DCM_RescaleSlope, frame);
        d->has_rescale |= get_number(&d->intercept, file, DCM_RescaleIntercept, frame);
        d->has_window = get_number(&d->center, file, DCM_WindowCenter, frame) &&
                        get_number(&d->width, file, DCM_WindowWidth, frame);
        if (get_sequence_lut(&d->modality_lut, file, DCM_ModalityLUTSequence, frame,
                             d->is_signed, err))
            return -1;
        below_zero = d->modality_lut.n == 0 && (d->is_signed || d->intercept < 0);
        if (get_sequence_lut(&d->voi_lut, file, DCM_VOILUTSequence, frame, below_zero,
                             err))
            return -1;
        for (int k = 0; k < 3 && strcmp(d->photometric, "PALETTE COLOR") == 0; k++) {
            if (get_lut(&d->palette[k], file->format.getDataset(), palette[k][0],
                        palette[k][1], d->is_signed, err))
                return -1;
        }
    } catch (const std::exception &e) {
        return xr_fail(err, "damaged DICOM file: %s", e.what());
    }
    return 0;
}

int xr_dicom_native(const unsigned char **data, size_t *size, xr_dicom_file *file,
                    xr_err *err)
{
    DcmElement *element = nullptr;
    Uint16 *words = nullptr;
    Uint8 *bytes = nullptr;

    try {
        if (file->format.getDataset()->findAndGetElement(DCM_PixelData, element).bad())
            return xr_fail(err, "a DICOM file without pixels");
        if (element->getUint16Array(words).good() && words)
            *data = (const unsigned char *)words;
        else if (element->getUint8Array(bytes).good() && bytes)
            *data = bytes;
        else
            return xr_fail(err, "a DICOM file without pixels");
        *size = element->getLength();
    } catch (const std::exception &e) {
        return xr_fail(err, "damaged DICOM file: %s", e.what());
    }
    return 0;
}

int xr_dicom_fragments(xr_buf *buf, uint32_t *first, xr_dicom_file *file, size_t frame,
                       size_t frames, xr_err *err)
{
    DcmPixelSequence *sequence;
    DcmPixelItem *item = nullptr;
    DcmPixelData *pixels;
    unsigned long from, end;
    Uint8 *bytes = nullptr;

    try {
        sequence = sequence_of(pixels, file);
        if (!sequence)
            return xr_fail(err, "a DICOM file without pixels");
        if (fragments_of(&from, &end, sequence, frame, frames, err))
            return -1;
        for (unsigned long i = from; i < end; i++) {
            if (sequence->getItem(item, i).bad() || item->getUint8Array(bytes).bad())
                return xr_fail(err, "a DICOM file whose pixels end early");
            if (item->getLength() &&
                (!bytes || xr_buf_put(buf, bytes, item->getLength(), err)))
                return -1;
        }
        *first = (uint32_t)from;
    } catch (const std::exception &e) {
        return xr_fail(err, "damaged DICOM file: %s", e.what());
    }
    return 0;
}

int xr_dicom_codec(void *out, size_t size, xr_dicom_file *file, size_t frame,
                   uint32_t first, xr_err *err)
{
    DcmPixelData *pixels = nullptr;
    Uint32 fragment = first;
    OFString model;
    OFCondition rc;

    try {
        if (!sequence_of(pixels, file))
            return xr_fail(err, "a DICOM file without pixels");
        rc = pixels->getUncompressedFrame(file->format.getDataset(), (Uint32)frame,
                                          fragment, out, (Uint32)size, model);
    } catch (const std::exception &e) {
        return xr_fail(err, "damaged DICOM file: %s", e.what());
    }
    return rc.good() ? 0 : xr_fail(err, "damaged DICOM file: %s", rc.text());
}

#endif
