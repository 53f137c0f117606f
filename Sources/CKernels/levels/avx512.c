// The loops for CPUs with avx512.
#if defined(__x86_64__)
// Headers first: the pragma below is for our functions only.
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "kernels.h"
#include "matrix.h"
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,fma"))), apply_to = function)
#define LEVEL avx512
#define F32_ROWS 6
#define F32_PANELS 2
#define PRODUCT_ROWS 12
#include "loops.inc"
#pragma clang attribute pop
#endif
