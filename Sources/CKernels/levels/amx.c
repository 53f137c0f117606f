// Matrix products for CPUs with AMX tiles (bf16 and int8).
#if defined(__x86_64__)
#include <immintrin.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "matrix.h"
#define PASTE(a, b) a##_##b
#define EXPAND(a, b) PASTE(a, b)
#define NAME(f) EXPAND(f, LEVEL)
#define LEVEL amx
#define F32_ROWS 6
#define F32_PANELS 2
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,avx512vnni,fma,amx-tile,amx-bf16,amx-int8"))), apply_to = function)

#define TILE_CONFIGURE(c) _tile_loadconfig(c)
#define TILE_RELEASE() _tile_release()
#define TILE_ZERO(t) _tile_zero(t)
#define TILE_LOAD(t, base, stride) _tile_loadd(t, base, stride)
#define TILE_STORE(t, base, stride) _tile_stored(t, base, stride)
#define TILE_DOT_BF16(c, a, b) _tile_dpbf16ps(c, a, b)
#define TILE_DOT_INT8(c, a, b) _tile_dpbusd(c, a, b)
#include "amx.inc"

// Sums may be split over vector lanes, products and sums may be fused.
#pragma clang fp contract(fast) reassociate(on)
#include "exponential.inc"
#include "rounding.inc"
#define HAS_PRODUCTS
#define HAS_ROUNDING
#include "matrix.inc"
#pragma clang attribute pop
#endif
