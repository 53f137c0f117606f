// Which instruction-set level to run, decided once by the caller.
#include "kernels.h"

extern const CKernels_loops CKernels_loops_generic;
#if defined(__x86_64__)
extern const CKernels_loops CKernels_loops_avx2;
extern const CKernels_loops CKernels_loops_avx512;
#endif

CKernels_level CKernels_detect(void) {
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
        return CKernels_avx512;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return CKernels_avx2;
#endif
    return CKernels_generic;
}

const CKernels_loops *CKernels_get(CKernels_level level) {
#if defined(__x86_64__)
    if (level == CKernels_avx512) return &CKernels_loops_avx512;
    if (level == CKernels_avx2) return &CKernels_loops_avx2;
#endif
    (void)level;
    return &CKernels_loops_generic;
}
