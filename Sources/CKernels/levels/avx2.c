// The loops for CPUs with avx2.
#if defined(__x86_64__)
// Headers first: the pragma below is for our functions only.
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "kernels.h"
#include "matrix.h"
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#define LEVEL avx2
#include "loops.inc"
#pragma clang attribute pop
#endif
