/* Where libavfilter is not there to build with: every picture goes through memory. */
#include "import.h"

pf_result pf_import_open(AVBufferRef *device, uint32_t width, uint32_t height, uint32_t pixel,
                         enum AVPixelFormat format, pf_import **out) {
  return pf_fail(PF_E_UNSUPPORTED, "DMA buffers can't be imported without libavfilter");
}

void pf_import_close(pf_import *import) {}

bool pf_import_fits(const pf_import *import, const pf_picture *picture) { return false; }

pf_result pf_import_load(pf_import *import, const pf_picture *picture, AVFrame *out) {
  return pf_fail(PF_E_UNSUPPORTED, "DMA buffers can't be imported without libavfilter");
}
