/* The readable form, and what finishes a row behind the last whole vector. */
#include "convert.h"

static int32_t weigh(const int16_t *coefficient, const uint32_t *sample) {
  return coefficient[0] * (int32_t)sample[0] + coefficient[1] * (int32_t)sample[1] +
         coefficient[2] * (int32_t)sample[2];
}

void pf_convert_rows_scalar(const pf_convert_matrix *matrix, const pf_convert_rows *rows,
                            uint32_t from) {
  for (uint32_t x = from; x + 1 < rows->width; x += 2) {
    uint32_t sum[3] = {0, 0, 0};
    for (uint32_t i = 0; i < 4; i++) {
      const uint8_t *pixel = rows->pixels[i / 2] + 4 * (size_t)(x + i % 2);
      const uint32_t sample[3] = {pixel[0], pixel[1], pixel[2]};
      int32_t luma = weigh(matrix->y, sample) + PF_CONVERT_Y_BIAS;
      rows->y[i / 2][x + i % 2] = (uint8_t)(luma >> PF_CONVERT_SHIFT);
      for (uint32_t c = 0; c < 3; c++) sum[c] += sample[c];
    }
    int32_t u = (weigh(matrix->u, sum) + PF_CONVERT_UV_BIAS) >> (PF_CONVERT_SHIFT + 2);
    int32_t v = (weigh(matrix->v, sum) + PF_CONVERT_UV_BIAS) >> (PF_CONVERT_SHIFT + 2);
    if (rows->v != NULL) {
      rows->u[x / 2] = (uint8_t)u;
      rows->v[x / 2] = (uint8_t)v;
    } else {
      rows->u[x] = (uint8_t)u;
      rows->u[x + 1] = (uint8_t)v;
    }
  }
}
