// quant-product [avx2|plain] < requests > answers: products with packed weights, for tests that
// compare with another implementation. The argument is what the processor may be used as; where it
// lacks that, the exit status is 3. First the program writes a line, "fast" or
// "exact": the fast products of this processor. A request is the line
//
//   BLOCK ROWS COLUMNS TOKENS THREADS X_DTYPE Y_DTYPE exact|fast
//
// and the bytes of the weight and of x; its answer has the bytes of y. Rows are given to the kernel
// with space between them and at odd addresses where that is allowed.
#include <hwy/highway.h>
#include <hwy/targets.h>

#include <iostream>
#include <limits>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "kernels/packed_linear.hpp"
#include "threads.hpp"

using namespace strata;

namespace {

const std::map<std::string, kernels::Block> blocks{
    {"Q4_0", kernels::Block::q4_0}, {"Q4_1", kernels::Block::q4_1}, {"Q5_0", kernels::Block::q5_0},
    {"Q5_1", kernels::Block::q5_1}, {"Q8_0", kernels::Block::q8_0}, {"Q2_K", kernels::Block::q2_k},
    {"Q3_K", kernels::Block::q3_k}, {"Q4_K", kernels::Block::q4_k}, {"Q5_K", kernels::Block::q5_k},
    {"Q6_K", kernels::Block::q6_k}, {"BF16", kernels::Block::bf16}, {"F16", kernels::Block::f16}};
const std::map<std::string, strata_dtype> dtypes{{"float32", {STRATA_FLOAT, 32, 1}},
                                                 {"bfloat16", {STRATA_BFLOAT, 16, 1}}};

// A product, and whether linear_grouped gives its bits where two halves of the weight's rows are
// weights of their own, each for some of the tokens.
struct Request {
  kernels::Linear of;
  const char* x;
  strata_dtype x_dtype, y_dtype;
  int64_t ldx, ldy, tokens;
  kernels::Run run;
  kernels::Products products;

  std::size_t y_size() const { return std::size_t{y_dtype.bits} / 8; }
  std::vector<char> product() const {
    std::vector<char> y(static_cast<std::size_t>(tokens * ldy) * y_size(), '\x55');
    std::vector<std::byte> space(kernels::workspace(of, tokens, products) + 1);
    kernels::linear(of, x, x_dtype, ldx, y.data(), y_dtype, ldy, tokens, space.data() + 1, run,
                    products);
    return y;
  }
  bool grouped_is(const std::vector<char>& want) const {
    const auto half = of.rows / 2, end = tokens / 3;
    if (half == 0) return true;
    const auto size = kernels::size_of(of.block);
    const auto* second = of.w + (of.rows - half) * (of.columns / size.elements) * size.bytes;
    const kernels::Share shares[]{{of.w, end}, {second, end}, {second, tokens}};
    std::vector<char> y(want.size(), '\x55');
    std::vector<std::byte> space(kernels::workspace(of, tokens, products) + 1);
    kernels::linear_grouped(of.block, half, of.columns, shares, 3, x, x_dtype, ldx, y.data(),
                            y_dtype, ldy, space.data() + 1, run, products);
    const auto width = static_cast<std::size_t>(half) * y_size();
    const std::string untouched(static_cast<std::size_t>(ldy - half) * y_size(), '\x55');
    for (int64_t t = 0; t < tokens; ++t) {
      const auto row = static_cast<std::size_t>(t * ldy) * y_size();
      const auto from = row + (t < end ? 0 : static_cast<std::size_t>(of.rows - half) * y_size());
      if (std::memcmp(y.data() + row, want.data() + from, width) != 0) return false;
      if (untouched.compare(0, untouched.size(), y.data() + row + width, untouched.size()) != 0)
        return false;
    }
    return true;
  }
};

bool answer(const std::string& line) {
  std::istringstream words(line);
  std::string block, x_name, y_name, products;
  int64_t rows = 0, columns = 0, tokens = 0;
  Threads threads{1};
  words >> block >> rows >> columns >> tokens >> threads.count >> x_name >> y_name >> products;
  if (!words) return false;
  const auto kind = blocks.at(block);
  if (!kernels::can(kind, columns)) return false;
  const auto x_dtype = dtypes.at(x_name), y_dtype = dtypes.at(y_name);
  const auto x_size = std::size_t{x_dtype.bits} / 8, y_size = std::size_t{y_dtype.bits} / 8;
  const auto size = kernels::size_of(kind);
  const auto weight_bytes = static_cast<std::size_t>(rows * (columns / size.elements) * size.bytes);
  const auto mode = products == "fast" ? kernels::Products::fast : kernels::Products::exact;

  std::vector<char> weight(weight_bytes + 1);
  std::cin.read(weight.data() + 1, static_cast<std::streamsize>(weight_bytes));
  const std::size_t x_row = static_cast<std::size_t>(columns) * x_size;
  std::vector<char> x(static_cast<std::size_t>(tokens) * x_row);
  if (!std::cin.read(x.data(), static_cast<std::streamsize>(x.size()))) return false;
  const auto spaced = spread(x, x_row, 3 * x_size);

  const int64_t ldy = rows + 5;
  const Request request{
      {kind, reinterpret_cast<const std::byte*>(weight.data() + 1), rows, columns},
      spaced.data(),
      x_dtype,
      y_dtype,
      columns + 3,
      ldy,
      tokens,
      {Threads::parallel, &threads},
      mode};
  const auto y = request.product();
  if (!request.grouped_is(y)) return false;
  const auto width = static_cast<std::size_t>(rows) * y_size;
  for (int64_t t = 0; t < tokens; ++t) {
    const char* row = y.data() + static_cast<std::size_t>(t * ldy) * y_size;
    std::cout.write(row, static_cast<std::streamsize>(width));
    for (std::size_t at = width; at < width + 5 * y_size; ++at)
      if (row[at] != '\x55') return false;  // the kernel wrote between rows
  }
  return static_cast<bool>(std::cout.flush());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1) {
    const int64_t target = std::string(argv[1]) == "avx2" ? HWY_AVX2 : HWY_EMU128;
    if (target == HWY_AVX2 && (hwy::SupportedTargets() & target) == 0) return 3;
    hwy::SetSupportedTargetsForTest(target);
  }
  std::cout << (kernels::has_fast() ? "fast" : "exact") << std::endl;
  for (std::string line; std::getline(std::cin, line);)
    if (!answer(line)) return 1;
  return 0;
}
