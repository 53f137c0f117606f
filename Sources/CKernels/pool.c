// The one thread pool: workers spin briefly for the next job, then park.
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "kernels.h"

// Between two ops of a network lie microseconds; a parked thread takes longer than that to wake.
enum { spins_before_parking = 20000 };

struct CKernels_pool {
    int workers;
    pthread_mutex_t submit;  // held by the one caller whose job is running
    pthread_mutex_t parking;
    pthread_cond_t wake;
    atomic_int sleepers;
    atomic_uint generation;  // of the job below
    void (*body)(void *, size_t);
    void *context;
    size_t count;
    atomic_size_t next;  // first index nobody has taken
    atomic_int active;   // workers still inside the job
};

// What the calling thread said of itself.
static _Thread_local int runs_alone;
static _Thread_local int is_background;

int CKernels_thread_run_alone(int alone) {
    int before = runs_alone;
    runs_alone = alone;
    return before;
}
void CKernels_thread_set_background(int background) { is_background = background; }
int CKernels_thread_is_background(void) { return is_background; }

static inline void relax(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
}

static void work(CKernels_pool *pool) {
    size_t index;
    while ((index = atomic_fetch_add(&pool->next, 1)) < pool->count)
        pool->body(pool->context, index);
}

static void *worker(void *argument) {
    CKernels_pool *pool = argument;
    unsigned seen = 0;
    for (;;) {
        for (int i = 0; i < spins_before_parking && atomic_load(&pool->generation) == seen; i++)
            relax();
        if (atomic_load(&pool->generation) == seen) {
            pthread_mutex_lock(&pool->parking);
            atomic_fetch_add(&pool->sleepers, 1);
            while (atomic_load(&pool->generation) == seen)
                pthread_cond_wait(&pool->wake, &pool->parking);
            atomic_fetch_sub(&pool->sleepers, 1);
            pthread_mutex_unlock(&pool->parking);
        }
        seen = atomic_load(&pool->generation);
        work(pool);
        atomic_fetch_sub(&pool->active, 1);
    }
    return NULL;
}

CKernels_pool *CKernels_pool_create(int threads) {
    CKernels_pool *pool = calloc(1, sizeof *pool);
    if (!pool) return NULL;
    pthread_mutex_init(&pool->submit, NULL);
    pthread_mutex_init(&pool->parking, NULL);
    pthread_cond_init(&pool->wake, NULL);
    for (int i = 1; i < threads; i++) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, worker, pool) != 0) break;
        pthread_detach(thread);
        pool->workers++;
    }
    return pool;
}

void CKernels_pool_run(
    CKernels_pool *pool, size_t count, void (*body)(void *, size_t), void *context) {
    if (count <= 1 || pool->workers == 0 || runs_alone || pthread_mutex_trylock(&pool->submit) != 0) {
        for (size_t i = 0; i < count; i++) body(context, i);
        return;
    }
    pool->body = body;
    pool->context = context;
    pool->count = count;
    atomic_store(&pool->next, 0);
    atomic_store(&pool->active, pool->workers);
    atomic_fetch_add(&pool->generation, 1);
    if (atomic_load(&pool->sleepers) > 0) {
        pthread_mutex_lock(&pool->parking);
        pthread_cond_broadcast(&pool->wake);
        pthread_mutex_unlock(&pool->parking);
    }
    work(pool);
    for (int i = 0; atomic_load(&pool->active) > 0; i++) {
        if (i < spins_before_parking)
            relax();
        else
            sched_yield();
    }
    pthread_mutex_unlock(&pool->submit);
}
