#pragma once

#include "kernels/kernel.h"

// Some columns of wider matrices. A matrix is given as a whole: (n, ld), and the columns begin at `at` of it.

namespace lamella {
namespace {

// y's columns = x's columns.
template <typename T>
void copy_columns(T* y, const T* x, Rows n, Dim width, Number y_ld, Number y_at, Number x_ld, Number x_at,
                  const Team& team);

// y's columns = 0.
template <typename T>
void zero_columns(T* y, Rows n, Dim width, Number y_ld, Number y_at, const Team& team);

// y's columns = the row of `table` that x's column says: whole numbers in [0, count), which callers check. (Anything
// else finds some row of the table: no memory outside it is read.)
template <typename T>
void embedding_forward(T* y,            // (n, y_ld): width columns from y_at on
                       const T* x,      // (n, x_ld): column x_at
                       const T* table,  // (count, width)
                       Rows n, Dim width, Number count, Number y_ld, Number y_at, Number x_ld, Number x_at,
                       const Team& team);

// dtable[i] = the sum of dy's rows where x says i, added to what is there if accumulate. Threads own rows of the table
// and walk down the batch, so that sums have one order.
template <typename T>
void embedding_backward(T* dtable,    // (count, width)
                        const T* dy,  // (n, y_ld): width columns from y_at on
                        const T* x,   // (n, x_ld): column x_at
                        Rows n, Dim width, Number count, Number y_ld, Number y_at, Number x_ld, Number x_at,
                        Flag accumulate, const Team& team);

}  // namespace
}  // namespace lamella
