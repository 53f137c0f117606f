// Matrix products of float32, bf16 and int8 operands, summed in float32 and int32.
//
// The left operand lies in rows of k elements, padded with zeros to a multiple of its depth (bf16: 32,
// int8: 64; float32 is not padded) and at most `stride` apart. The right operand is packed into panels of
// 16 columns: for each panel, for each group of 1 (float32), 2 (bf16) or 4 (int8) consecutive k, the group
// of column 0, of column 1 … That is what an instruction takes as one 64-byte vector and what an AMX tile
// takes as one row, so one packed file serves every instruction-set level. Columns are padded with zeros
// to 16.
#pragma once
#include <stddef.h>
#include <stdint.h>

enum {
    CKernels_panel = 16,
    CKernels_bf16_depth = 32,
    CKernels_int8_depth = 64,
    /// Products of bf16 and int8 may read rows (never use them) up to the next multiple of this.
    CKernels_row_block = 32,
};

typedef struct {
    // Copies rows of x `[rows, k]` (stride elements apart).
    void (*f32_rows)(
        const float *x, size_t stride, size_t rows, size_t k, float *y, size_t y_stride);
    // The same of a transposed x, `[k, rows]`.
    void (*f32_columns)(
        const float *x, size_t stride, size_t rows, size_t k, float *y, size_t y_stride);
    // Panels of b `[k, n]`, which may be some of the rows of panels of so much depth; more rows follow only
    // where k is a multiple of the padding.
    void (*f32_pack)(
        const float *b, size_t stride, size_t k, size_t n, float *panels, size_t depth);
    // Panels of b that lies as its transpose `[n, k]`, as linear layers keep their weights.
    void (*f32_pack_transposed)(const float *b, size_t stride, size_t k, size_t n, float *panels);
    // c `[rows, columns]` = a b, or c += a b.
    void (*f32_product)(
        const float *a, size_t a_stride, const float *panels, size_t rows, size_t columns, size_t k,
        float *c, size_t c_stride, int accumulate);
    // Rows of x `[rows, k]` as bf16, rounded to nearest even and padded with zeros. They are written in
    // order, so that they may lie k apart: each covers the padding of the one before.
    void (*bf16_rows)(
        const float *x, size_t stride, size_t rows, size_t k, uint16_t *y, size_t y_stride);
    // The values of n elements of bf16.
    void (*bf16_values)(const uint16_t *x, size_t n, float *y);
    // The same as bf16_rows of a transposed x, `[k, rows]`.
    void (*bf16_columns)(
        const float *x, size_t stride, size_t rows, size_t k, uint16_t *y, size_t y_stride);
    // Panels as above.
    void (*bf16_pack)(
        const float *b, size_t stride, size_t k, size_t n, uint16_t *panels, size_t depth);
    void (*bf16_pack_transposed)(
        const float *b, size_t stride, size_t k, size_t n, uint16_t *panels);
    // c `[rows, columns]` = a b, or c += a b. k is the padded one.
    void (*bf16_product)(
        const uint16_t *a, size_t a_stride, const uint16_t *panels, size_t rows, size_t columns,
        size_t k, float *c, size_t c_stride, int accumulate);
    // A piece of a row's softmax, as in kernels.h, of finite x into y, padded with zeros. The sum is over the
    // values before they are rounded.
    float (*bf16_softmax)(
        const float *x, size_t n, float scale, uint16_t *y, float *largest, float *sum);
    // Of scores and of the gradient dw of their weights, both `[keys, n]` and stride apart: the weights
    // w = exp(scale scores - log_sums) and the scores' gradient ds = scale w (dw - deltas), where log_sums
    // and deltas are a number for each of the n queries. w and ds are written as rows, like *_rows, and ds
    // as panels, like *_pack.
    void (*f32_softmax_backward)(
        const float *scores, const float *dw, size_t stride, const float *log_sums,
        const float *deltas, size_t keys, size_t n, float scale, float *w, float *ds,
        size_t y_stride, float *panels);
    void (*bf16_softmax_backward)(
        const float *scores, const float *dw, size_t stride, const float *log_sums,
        const float *deltas, size_t keys, size_t n, float scale, uint16_t *w, uint16_t *ds,
        size_t y_stride, uint16_t *panels);
    // Rows of x as int8 + 128, each with its own scale: x = scale (y - 128). Padding is 128, zero. The scale
    // of a row that is not finite is NaN, and so are its products.
    void (*int8_rows)(
        const float *x, size_t stride, size_t rows, size_t k, uint8_t *y, size_t y_stride,
        float *scales);
    // c = scales[row] column_scales[column] (a - 128) b, where column_sums are the sums of b.
    void (*int8_product)(
        const uint8_t *a, size_t a_stride, const float *scales, const int8_t *panels,
        const float *column_scales, const int32_t *column_sums, size_t rows, size_t columns,
        size_t k, float *c, size_t c_stride);
    // The product instructions alone, in registers: `rounds` times, for the operations returned (a
    // multiplication and an addition count as two). NULL where there are none for the format.
    double (*f32_peak)(size_t rounds);
    double (*bf16_peak)(size_t rounds);
    double (*int8_peak)(size_t rounds);
} CKernels_matrix;

/// Panels of int8 of b that lies as its transpose `[n, k]`; one scale and one sum per column.
void CKernels_int8_pack_transposed(
    const float *b, size_t stride, size_t k, size_t n, int8_t *panels, float *column_scales,
    int32_t *column_sums);
