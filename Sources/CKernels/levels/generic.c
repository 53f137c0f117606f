// The loops for any CPU: whatever the compiler's base target has.
#define LEVEL generic
#define PRODUCT_ROWS 2
// Not every loop can be vectorised for any CPU.
#define EACH
#include "loops.inc"
