// Matrix products for CPUs with AVX-512 and its dot-product instructions (bf16, VNNI).
#if defined(__x86_64__)
#include <immintrin.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "matrix.h"
#define PASTE(a, b) a##_##b
#define EXPAND(a, b) PASTE(a, b)
#define NAME(f) EXPAND(f, LEVEL)
#define LEVEL avx512_dot
#define F32_ROWS 6
#define F32_PANELS 2
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,avx512vnni,fma"))), apply_to = function)

#include "ahead.inc"

// 12 rows by 2 panels: 24 registers of sums, 2 of the right operand; the left one is broadcast from
// memory by the instruction itself. Every 8 vectors of a panel the block looks ahead.
enum { block_rows = 12, vectors_at_a_time = 8 };

static inline __attribute__((always_inline)) void bf16_block(
    const int rows, const int panels, const uint16_t *a, size_t a_stride, const uint16_t *b,
    size_t k, float *c, size_t c_stride, __mmask16 last, int accumulate, ahead *next) {
    __m512 sums[block_rows][2];
    for (int r = 0; r < rows; r++)
        for (int p = 0; p < panels; p++) sums[r][p] = _mm512_setzero_ps();
    for (size_t part = 0; part < k; part += 2 * vectors_at_a_time) {
        fetch(next);
        for (size_t i = part; i < part + 2 * vectors_at_a_time; i += 2) {
            __m512bh right[2];
            for (int p = 0; p < panels; p++)
                right[p] = (__m512bh)_mm512_loadu_si512(b + (p * k + i) * CKernels_panel);
            for (int r = 0; r < rows; r++) {
                int32_t pair;
                memcpy(&pair, a + r * a_stride + i, sizeof pair);
                const __m512bh left = (__m512bh)_mm512_set1_epi32(pair);
                for (int p = 0; p < panels; p++)
                    sums[r][p] = _mm512_dpbf16_ps(sums[r][p], left, right[p]);
            }
        }
    }
    for (int r = 0; r < rows; r++)
        for (int p = 0; p < panels; p++) {
            float *out = c + r * c_stride + p * CKernels_panel;
            const __mmask16 mask = p == panels - 1 ? last : 0xFFFF;
            __m512 sum = sums[r][p];
            if (accumulate) sum = _mm512_add_ps(sum, _mm512_maskz_loadu_ps(mask, out));
            _mm512_mask_storeu_ps(out, mask, sum);
        }
}

static inline __attribute__((always_inline)) void int8_block(
    const int rows, const int panels, const uint8_t *a, size_t a_stride, const float *scales,
    const int8_t *b, const float *column_scales, const int32_t *column_sums, size_t k, float *c,
    size_t c_stride, __mmask16 last, ahead *next) {
    __m512i sums[block_rows][2];
    for (int r = 0; r < rows; r++)
        for (int p = 0; p < panels; p++) sums[r][p] = _mm512_setzero_si512();
    for (size_t part = 0; part < k; part += 4 * vectors_at_a_time) {
        fetch(next);
        for (size_t i = part; i < part + 4 * vectors_at_a_time; i += 4) {
            __m512i right[2];
            for (int p = 0; p < panels; p++)
                right[p] = _mm512_loadu_si512(b + (p * k + i) * CKernels_panel);
            for (int r = 0; r < rows; r++) {
                int32_t four;
                memcpy(&four, a + r * a_stride + i, sizeof four);
                const __m512i left = _mm512_set1_epi32(four);
                for (int p = 0; p < panels; p++)
                    sums[r][p] = _mm512_dpbusd_epi32(sums[r][p], left, right[p]);
            }
        }
    }
    for (int p = 0; p < panels; p++) {
        const __mmask16 mask = p == panels - 1 ? last : 0xFFFF;
        const __m512i offset =
            _mm512_slli_epi32(_mm512_maskz_loadu_epi32(mask, column_sums + p * CKernels_panel), 7);
        const __m512 scale = _mm512_maskz_loadu_ps(mask, column_scales + p * CKernels_panel);
        for (int r = 0; r < rows; r++) {
            const __m512 sum = _mm512_cvtepi32_ps(_mm512_sub_epi32(sums[r][p], offset));
            _mm512_mask_storeu_ps(
                c + r * c_stride + p * CKernels_panel, mask,
                _mm512_mul_ps(_mm512_mul_ps(sum, _mm512_set1_ps(scales[r])), scale));
        }
    }
}

// Calls `block` with its numbers of rows and panels as constants.
#define WITH_ROWS(count, block, wide)         \
    switch (count) {                          \
        case 1: block(1, wide); break;  \
        case 2: block(2, wide); break;  \
        case 3: block(3, wide); break;  \
        case 4: block(4, wide); break;  \
        case 5: block(5, wide); break;  \
        case 6: block(6, wide); break;  \
        case 7: block(7, wide); break;  \
        case 8: block(8, wide); break;  \
        case 9: block(9, wide); break;  \
        case 10: block(10, wide); break; \
        case 11: block(11, wide); break; \
        default: block(12, wide); break; \
    }

// Calls `block` for each block of rows and two panels of so many bytes each; it finds `first` (column),
// `row`, `last`, the mask of the last panel's columns, and `next`.
#define EACH_BLOCK(block, panel_bytes)                                                             \
    ahead next = look_ahead(                                                                       \
        panels, panel_bytes, c, c_stride, rows, columns, block_rows,                               \
        (panel_bytes) / (64 * vectors_at_a_time));                                                 \
    for (size_t first = 0; first < columns; first += 2 * CKernels_panel) {                         \
        const size_t some = columns - first;                                                       \
        const int two = some > CKernels_panel;                                                     \
        const size_t odd = some - (two ? CKernels_panel : 0);                                      \
        const __mmask16 last = odd >= CKernels_panel ? 0xFFFF : (__mmask16)((1u << odd) - 1);      \
        for (size_t row = 0; row < rows; row += block_rows) {                                      \
            begin_block(&next, row, first);                                                        \
            if (two)                                                                               \
                WITH_ROWS(rows - row, block, 2)                                                    \
            else                                                                                   \
                WITH_ROWS(rows - row, block, 1)                                                    \
        }                                                                                          \
    }

static void NAME(bf16_product)(
    const uint16_t *a, size_t a_stride, const uint16_t *panels, size_t rows, size_t columns,
    size_t k, float *c, size_t c_stride, int accumulate) {
#define BLOCK(r, p)                                                                               \
    bf16_block(                                                                                   \
        r, p, a + row * a_stride, a_stride, panels + first * k, k, c + row * c_stride + first,    \
        c_stride, last, accumulate, &next)
    EACH_BLOCK(BLOCK, k * CKernels_panel * sizeof *panels)
#undef BLOCK
}

static void NAME(int8_product)(
    const uint8_t *a, size_t a_stride, const float *scales, const int8_t *panels,
    const float *column_scales, const int32_t *column_sums, size_t rows, size_t columns, size_t k,
    float *c, size_t c_stride) {
#define BLOCK(r, p)                                                                               \
    int8_block(                                                                                   \
        r, p, a + row * a_stride, a_stride, scales + row, panels + first * k,                     \
        column_scales + first, column_sums + first, k, c + row * c_stride + first, c_stride, last, \
        &next)
    EACH_BLOCK(BLOCK, k * CKernels_panel)
#undef BLOCK
}

// As many independent sums as the products have. Storing them keeps the compiler from leaving out
// what nobody reads.
#define PEAK_ROUNDS(type, zero, dot)                                   \
    type sums[2 * block_rows];                                         \
    for (int r = 0; r < 2 * block_rows; r++) sums[r] = zero;           \
    for (size_t round = 0; round < rounds; round++)                    \
        for (int r = 0; r < 2 * block_rows; r++) sums[r] = dot;        \
    volatile type kept;                                                \
    for (int r = 0; r < 2 * block_rows; r++) kept = sums[r];           \
    (void)kept

static double NAME(bf16_peak)(size_t rounds) {
    const __m512bh one = (__m512bh)_mm512_set1_epi16(0x3F80);
    PEAK_ROUNDS(__m512, _mm512_setzero_ps(), _mm512_dpbf16_ps(sums[r], one, one));
    return (double)rounds * 2 * block_rows * 16 * 2 * 2;
}

static double NAME(int8_peak)(size_t rounds) {
    const __m512i one = _mm512_set1_epi8(1);
    PEAK_ROUNDS(__m512i, _mm512_setzero_si512(), _mm512_dpbusd_epi32(sums[r], one, one));
    return (double)rounds * 2 * block_rows * 16 * 4 * 2;
}

// Sums may be split over vector lanes, products and sums may be fused.
#pragma clang fp contract(fast) reassociate(on)
#include "exponential.inc"
#include "rounding.inc"
#define HAS_PRODUCTS
#define HAS_ROUNDING
#include "matrix.inc"
#pragma clang attribute pop
#endif
