// Whether products are what they should be, found out before anybody relies on them.
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <string.h>

#include "kernels.h"

// Whole tiles and blocks, and every kind of edge.
enum { rows = 37, columns = 40, depth = 128, stride = depth + 64 };

static _Thread_local sigjmp_buf escape;
static _Thread_local volatile sig_atomic_t is_checking;

static void leave(int number) {
    if (is_checking) siglongjmp(escape, 1);
    // Somebody else's: it strikes again, and as if we had not been here.
    signal(number, SIG_DFL);
}

// Small whole numbers: their products and sums are exact in every order.
static int value(size_t index) { return (int)(index * 2654435761u >> 13 & 15) - 8; }

static uint16_t bf16(int whole) {
    const float number = (float)whole;
    uint32_t bits;
    memcpy(&bits, &number, sizeof bits);
    return (uint16_t)(bits >> 16);
}

typedef struct {
    float bf16[rows * columns], int8[rows * columns];
} results;

static void multiply(const CKernels_matrix *matrix, results *found) {
    enum { padded_rows = (rows + CKernels_row_block - 1) / CKernels_row_block * CKernels_row_block };
    enum { padded_columns = (columns + CKernels_panel - 1) / CKernels_panel * CKernels_panel };
    static uint16_t halves[padded_rows * stride], half_panels[padded_columns * depth];
    static uint8_t bytes[padded_rows * stride];
    static int8_t byte_panels[padded_columns * depth];
    float row_scales[rows], column_scales[columns];
    int32_t column_sums[columns];
    for (size_t i = 0; i < padded_rows * stride; i++) {
        halves[i] = bf16(value(i));
        bytes[i] = (uint8_t)(value(i) + 128);
    }
    for (size_t i = 0; i < padded_columns * depth; i++) {
        half_panels[i] = bf16(value(i + 7));
        byte_panels[i] = (int8_t)value(i + 7);
    }
    for (int row = 0; row < rows; row++) row_scales[row] = 1;
    for (int column = 0; column < columns; column++) {
        column_scales[column] = 1;
        column_sums[column] = column;
    }
    matrix->bf16_product(
        halves, stride, half_panels, rows, columns, depth, found->bf16, columns, 0);
    matrix->int8_product(
        bytes, stride, row_scales, byte_panels, column_scales, column_sums, rows, columns, depth,
        found->int8, columns);
}

int CKernels_agree(const CKernels_matrix *matrix, const CKernels_matrix *plain) {
    // Handlers belong to the process: one check at a time.
    static pthread_mutex_t one = PTHREAD_MUTEX_INITIALIZER;
    static results expected, found;
    pthread_mutex_lock(&one);
    multiply(plain, &expected);
    memset(&found, 0xFF, sizeof found);
    const int numbers[] = {SIGILL, SIGSEGV, SIGBUS};
    struct sigaction before[3], action;
    memset(&action, 0, sizeof action);
    action.sa_handler = leave;
    sigemptyset(&action.sa_mask);
    for (int i = 0; i < 3; i++) sigaction(numbers[i], &action, &before[i]);
    volatile int agree = 0;
    if (sigsetjmp(escape, 1) == 0) {
        is_checking = 1;
        multiply(matrix, &found);
        agree = memcmp(&found, &expected, sizeof found) == 0;
    }
    is_checking = 0;
    for (int i = 0; i < 3; i++) sigaction(numbers[i], &before[i], NULL);
    pthread_mutex_unlock(&one);
    return agree;
}
