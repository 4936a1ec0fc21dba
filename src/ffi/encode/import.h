/*
 * Pictures that lie in DMA buffers, taken into a VAAPI device without a copy by the processor: the
 * buffer becomes a surface of the device (hwcontext_vaapi, DRM PRIME), and the device's video
 * processor converts it to what its encoder takes (libavfilter's scale_vaapi).
 */
#ifndef PF_IMPORT_H
#define PF_IMPORT_H
#include "../common/common.h"

#include <libavutil/buffer.h>
#include <libavutil/frame.h>

typedef struct pf_import pf_import;

/* For pictures of a size and PF_PIXEL_* on a VAAPI device; the output's sw_format is `format`.
 * PF_E_UNSUPPORTED, PF_E_LIBRARY: this build or device can't. */
pf_result pf_import_open(AVBufferRef *device, uint32_t width, uint32_t height, uint32_t pixel,
                         enum AVPixelFormat format, pf_import **out);
/* NULL is allowed. */
void pf_import_close(pf_import *import);
/* Whether this import was opened for pictures of this kind. */
bool pf_import_fits(const pf_import *import, const pf_picture *picture);
/* Replaces what `out` refers to. The device may read picture->dmabuf until what is made of `out`
 * was waited for. PF_E_LIBRARY: the device refuses it. */
pf_result pf_import_load(pf_import *import, const pf_picture *picture, AVFrame *out);

#endif
