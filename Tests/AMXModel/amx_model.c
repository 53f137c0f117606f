// A model of AMX tiles after Intel's description of the instructions (Software Developer's Manual,
// volume 2, LDTILECFG to TILEZERO): 8 tiles of up to 16 rows of 64 bytes. Where the processor would raise
// an exception, the model says why and traps.
#include "amx_model.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define PASTE(a, b) a##_##b
#define EXPAND(a, b) PASTE(a, b)
#define NAME(f) EXPAND(f, LEVEL)
#define LEVEL amx_model

// What is not within a tile's rows and bytes of a row is zero. A tile without any is not configured.
static _Thread_local struct {
    int rows, row_bytes;
    uint8_t row[16][64];
} tiles[8];

static void require(int is_so, const char *what) {
    if (is_so) return;
    fprintf(stderr, "AMX model: %s\n", what);
    __builtin_trap();
}

static void tile_release(void) { memset(tiles, 0, sizeof tiles); }

static void tile_configure(const void *memory) {
    const uint8_t *bytes = memory;
    require(bytes[0] == 1, "the palette is not 1");
    for (int i = 1; i < 64; i++)
        require((i >= 16 && i < 32) || (i >= 48 && i < 56) || bytes[i] == 0, "a reserved byte is not 0");
    tile_release();
    for (int t = 0; t < 8; t++) {
        tiles[t].row_bytes = bytes[16 + 2 * t] + 256 * bytes[17 + 2 * t];
        tiles[t].rows = bytes[48 + t];
        require(tiles[t].rows <= 16 && tiles[t].row_bytes <= 64, "a tile is too large");
        require((tiles[t].rows == 0) == (tiles[t].row_bytes == 0), "a tile has no rows or no bytes");
    }
}

static void tile_zero(int t) {
    require(tiles[t].rows > 0, "a tile is used that is not configured");
    memset(tiles[t].row, 0, sizeof tiles[t].row);
}

static void tile_load(int t, const void *base, size_t stride) {
    tile_zero(t);
    for (int m = 0; m < tiles[t].rows; m++)
        memcpy(tiles[t].row[m], (const uint8_t *)base + m * stride, tiles[t].row_bytes);
}

static void tile_store(int t, void *base, size_t stride) {
    require(tiles[t].rows > 0, "a tile is stored that is not configured");
    for (int m = 0; m < tiles[t].rows; m++)
        memcpy((uint8_t *)base + m * stride, tiles[t].row[m], tiles[t].row_bytes);
}

static void require_shapes(int c, int a, int b) {
    require(c != a && c != b && a != b, "a dot product uses one tile twice");
    require(
        tiles[c].rows > 0 && tiles[a].rows > 0 && tiles[b].rows > 0,
        "a dot product uses a tile that is not configured");
    require(
        tiles[c].row_bytes % 4 == 0 && tiles[a].row_bytes % 4 == 0 && tiles[b].row_bytes % 4 == 0,
        "a dot product's tile has rows of broken elements");
    require(
        tiles[c].rows == tiles[a].rows && tiles[c].row_bytes == tiles[b].row_bytes &&
            tiles[a].row_bytes / 4 == tiles[b].rows,
        "a dot product's shapes do not fit");
}

static float widened(uint16_t value) {
    const uint32_t bits = (uint32_t)value << 16;
    float result;
    memcpy(&result, &bits, sizeof result);
    return result;
}

static void tile_dot_bf16(int c, int a, int b) {
    require_shapes(c, a, b);
    for (int m = 0; m < tiles[c].rows; m++)
        for (int n = 0; n < tiles[c].row_bytes / 4; n++) {
            float sum, sums[2] = {0, 0};
            for (int k = 0; k < tiles[b].rows; k++) {
                uint16_t left[2], right[2];
                memcpy(left, &tiles[a].row[m][4 * k], sizeof left);
                memcpy(right, &tiles[b].row[k][4 * n], sizeof right);
                for (int i = 0; i < 2; i++) sums[i] += widened(left[i]) * widened(right[i]);
            }
            memcpy(&sum, &tiles[c].row[m][4 * n], sizeof sum);
            sum += sums[0] + sums[1];
            memcpy(&tiles[c].row[m][4 * n], &sum, sizeof sum);
        }
}

static void tile_dot_int8(int c, int a, int b) {
    require_shapes(c, a, b);
    for (int m = 0; m < tiles[c].rows; m++)
        for (int n = 0; n < tiles[c].row_bytes / 4; n++) {
            int32_t sum;
            memcpy(&sum, &tiles[c].row[m][4 * n], sizeof sum);
            for (int k = 0; k < tiles[b].rows; k++)
                for (int i = 0; i < 4; i++)
                    sum += tiles[a].row[m][4 * k + i] * (int8_t)tiles[b].row[k][4 * n + i];
            memcpy(&tiles[c].row[m][4 * n], &sum, sizeof sum);
        }
}

#define TILE_CONFIGURE(c) tile_configure(c)
#define TILE_RELEASE() tile_release()
#define TILE_ZERO(t) tile_zero(t)
#define TILE_LOAD(t, base, stride) tile_load(t, base, stride)
#define TILE_STORE(t, base, stride) tile_store(t, base, stride)
#define TILE_DOT_BF16(c, a, b) tile_dot_bf16(c, a, b)
#define TILE_DOT_INT8(c, a, b) tile_dot_int8(c, a, b)
#include "../../Sources/CKernels/levels/amx.inc"

#include "../../Sources/CKernels/levels/exponential.inc"
#define HAS_PRODUCTS
#include "../../Sources/CKernels/levels/matrix.inc"

const CKernels_matrix *AMXModel_matrix(void) { return &CKernels_matrix_amx_model; }
