// Packing of int8 weights: once per model, so one version serves every level.
#include <math.h>
#include <string.h>

#include "matrix.h"

void CKernels_int8_pack_transposed(
    const float *b, size_t stride, size_t k, size_t n, int8_t *panels, float *column_scales,
    int32_t *column_sums) {
    const size_t padded = (k + CKernels_int8_depth - 1) / CKernels_int8_depth * CKernels_int8_depth;
    for (size_t first = 0; first < n; first += CKernels_panel, panels += padded * CKernels_panel) {
        const size_t some = n - first < CKernels_panel ? n - first : CKernels_panel;
        memset(panels, 0, padded * CKernels_panel);
        for (size_t j = 0; j < some; j++) {
            const float *column = b + (first + j) * stride;
            float largest = 0;
            for (size_t i = 0; i < k; i++) largest = fmaxf(largest, fabsf(column[i]));
            const float factor = largest > 0 ? 127 / largest : 0;
            int32_t sum = 0;
            for (size_t i = 0; i < k; i++) {
                const int8_t value = (int8_t)rintf(column[i] * factor);
                panels[i / 4 * 4 * CKernels_panel + 4 * j + i % 4] = value;
                sum += value;
            }
            column_scales[first + j] = largest / 127;
            column_sums[first + j] = sum;
        }
    }
}
