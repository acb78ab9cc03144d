// quant-groups [avx2|plain] < requests > answers: weights in groups, for tests that compare with
// another implementation. The argument is what the processor may be used as; where it lacks that,
// the exit status is 3. First the program writes a line: the codes whose fast products round
// activations on this processor. A request is one of the lines
//
//   product groups CODE GROUP ZERO SCALE ROWS COLUMNS TOKENS THREADS X_DTYPE Y_DTYPE exact|fast
//   unpack groups CODE GROUP ZERO SCALE ROWS COLUMNS DTYPE
//
// and the bytes of the weight's parts and of x; its answer has the bytes of y, or of the weight.
// Rows of x and y lie with space between them, and no part is longer than it must be.
#include "kernels/groups.hpp"

#include <hwy/highway.h>
#include <hwy/targets.h>

#include <iostream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "kernels/group_codec.hpp"
#include "threads.hpp"

using namespace strata;

namespace {

const std::map<std::string, strata_dtype> dtypes{{"float32", {STRATA_FLOAT, 32, 1}},
                                                 {"float64", {STRATA_FLOAT, 64, 1}},
                                                 {"float16", {STRATA_FLOAT, 16, 1}},
                                                 {"bfloat16", {STRATA_BFLOAT, 16, 1}}};

using Bytes = std::vector<char>;

Bytes take(int64_t count) {
  Bytes out(static_cast<std::size_t>(count));
  std::cin.read(out.data(), count);
  return out;
}
void give(const char* from, int64_t count) { std::cout.write(from, count); }

// A weight and the memory of its parts.
struct Weight {
  explicit Weight(std::istream& words) {
    std::string text, word;
    for (int i = 0; i < 5 && words >> word; ++i) text += (i > 0 ? " " : "") + word;
    form = kernels::parse_groups(text).value();
    words >> rows >> columns;
  }
  kernels::GroupLinear read() {
    const auto groups = rows * kernels::groups_in(form, columns);
    const int64_t wide = form.scale.bits / 8;
    codes = take(rows * kernels::codes_in(form, columns));
    scales = take(groups * wide);
    zeros = take(form.zero == kernels::Zero::none
                     ? 0
                     : groups * (form.zero == kernels::Zero::code ? 1 : wide));
    return {form,
            {reinterpret_cast<const uint8_t*>(codes.data()), scales.data(), zeros.data()},
            rows,
            columns};
  }
  kernels::GroupForm form{};
  int64_t rows = 0, columns = 0;
  Bytes codes, scales, zeros;
};

// A product's y, row after row, `ldy` elements apart.
struct Result {
  const Bytes& y;
  int64_t ldy, size;
  Bytes row(int64_t t, int64_t first, int64_t count) const {
    const auto* from = y.data() + (t * ldy + first) * size;
    return {from, from + count * size};
  }
};

// Whether two halves of the weight's rows, each with a part of the tokens, give the same bits in
// one grouped product.
bool grouped_is(const kernels::GroupLinear& of, const Bytes& x, strata_dtype x_dtype, int64_t ldx,
                strata_dtype y_dtype, int64_t tokens, Threads& threads, kernels::Products mode,
                const Result& want) {
  const int64_t half = of.rows / 2, groups = kernels::groups_in(of.form, of.columns);
  if (half == 0) return true;
  const int64_t scale = of.form.scale.bits / 8;
  const int64_t zero = of.form.zero == kernels::Zero::code ? 1 : scale;
  auto second = of.parts;
  second.codes += half * kernels::codes_in(of.form, of.columns);
  second.scales = static_cast<const char*>(second.scales) + half * groups * scale;
  if (of.form.zero != kernels::Zero::none)
    second.zeros = static_cast<const char*>(second.zeros) + half * groups * zero;
  const int64_t some = tokens / 3;
  const kernels::GroupShare shares[]{{second, some}, {second, some}, {of.parts, tokens}};
  Bytes y(static_cast<std::size_t>(tokens * half * want.size));
  std::vector<std::byte> space(kernels::workspace(of, tokens, mode));
  kernels::linear_grouped(of.form, half, of.columns, shares, 3, x.data(), x_dtype, ldx, y.data(),
                          y_dtype, half, space.data(), {Threads::parallel, &threads}, mode);
  const Result made{y, half, want.size};
  for (int64_t t = 0; t < tokens; ++t)
    if (made.row(t, 0, half) != want.row(t, t < some ? half : 0, half)) return false;
  return true;
}

bool product(std::istream& words) {
  Weight weight(words);
  std::string x_name, y_name, products;
  int64_t tokens = 0;
  Threads threads{1};
  words >> tokens >> threads.count >> x_name >> y_name >> products;
  if (!words || !kernels::can(weight.form, weight.columns)) return false;
  const auto of = weight.read();
  const auto x_dtype = dtypes.at(x_name), y_dtype = dtypes.at(y_name);
  const int64_t x_size = x_dtype.bits / 8, y_size = y_dtype.bits / 8;
  const auto mode = products == "fast" ? kernels::Products::fast : kernels::Products::exact;

  const auto x_row = static_cast<std::size_t>(of.columns * x_size);
  const auto x = take(tokens * of.columns * x_size);
  if (!std::cin) return false;
  const auto spaced = spread(x, x_row, static_cast<std::size_t>(3 * x_size));
  const int64_t ldy = of.rows + 5;
  Bytes y(static_cast<std::size_t>(tokens * ldy * y_size), '\x55');
  std::vector<std::byte> space(kernels::workspace(of, tokens, mode) + 1);
  kernels::linear(of, spaced.data(), x_dtype, of.columns + 3, y.data(), y_dtype, ldy, tokens,
                  space.data() + 1, {Threads::parallel, &threads}, mode);
  for (int64_t t = 0; t < tokens; ++t) {
    const char* row = y.data() + t * ldy * y_size;
    give(row, of.rows * y_size);
    for (int64_t at = of.rows * y_size; at < ldy * y_size; ++at)
      if (row[at] != '\x55') return false;  // the kernel wrote between rows
  }
  return grouped_is(of, spaced, x_dtype, of.columns + 3, y_dtype, tokens, threads, mode,
                    {y, ldy, y_size});
}

// Two calls unpack the first rows and the others.
bool unpack(std::istream& words) {
  Weight weight(words);
  std::string name;
  words >> name;
  if (!words || !kernels::can(weight.form, weight.columns)) return false;
  const auto of = weight.read();
  const auto dtype = dtypes.at(name);
  const int64_t row = of.columns * dtype.bits / 8, some = of.rows / 2;
  Bytes out(static_cast<std::size_t>(of.rows * row));
  kernels::unpack(of, some, of.rows - some, out.data() + some * row, dtype);
  kernels::unpack(of, 0, some, out.data(), dtype);
  give(out.data(), of.rows * row);
  return true;
}

bool answer(const std::string& line) {
  std::istringstream words(line);
  std::string what;
  words >> what;
  const bool done = what == "product" ? product(words) : unpack(words);
  return done && std::cout.flush();
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1) {
    const int64_t target = std::string(argv[1]) == "avx2" ? HWY_AVX2 : HWY_EMU128;
    if (target == HWY_AVX2 && (hwy::SupportedTargets() & target) == 0) return 3;
    hwy::SetSupportedTargetsForTest(target);
  }
  for (const char* code : {"int4", "int8", "nf4", "e2m1", "e4m3"})
    if (kernels::has_fast(
            kernels::parse_groups(std::string("groups ") + code + " 32 none f16").value()))
      std::cout << code << " ";
  std::cout << std::endl;
  for (std::string line; std::getline(std::cin, line);)
    if (!answer(line)) return 1;
  return 0;
}
