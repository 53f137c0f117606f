// A model of AMX tiles after Intel's description of the instructions (Software Developer's Manual,
// volume 2, TDPBF16PS and TDPBUSD): 8 tiles of 16 rows of 64 bytes.
#include "amx_model.h"

#include <math.h>
#include <string.h>

#define PASTE(a, b) a##_##b
#define EXPAND(a, b) PASTE(a, b)
#define NAME(f) EXPAND(f, LEVEL)
#define LEVEL amx_model

static _Thread_local uint8_t tiles[8][16][64];
static _Thread_local int configured;

static void tile_load(int tile, const void *base, size_t stride) {
    for (int row = 0; row < 16; row++)
        memcpy(tiles[tile][row], (const uint8_t *)base + row * stride, 64);
}

static void tile_store(int tile, void *base, size_t stride) {
    for (int row = 0; row < 16; row++)
        memcpy((uint8_t *)base + row * stride, tiles[tile][row], 64);
}

static float widened(uint16_t value) {
    const uint32_t bits = (uint32_t)value << 16;
    float result;
    memcpy(&result, &bits, sizeof result);
    return result;
}

static void tile_dot_bf16(int c, int a, int b) {
    for (int m = 0; m < 16; m++)
        for (int n = 0; n < 16; n++) {
            float sum;
            memcpy(&sum, &tiles[c][m][4 * n], sizeof sum);
            for (int k = 0; k < 16; k++) {
                uint16_t left[2], right[2];
                memcpy(left, &tiles[a][m][4 * k], sizeof left);
                memcpy(right, &tiles[b][k][4 * n], sizeof right);
                sum += widened(left[0]) * widened(right[0]) + widened(left[1]) * widened(right[1]);
            }
            memcpy(&tiles[c][m][4 * n], &sum, sizeof sum);
        }
}

static void tile_dot_int8(int c, int a, int b) {
    for (int m = 0; m < 16; m++)
        for (int n = 0; n < 16; n++) {
            int32_t sum;
            memcpy(&sum, &tiles[c][m][4 * n], sizeof sum);
            for (int k = 0; k < 16; k++)
                for (int i = 0; i < 4; i++)
                    sum += tiles[a][m][4 * k + i] * (int8_t)tiles[b][k][4 * n + i];
            memcpy(&tiles[c][m][4 * n], &sum, sizeof sum);
        }
}

#define TILE_CONFIGURE(c) (configured = (c)->palette == 1)
#define TILE_RELEASE() (configured = 0)
// Without a configuration the processor would raise an exception.
#define TILE_ZERO(t) (configured ? (void)memset(tiles[t], 0, sizeof tiles[t]) : __builtin_trap())
#define TILE_LOAD(t, base, stride) tile_load(t, base, stride)
#define TILE_STORE(t, base, stride) tile_store(t, base, stride)
#define TILE_DOT_BF16(c, a, b) tile_dot_bf16(c, a, b)
#define TILE_DOT_INT8(c, a, b) tile_dot_int8(c, a, b)
#include "../../Sources/CKernels/levels/amx.inc"

#include "../../Sources/CKernels/levels/exponential.inc"
#define HAS_PRODUCTS
#include "../../Sources/CKernels/levels/matrix.inc"

const CKernels_matrix *AMXModel_matrix(void) { return &CKernels_matrix_amx_model; }
