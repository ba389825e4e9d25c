/* A library as `doubled(x f64[N]) -> 2 x` would be, with the defect that BUG names: the harness must see it. */

#include <stdatomic.h>
#include <stddef.h>
#include <string.h>

#include "doubled.h"

enum { NONE, BEHIND, BEFORE, WRITES_INPUT, WRONG_VALUE, KEEPS_STATE, NO_NULL_CHECK, WRITES_FIRST, READS_WORKSPACE };

static double kept;

int64_t doubled_workspace_bytes(int64_t N)
{
    return N < 0 ? -1 : 64;
}

const char *doubled_message(int status)
{
    return status ? "a status" : "done";
}

int doubled(int64_t N, const double *x, double *out, void *workspace, int64_t workspace_bytes)
{
    if (N < 0 || N > INT64_MAX / 8) return DOUBLED_BAD_SIZE;
    if (N && BUG != NO_NULL_CHECK && (!x || !out)) return DOUBLED_NULL_POINTER;
    if (((uintptr_t)x | (uintptr_t)out) % sizeof(double)) return DOUBLED_MISALIGNED;
    if (BUG == WRITES_FIRST && N) out[0] = 0.0;
    if (workspace_bytes < 64 || !workspace || (uintptr_t)workspace % 64) return DOUBLED_BAD_WORKSPACE;
    double at_first = kept, there = *(double *)workspace;
    for (int64_t i = 0; i < N; i++) out[i] = 2.0 * x[i];
    if (BUG == BEHIND) ((volatile double *)out)[N] = 0.0;
    if (BUG == BEFORE) kept += 0.0 * ((const volatile double *)x)[-1];
    if (BUG == WRITES_INPUT && N) ((double *)(uintptr_t)x)[N - 1] += 1.0;
    if (BUG == WRONG_VALUE && N) out[N - 1] = -1.0;
    if (BUG == KEEPS_STATE && N) out[0] += 1e-15 * at_first, kept += 1.0;
    if (BUG == READS_WORKSPACE && N && there == 3.0) out[0] += 1e-15;
    return DOUBLED_OK;
}
