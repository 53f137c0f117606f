// Conversions between the number formats that checkpoints hold and Float32.
#include <math.h>
#include <string.h>

#include "kernels.h"

void CKernels_bf16_to_f32(const uint16_t *x, float *y, size_t n) {
    for (size_t i = 0; i < n; i++) {
        const uint32_t bits = (uint32_t)x[i] << 16;
        memcpy(&y[i], &bits, 4);
    }
}

void CKernels_f16_to_f32(const uint16_t *x, float *y, size_t n) {
    for (size_t i = 0; i < n; i++) {
        _Float16 h;
        memcpy(&h, &x[i], 2);
        y[i] = (float)h;
    }
}

void CKernels_f32_to_bf16(const float *x, uint16_t *y, size_t n) {
    for (size_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, &x[i], 4);
        const int nan = (bits & 0x7fffffffu) > 0x7f800000u;
        const uint32_t rounded = bits + 0x7fffu + ((bits >> 16) & 1u);
        y[i] = (uint16_t)((nan ? bits | 0x400000u : rounded) >> 16);
    }
}

void CKernels_f32_to_f16(const float *x, uint16_t *y, size_t n) {
    for (size_t i = 0; i < n; i++) {
        const _Float16 h = (_Float16)x[i];
        memcpy(&y[i], &h, 2);
    }
}

int CKernels_all_finite(const float *x, size_t n) {
    // An exponent of all ones means infinity or NaN; integer compares vectorise.
    uint32_t bad = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, &x[i], 4);
        bad |= (bits & 0x7f800000u) == 0x7f800000u;
    }
    return !bad;
}
