#include "core/optim/adafactor.hpp"

#include <algorithm>
#include <cmath>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "core/optim/adafactor.cpp"
#include <hwy/foreach_target.h>  // compiles this file again for each target
#include <hwy/highway.h>

#include "core/optim/elements-inl.hpp"
#include "core/optim/sums-inl.hpp"

#ifndef STRATA_OPTIM_ADAFACTOR_ONCE
#define STRATA_OPTIM_ADAFACTOR_ONCE
namespace strata::optim {

// The constants of one step.
struct AdafactorStep {
  float factor, eps, beta, take;  // the second moment becomes beta * itself + take * the new mean
  float shrink = 1, rate, decay;  // the update is divided by `shrink`
};

// Rows [first, first + count) of all matrices of a weight, and the numbers that its update needs.
struct AdafactorRows {
  uint64_t first, count, columns;
  float* row_moments = nullptr;           // by row, as row_factors
  const float* row_factors = nullptr;     // null: 1
  const float* column_factors = nullptr;  // belong to the rows' matrix
  double* sums = nullptr;                 // out: of each column, or the sum of the update's squares
};

}  // namespace strata::optim
#endif

HWY_BEFORE_NAMESPACE();
namespace strata::optim::HWY_NAMESPACE {

// The square of each gradient of a row with eps, added to the columns' sums as well.
template <class Gradient>
struct Squared {
  const typename Gradient::Stored* gradient;
  const AdafactorStep& s;
  double* columns;
  template <class D>
  HWY_INLINE hn::Vec<D> operator()(D d, uint64_t at) const {
    const hn::Rebind<float, D> narrow;
    const auto g = hn::Mul(Gradient::load(narrow, gradient, at), hn::Set(narrow, s.factor));
    const auto x = hn::PromoteTo(d, hn::Add(hn::Mul(g, g), hn::Set(narrow, s.eps)));
    hn::StoreU(hn::Add(hn::LoadU(d, columns + at), x), d, columns + at);
    return x;
  }
};

// The update of a row before it is clipped.
template <class Gradient>
struct Update {
  const typename Gradient::Stored* gradient;
  float factor, row;
  const float* columns;
  template <class D>
  HWY_INLINE hn::Vec<D> of(D d, uint64_t at) const {
    const auto g = hn::Mul(Gradient::load(d, gradient, at), hn::Set(d, factor));
    return hn::Mul(hn::Mul(hn::Set(d, row), hn::LoadU(d, columns + at)), g);
  }
  template <class D>
  HWY_INLINE hn::Vec<D> operator()(D d, uint64_t at) const {
    const auto x = hn::PromoteTo(d, of(hn::Rebind<float, D>{}, at));
    return hn::Mul(x, x);
  }
};

template <class Gradient>
HWY_INLINE Update<Gradient> update_of(const AdafactorArrays& a, const AdafactorStep& s,
                                      const AdafactorRows& rows, uint64_t row) {
  const auto* gradient = static_cast<const typename Gradient::Stored*>(a.gradient);
  if constexpr (!std::is_void_v<typename Gradient::Stored>) gradient += row * rows.columns;
  return {gradient, s.factor, rows.row_factors ? rows.row_factors[row] : 1, rows.column_factors};
}

template <class Gradient>
struct RowMoments {
  static HWY_NOINLINE void run(const AdafactorArrays& a, const AdafactorStep& s,
                               const AdafactorRows& rows) {
    std::fill_n(rows.sums, rows.columns, 0.0);
    for (uint64_t row = rows.first; row < rows.first + rows.count; ++row) {
      const auto* gradient = update_of<Gradient>(a, s, rows, row).gradient;
      const double sum = sum_of(rows.columns, Squared<Gradient>{gradient, s, rows.sums});
      const auto mean = static_cast<float>(sum / static_cast<double>(rows.columns));
      rows.row_moments[row] = rows.row_moments[row] * s.beta + mean * s.take;
    }
  }
};

template <class Gradient>
struct ElementMoments {
  static HWY_NOINLINE void run(const AdafactorArrays& a, const AdafactorStep& s, uint64_t count,
                               float* factors) {
    const One d;
    for (uint64_t at = 0; at < count; ++at) {
      const float g = hn::GetLane(Gradient::load(
                          d, static_cast<const typename Gradient::Stored*>(a.gradient), at)) *
                      s.factor;
      a.moments[at] = a.moments[at] * s.beta + (g * g + s.eps) * s.take;
      factors[at] = 1 / std::sqrt(a.moments[at]);
    }
  }
};

template <class Gradient>
struct UpdateSquares {
  static HWY_NOINLINE void run(const AdafactorArrays& a, const AdafactorStep& s,
                               const AdafactorRows& rows) {
    double sum = 0;
    for (uint64_t row = rows.first; row < rows.first + rows.count; ++row)
      sum += sum_of(rows.columns, update_of<Gradient>(a, s, rows, row));
    *rows.sums = sum;
  }
};

template <class Gradient, class Copy>
struct Apply {
  template <class D>
  static HWY_INLINE void some(D d, const AdafactorArrays& a, const AdafactorStep& s,
                              const Update<Gradient>& update, uint64_t begin, uint64_t at) {
    auto x = hn::Div(update.of(d, at), hn::Set(d, s.shrink));
    x = hn::Mul(x, hn::Set(d, s.rate));
    auto p = hn::LoadU(d, a.master + begin + at);
    if (s.decay != 0) p = hn::Sub(p, hn::Mul(p, hn::Set(d, s.decay)));
    p = hn::Sub(p, x);
    hn::StoreU(p, d, a.master + begin + at);
    Copy::store(d, p, static_cast<typename Copy::Stored*>(a.copy), begin + at);
  }
  static HWY_NOINLINE void run(const AdafactorArrays& a, const AdafactorStep& s,
                               const AdafactorRows& rows) {
    const All d;
    const One one;
    const uint64_t lanes = hn::Lanes(d);
    for (uint64_t row = rows.first; row < rows.first + rows.count; ++row) {
      const auto update = update_of<Gradient>(a, s, rows, row);
      const uint64_t begin = row * rows.columns;
      uint64_t at = 0;
      for (; at + lanes <= rows.columns; at += lanes) some(d, a, s, update, begin, at);
      for (; at < rows.columns; ++at) some(one, a, s, update, begin, at);
    }
  }
};

void row_moments(const AdafactorArrays& a, const AdafactorStep& s, const AdafactorRows& rows) {
  choose<RowMoments>(a, s, rows);
}
void element_moments(const AdafactorArrays& a, const AdafactorStep& s, uint64_t count,
                     float* factors) {
  choose<ElementMoments>(a, s, count, factors);
}
void update_squares(const AdafactorArrays& a, const AdafactorStep& s, const AdafactorRows& rows) {
  choose<UpdateSquares>(a, s, rows);
}
void apply(const AdafactorArrays& a, const AdafactorStep& s, const AdafactorRows& rows) {
  choose<WithCopy<Apply>::Of>(a, s, rows);
}

}  // namespace strata::optim::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace strata::optim {
namespace {

HWY_EXPORT(row_moments);
HWY_EXPORT(element_moments);
HWY_EXPORT(update_squares);
HWY_EXPORT(apply);

// The ranges of rows over which sums are made: at most 64 of each matrix.
struct Parts {
  uint64_t rows, matrices, rows_of_part, of_matrix;

  explicit Parts(const AdafactorShape& shape)
      : rows(std::max<uint64_t>(1, shape.rows)), matrices(shape.rows == 0 ? 1 : shape.matrices),
        rows_of_part((rows + 63) / 64), of_matrix((rows + rows_of_part - 1) / rows_of_part) {}
  uint64_t count() const { return matrices * of_matrix; }
  uint64_t matrix(uint64_t part) const { return part / of_matrix; }
  // The rows of a part, counted over all matrices.
  AdafactorRows part(uint64_t part, uint64_t columns) const {
    const uint64_t first = part % of_matrix * rows_of_part;
    return {.first = matrix(part) * rows + first,
            .count = std::min(rows_of_part, rows - first),
            .columns = columns};
  }
};

// The second moments of one matrix and the factors that they give.
struct Moments {
  float *rows, *columns;
  float *row_factors, *column_factors;
};

void set_row_factors(const Moments& moments, uint64_t rows) {
  double sum = 0;
  for (uint64_t row = 0; row < rows; ++row) sum += moments.rows[row];
  const auto mean = static_cast<float>(sum / static_cast<double>(rows));
  for (uint64_t row = 0; row < rows; ++row)
    moments.row_factors[row] = 1 / std::sqrt(moments.rows[row] / mean);
}

void set_column_factors(const Moments& moments, const AdafactorStep& s, const AdafactorShape& shape,
                        const double* sums, uint64_t parts, uint64_t first, uint64_t count) {
  for (uint64_t column = first; column < first + count; ++column) {
    double sum = 0;
    for (uint64_t part = 0; part < parts; ++part) sum += sums[part * shape.columns + column];
    const auto mean = static_cast<float>(sum / static_cast<double>(shape.rows));
    moments.columns[column] = moments.columns[column] * s.beta + mean * s.take;
    moments.column_factors[column] = 1 / std::sqrt(moments.columns[column]);
  }
}

// Applies the update to rows of a weight that is held in bfloat16, a part of a row at a time.
void apply_in_float32(const AdafactorArrays& arrays, const AdafactorStep& s,
                      const AdafactorRows& rows) {
  for (uint64_t row = rows.first; row < rows.first + rows.count; ++row) {
    const uint64_t begin = row * rows.columns;
    in_float32(arrays.held, begin, rows.columns, [&](uint64_t at, uint64_t some, float* block) {
      auto part = arrays;
      part.gradient = gradients_at(arrays.gradient, arrays.gradient_dtype, at);
      part.master = block;
      AdafactorRows one{.first = 0, .count = 1, .columns = some};
      one.row_factors = rows.row_factors ? rows.row_factors + row : nullptr;
      one.column_factors = rows.column_factors + (at - begin);
      HWY_DYNAMIC_DISPATCH(apply)(part, s, one);
    });
  }
}

}  // namespace

void Adafactor::reserve(const AdafactorShape& shape) {
  const Parts parts(shape);
  const auto grow = [](auto& numbers, uint64_t count) {
    if (numbers.size() < count) numbers.resize(count);
  };
  if (shape.rows > 0) grow(column_sums_, parts.of_matrix * shape.columns);
  grow(squares_, parts.count());
  grow(factors_, shape.states());
}

void Adafactor::update(const AdafactorSettings& settings, uint64_t step,
                       const AdafactorShape& shape, const AdafactorArrays& arrays,
                       Workers& workers) {
  if (shape.elements() == 0) return;
  reserve(shape);
  const Parts parts(shape);
  const double beta = 1 - std::pow(static_cast<double>(step), settings.decay_rate);
  AdafactorStep s{.factor = static_cast<float>(settings.factor),
                  .eps = static_cast<float>(settings.eps),
                  .beta = static_cast<float>(beta),
                  .take = static_cast<float>(1 - beta),
                  .rate = static_cast<float>(settings.rate),
                  .decay = static_cast<float>(settings.weight_decay * settings.rate)};
  const uint64_t all_rows = parts.matrices * parts.rows;
  float* const column_factors = factors_.data() + (shape.rows == 0 ? 0 : all_rows);
  if (shape.rows == 0)
    HWY_DYNAMIC_DISPATCH(element_moments)(arrays, s, shape.columns, column_factors);
  for (uint64_t matrix = 0; shape.rows > 0 && matrix < parts.matrices; ++matrix) {
    const uint64_t row = matrix * shape.rows, column = matrix * shape.columns;
    const Moments moments{arrays.moments + row, arrays.moments + all_rows + column,
                          factors_.data() + row, column_factors + column};
    workers.run(parts.of_matrix, 1, [&](uint64_t part, uint64_t) {
      auto rows = parts.part(matrix * parts.of_matrix + part, shape.columns);
      rows.row_moments = arrays.moments;
      rows.sums = column_sums_.data() + part * shape.columns;
      HWY_DYNAMIC_DISPATCH(row_moments)(arrays, s, rows);
    });
    workers.run(shape.columns, 1024, [&](uint64_t first, uint64_t count) {
      set_column_factors(moments, s, shape, column_sums_.data(), parts.of_matrix, first, count);
    });
    set_row_factors(moments, shape.rows);
  }
  const auto with_factors = [&](uint64_t part) {
    auto rows = parts.part(part, shape.columns);
    rows.row_factors = shape.rows == 0 ? nullptr : factors_.data();
    rows.column_factors = column_factors + parts.matrix(part) * shape.columns;
    return rows;
  };
  workers.run(parts.count(), 1, [&](uint64_t part, uint64_t) {
    auto rows = with_factors(part);
    rows.sums = squares_.data() + part;
    HWY_DYNAMIC_DISPATCH(update_squares)(arrays, s, rows);
  });
  double squares = 0;
  for (uint64_t part = 0; part < parts.count(); ++part) squares += squares_[part];
  const double size = std::sqrt(squares / static_cast<double>(shape.elements()));
  s.shrink = std::max(1.0F, static_cast<float>(size / settings.clip_threshold));
  workers.run(parts.count(), 1, [&](uint64_t part, uint64_t) {
    if (arrays.held.values) return apply_in_float32(arrays, s, with_factors(part));
    HWY_DYNAMIC_DISPATCH(apply)(arrays, s, with_factors(part));
  });
}

}  // namespace strata::optim
#endif
