/*
 * Which optional libraries are there: asked of the compiler, and by the Makefile of this
 * file, so that what is compiled and what is linked agree. -DXR_NO_CXX: no C++ compiler;
 * `make CPPFLAGS='-DXR_NO_DCMTK -DXR_NO_OPENJPEG -DXR_NO_NIFTI'` leaves them out.
 */
#ifndef XR_OPTIONAL_H
#define XR_OPTIONAL_H

#if __has_include(<dcmtk/dcmdata/dcfilefo.h>) && !defined(XR_NO_CXX) &&          \
    !defined(XR_NO_DCMTK)
#define XR_HAS_DCMTK 1
#endif
#if __has_include(<openjpeg-2.5/openjpeg.h>) && !defined(XR_NO_OPENJPEG)
#define XR_HAS_OPENJPEG 1
#endif
#if __has_include(<nifti/nifti2_io.h>) && !defined(XR_NO_NIFTI)
#define XR_HAS_NIFTI 1
#endif

#endif
