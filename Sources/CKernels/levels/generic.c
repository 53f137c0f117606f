// The loops for any CPU: whatever the compiler's base target has.
#define LEVEL generic
#include "loops.inc"
