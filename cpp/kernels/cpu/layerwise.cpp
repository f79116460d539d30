#include "kernels/layerwise.h"

#include "kernels/binder.h"
#include "kernels/cpu/sums.h"

namespace lamella {
namespace {

template <typename T>
void lamb_update(T* value, T* first, T* second, double* sums, const T* grad, const double* scale, Dim count,
                 const LambHyper& hyper, const Team& team) {
  const Preamble<T> before(hyper, scale);
  const bool corrects = hyper.bias_correction != 0;
  const auto correction = [&](double beta) { return corrects ? 1 - __builtin_pow(beta, hyper.step) : 1; };
  const T beta1 = static_cast<T>(hyper.beta1), beta2 = static_cast<T>(hyper.beta2), eps = static_cast<T>(hyper.eps);
  const T fresh1 = static_cast<T>(1 - hyper.beta1), fresh2 = static_cast<T>(1 - hyper.beta2);
  const T up = static_cast<T>(1 / correction(hyper.beta1)), decay = static_cast<T>(hyper.decay);
  const T root = static_cast<T>(1 / __builtin_sqrt(correction(hyper.beta2)));
  const auto direction = [&](Vector<T> x, Vector<T> m, Vector<T> v) {
    return rounded<T>(up * m / (square_root(v) * root + eps)) + decay * x;
  };

  const Index chunks = sum_chunks(count.value);
  for_chunks(count, team, [&](Index chunk, Index begin, Index end) {
    Vector<double> of_value = {}, of_direction = {};
    for_range<T>(begin, end, [&](auto at) {
      const Vector<T> x = at.get(value), g = before.gradient(at.get(grad), x);
      const Vector<T> m = blend<T>(beta1, at.get(first), fresh1, g);
      const Vector<T> v = rounded<T>(beta2 * at.get(second)) + fresh2 * g * g;
      of_value = add_squares(of_value, x);
      of_direction = add_squares(of_direction, at.only(direction(x, m, v)));
      at.put(first, m);
      at.put(second, v);
    });
    sums[chunk] = sum<double>(of_value);
    sums[chunks + chunk] = sum<double>(of_direction);
  });
  wait(team);

  const double length = __builtin_sqrt(in_order(sums, chunks)),
               change = __builtin_sqrt(in_order(sums + chunks, chunks));
  const double trust = length > 0 && change > 0 ? length / change : 1;
  const T rate = static_cast<T>(hyper.lr * trust);
  for_chunks(count, team, [&](Index, Index begin, Index end) {
    for_range<T>(begin, end, [&](auto at) {
      const Vector<T> x = at.get(value);
      at.put(value, x - rate * direction(x, at.get(first), at.get(second)));
    });
  });
}

// What both kinds of Adafactor's update do with their sums.
template <typename T>
struct Adafactor {
  const AdafactorHyper& hyper;
  T fresh, least;  // of a new square in its average, and of a variance
  double eps1;

  explicit Adafactor(const AdafactorHyper& h)
      : hyper(h), fresh(static_cast<T>(__builtin_pow(h.step, h.beta2_decay))), least(), eps1(h.eps1) {
    if (eps1 < 0) eps1 = sizeof(T) == 4 ? __FLT_EPSILON__ : __DBL_EPSILON__;
    least = static_cast<T>(eps1 * eps1);
  }

  Vector<T> average(Vector<T> a, Vector<T> square) const { return a + fresh * (square - a); }
  Vector<T> direction(Vector<T> g, Vector<T> variance) const {
    return g / square_root(variance < least ? splat(least) : variance);
  }
  // The rate, from the sums of squares of `count` values and of their directions.
  T rate(double of_values, double of_directions, Index count) const {
    const double n = static_cast<double>(count), slowed = 1 / __builtin_sqrt(hyper.step);
    const double size = __builtin_sqrt(of_values / n), change = __builtin_sqrt(of_directions / n) / hyper.clip;
    const double scaled = (size > hyper.eps2 ? size : hyper.eps2) * (hyper.lr < slowed ? hyper.lr : slowed);
    return static_cast<T>(change > 1 ? scaled / change : scaled);
  }
};

template <typename T>
void adafactor_matrix_update(T* value, T* row_var, T* col_var, double* sums, const T* grad, const double* scale,
                             Dim rows, Dim cols, Flag by_column, const AdafactorHyper& hyper, const Team& team) {
  const Preamble<T> before(hyper, scale);
  const Adafactor<T> own(hyper);
  const Index n = rows.value, width = cols.value;
  const auto gradient = [&](auto at, Index offset) {
    return before.gradient(at.get(grad + offset), at.get(value + offset));
  };

  const Span mine = share(team, n, 16);  // rows; neighbours in row_var share a cache line
  for (Index i = mine.begin; i < mine.end; ++i) {
    Vector<double> of_value = {}, of_grad = {};
    for_range<T>(0, width, [&](auto at) {
      of_value = add_squares(of_value, at.get(value + i * width));
      of_grad = add_squares(of_grad, gradient(at, i * width));
    });
    sums[i] = sum<double>(of_value);
    const T mean = static_cast<T>(sum<double>(of_grad) / static_cast<double>(width));
    row_var[i] += own.fresh * (mean - row_var[i]);
  }
  const Span columns = share(team, width, 16);
  const T down = static_cast<T>(1 / static_cast<double>(n));
  for_range<T>(columns.begin, columns.end, [&](auto at) {
    Vector<T> square = {};
    for (Index i = 0; i < n; ++i) {
      const Vector<T> g = gradient(at, i * width);
      square += g * g;
    }
    at.put(col_var, own.average(at.get(col_var), rounded<T>(square * down)));
  });
  wait(team);

  Vector<double> total = {};
  const T* const divisor = by_column.value ? col_var : row_var;
  const Index length = by_column.value ? width : n;
  for_range<T>(0, length,
               [&](auto at) { total = add_wide(total, at.get(divisor), [](Vector<double> v) { return v; }); });
  const double mean = sum<double>(total) / static_cast<double>(length);
  const double divided = mean < own.eps1 ? own.eps1 : mean;
  const auto direction = [&](auto at, Index i) {
    const T row = static_cast<T>(row_var[i] / divided);
    return own.direction(gradient(at, i * width), row * at.get(col_var));
  };
  for (Index i = mine.begin; i < mine.end; ++i) {
    Vector<double> of_direction = {};
    for_range<T>(0, width, [&](auto at) { of_direction = add_squares(of_direction, at.only(direction(at, i))); });
    sums[n + i] = sum<double>(of_direction);
  }
  wait(team);

  const T rate = own.rate(in_order(sums, n), in_order(sums + n, n), n * width);
  for (Index i = mine.begin; i < mine.end; ++i) {
    for_range<T>(0, width, [&](auto at) {
      const Vector<T> x = at.get(value + i * width);
      at.put(value + i * width, before.value(x) - rate * direction(at, i));
    });
  }
}

template <typename T>
void adafactor_vector_update(T* value, T* variance, double* sums, const T* grad, const double* scale, Dim count,
                             const AdafactorHyper& hyper, const Team& team) {
  const Preamble<T> before(hyper, scale);
  const Adafactor<T> own(hyper);
  const Index chunks = sum_chunks(count.value);
  for_chunks(count, team, [&](Index chunk, Index begin, Index end) {
    Vector<double> of_value = {}, of_direction = {};
    for_range<T>(begin, end, [&](auto at) {
      const Vector<T> x = at.get(value), g = before.gradient(at.get(grad), x);
      const Vector<T> v = own.average(at.get(variance), rounded<T>(g * g));
      at.put(variance, v);
      of_value = add_squares(of_value, x);
      of_direction = add_squares(of_direction, at.only(own.direction(g, v)));
    });
    sums[chunk] = sum<double>(of_value);
    sums[chunks + chunk] = sum<double>(of_direction);
  });
  wait(team);

  const T rate = own.rate(in_order(sums, chunks), in_order(sums + chunks, chunks), count.value);
  for_chunks(count, team, [&](Index, Index begin, Index end) {
    for_range<T>(begin, end, [&](auto at) {
      const Vector<T> x = at.get(value);
      const Vector<T> direction = own.direction(before.gradient(at.get(grad), x), at.get(variance));
      at.put(value, before.value(x) - rate * direction);
    });
  });
}

}  // namespace
}  // namespace lamella

LAMELLA_FAMILY(layerwise, LAMELLA_KERNEL(lamb_update), LAMELLA_KERNEL(adafactor_matrix_update),
               LAMELLA_KERNEL(adafactor_vector_update))
