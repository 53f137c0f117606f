// The AMX kernels on a model of the tiles in plain C, for machines without them.
#pragma once
#include "matrix.h"

const CKernels_matrix *AMXModel_matrix(void);
