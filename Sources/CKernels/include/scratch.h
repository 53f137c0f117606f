// Memory lent for the length of a call: a stack of each thread's own, which stays with the thread, so that
// no op asks the system for memory or pays for its pages.
#pragma once
#include <stddef.h>

/// At least `bytes`, 64-byte aligned and uninitialised. Ends the process where there is no memory.
void *CKernels_scratch_take(size_t bytes);
/// Takes back a block of so many bytes: the last one taken on this thread that was not given back yet.
void CKernels_scratch_give(void *block, size_t bytes);
