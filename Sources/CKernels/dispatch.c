// Which instruction-set level to run, decided once by the caller.
#if defined(__x86_64__)
#include <sys/syscall.h>
#include <unistd.h>
#endif

#include "kernels.h"

extern const CKernels_loops CKernels_loops_generic;
extern const CKernels_matrix CKernels_matrix_generic;
#if defined(__x86_64__)
extern const CKernels_loops CKernels_loops_avx2;
extern const CKernels_loops CKernels_loops_avx512;
extern const CKernels_matrix CKernels_matrix_avx2;
extern const CKernels_matrix CKernels_matrix_avx512;
extern const CKernels_matrix CKernels_matrix_avx512_dot;
extern const CKernels_matrix CKernels_matrix_amx;

// The kernel gives a process the tiles' registers only when asked; threads made later inherit them.
static int tiles_are_permitted(void) {
    enum { request_permission = 0x1023, tile_data = 18 };
    return syscall(SYS_arch_prctl, request_permission, tile_data) == 0;
}
#endif

static int tiles_fail;

int CKernels_tiles_fail(void) { return tiles_fail; }

CKernels_level CKernels_detect(void) {
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl")) {
        if (!__builtin_cpu_supports("avx512bf16") || !__builtin_cpu_supports("avx512vnni"))
            return CKernels_avx512;
        if (__builtin_cpu_supports("amx-tile") && __builtin_cpu_supports("amx-bf16") &&
            __builtin_cpu_supports("amx-int8") && tiles_are_permitted()) {
            // What a CPU or a virtual machine announces is tried before anybody relies on it.
            if (CKernels_agree(&CKernels_matrix_amx, &CKernels_matrix_generic)) return CKernels_amx;
            tiles_fail = 1;
        }
        return CKernels_avx512_dot;
    }
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return CKernels_avx2;
#endif
    return CKernels_generic;
}

const CKernels_loops *CKernels_get(CKernels_level level) {
#if defined(__x86_64__)
    if (level >= CKernels_avx512) return &CKernels_loops_avx512;
    if (level == CKernels_avx2) return &CKernels_loops_avx2;
#endif
    (void)level;
    return &CKernels_loops_generic;
}

const CKernels_matrix *CKernels_get_matrix(CKernels_level level) {
#if defined(__x86_64__)
    switch (level) {
        case CKernels_amx: return &CKernels_matrix_amx;
        case CKernels_avx512_dot: return &CKernels_matrix_avx512_dot;
        case CKernels_avx512: return &CKernels_matrix_avx512;
        case CKernels_avx2: return &CKernels_matrix_avx2;
        default: break;
    }
#endif
    (void)level;
    return &CKernels_matrix_generic;
}
