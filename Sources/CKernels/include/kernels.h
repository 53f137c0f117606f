// The loops that Skald stands on: what Swift does not vectorise by itself.
//
// Letters: n elements, rows x cols a row-major matrix. Every function writes only to its outputs
// and reads every input before its own element is written, so in-place calls (y == x) are allowed
// where inputs and outputs have the same layout. Results depend on nothing but the arguments and
// the instruction-set level.
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "matrix.h"

// ---- instruction-set levels

typedef enum {
    CKernels_generic = 0,
    CKernels_avx2 = 1,
    CKernels_avx512 = 2,
    /// AVX-512 with its dot products of bf16 and int8 (VNNI).
    CKernels_avx512_dot = 3,
    /// The same with AMX tiles.
    CKernels_amx = 4,
} CKernels_level;

typedef struct {
    // Activations, y[i] = f(x[i]).
    void (*gelu_tanh)(const float *x, float *y, size_t n);
    void (*gelu_erf)(const float *x, float *y, size_t n);
    void (*silu)(const float *x, float *y, size_t n);
    void (*mish)(const float *x, float *y, size_t n);
    // y = min(exp(x), limit).
    void (*exp_clipped)(const float *x, float *y, size_t n, float limit);
    // dx[i] = f'(x[i]) * dy[i].
    void (*gelu_tanh_backward)(const float *x, const float *dy, float *dx, size_t n);
    void (*gelu_erf_backward)(const float *x, const float *dy, float *dx, size_t n);
    void (*silu_backward)(const float *x, const float *dy, float *dx, size_t n);
    void (*mish_backward)(const float *x, const float *dy, float *dx, size_t n);
    // A piece of a row's softmax, in place: x becomes exp(scale (x - m)), where m is the largest of x and of
    // *largest, that of the pieces before, which becomes m. *sum, the sum over the pieces before, becomes
    // that over all so far; returned is what the pieces before are to be multiplied by. It begins with
    // -inf and 0. Elements of -inf get weight 0.
    float (*softmax)(float *x, size_t n, float scale, float *largest, float *sum);
    // The sum of x[i] z[i].
    float (*dot)(const float *x, const float *z, size_t n);
    // The sum of x[i]^2, in double precision.
    double (*square_sum)(const float *x, size_t n);
    // Pairs of standard normal values (Box-Muller), each from a number of SplitMix64, whose state is given.
    void (*normals)(uint64_t state, size_t pairs, float *y);
    // y = layerNorm(x) * (offset + gain) + shift for one row; gain and shift may be NULL (1 and 0).
    void (*layer_norm)(
        const float *x, const float *gain, const float *shift, float offset, float eps, float *y,
        size_t cols);
    // dx of the above for one row, and products = dy * layerNorm(x), whose sums are the gain's gradient.
    void (*layer_norm_backward)(
        const float *x, const float *dy, const float *gain, float offset, float eps, float *dx,
        float *products, size_t cols);
    // y = x * factor(sum of squares) * gain. mean != 0: 1/sqrt(mean(x^2) + eps); else sqrt(cols)/max(|x|, eps).
    void (*rms_norm)(const float *x, const float *gain, int mean, float eps, float *y, size_t cols);
    // dx of the above for one row, and products = dy * x * factor.
    void (*rms_norm_backward)(
        const float *x, const float *dy, const float *gain, int mean, float eps, float *dx,
        float *products, size_t cols);
    // y = x + gate * z.
    void (*gated_add)(const float *x, const float *gate, const float *z, float *y, size_t n);
    // y = x + a * z.
    void (*add_scaled)(const float *x, float a, const float *z, float *y, size_t n);
    // y = x + z.
    void (*add)(const float *x, const float *z, float *y, size_t n);
    // y = x * z.
    void (*multiply)(const float *x, const float *z, float *y, size_t n);
    // y[c] += x[c] * w[c].
    void (*multiply_add)(const float *x, const float *w, float *y, size_t n);
    // y[c] += x[c]^2.
    void (*square_add)(const float *x, float *y, size_t n);
    // y[c] += sum over rows of x[row][c]; rows lie `stride` apart.
    void (*column_sums)(const float *x, size_t stride, size_t rows, size_t cols, float *y);
    // y = x times 0 where a hash of seed and first + i is below the threshold, else times kept.
    void (*dropout)(
        const float *x, size_t first, size_t n, uint32_t seed, uint32_t threshold, float kept,
        float *y);
    // One AdamW update of n parameters: decay, moments, step. The corrections are 1 - beta^k.
    void (*adamw)(
        float *parameters, const float *gradients, float factor, float *first, float *second,
        size_t n, float rate, float decay, float beta1, float beta2, float eps, float correction1,
        float correction2);
    // y = y + weight * (x - y), from the nearer end as torch.lerp does.
    void (*interpolate)(const float *x, float weight, float *y, size_t n);
    // Rotates interleaved pairs: (x0, x1) -> (x0 cos - x1 sin, x1 cos + x0 sin); pairs = n/2 angles.
    void (*rotate)(const float *x, const float *cosines, const float *sines, float *y, size_t pairs);
} CKernels_loops;

/// The best level this CPU has; tiles count only where their products are right.
CKernels_level CKernels_detect(void);
/// Whether CKernels_detect found tiles that fault or whose products are wrong.
int CKernels_tiles_fail(void);
/// Whether the products of `matrix` are those of `plain`, bit for bit, at a shape with every kind of edge;
/// a fault counts as a difference.
int CKernels_agree(const CKernels_matrix *matrix, const CKernels_matrix *plain);
/// The loops of a level; the caller asks only for levels up to CKernels_detect().
const CKernels_loops *CKernels_get(CKernels_level level);
/// The matrix products of a level, likewise.
const CKernels_matrix *CKernels_get_matrix(CKernels_level level);

// ---- thread pool

typedef struct CKernels_pool CKernels_pool;

/// Whether jobs of the calling thread are run by it alone and leave the pool to others; returns whether
/// they were before.
int CKernels_thread_run_alone(int alone);
/// Whether the calling thread computes in the background; the flag is for whoever asks.
void CKernels_thread_set_background(int background);
int CKernels_thread_is_background(void);

/// Starts threads - 1 workers that live as long as the process.
CKernels_pool *CKernels_pool_create(int threads);
/// Calls body(context, 0..count-1), each index once, on the workers and the caller; returns when
/// all are done. A caller that finds the pool busy runs its indices by itself.
void CKernels_pool_run(
    CKernels_pool *pool, size_t count, void (*body)(void *context, size_t index), void *context);
