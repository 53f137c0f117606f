// The loops for any CPU: whatever the compiler's base target has.
#define LEVEL generic
#define PRODUCT_ROWS 2
#include "loops.inc"
