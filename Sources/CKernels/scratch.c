// Memory lent for the length of a call, from a stack of each thread's own.
#include "scratch.h"

#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

// What a thread keeps at most. What does not fit comes from the allocator, each time anew.
enum { most_kept = 64 << 20 };

static _Thread_local struct {
    char *base;
    size_t size;
    size_t used;     // lent at present, whether it fits or not
    size_t deepest;  // most that was lent at a time and may be kept
} own;

static pthread_key_t at_exit;
static int frees_at_exit;

static void leave(void *base) {
    free(base);
    own.base = NULL;
    own.size = 0;
}

static void make_key(void) { frees_at_exit = pthread_key_create(&at_exit, leave) == 0; }

static void grow(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, make_key);
    free(own.base);
    own.base = aligned_alloc(64, own.deepest);
    own.size = own.base ? own.deepest : 0;
    if (frees_at_exit) pthread_setspecific(at_exit, own.base);
}

// Whole cache lines, at least one.
static size_t lines(size_t bytes) { return (bytes | 63) + 1; }

void *CKernels_scratch_take(size_t bytes) {
    bytes = lines(bytes);
    const size_t before = own.used;
    own.used += bytes;
    if (own.used > own.deepest && own.used <= most_kept) own.deepest = own.used;
    // Blocks that are lent must stay where they are.
    if (before == 0 && own.size < own.deepest) grow();
    void *block = own.used <= own.size ? own.base + before : aligned_alloc(64, bytes);
    if (!block) {
        fprintf(stderr, "skald: no memory for %zu bytes of scratch\n", bytes);
        abort();
    }
    return block;
}

void CKernels_scratch_give(void *block, size_t bytes) {
    own.used -= lines(bytes);
    if ((uintptr_t)block - (uintptr_t)own.base >= own.size) free(block);
}
