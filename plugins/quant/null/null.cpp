// The smallest codec: a weight's only part is a copy of it. It is the file to copy for a codec of
// your own.
#include <cstring>
#include <strata/quant.hpp>

namespace {

using strata::Memory;

struct Null {
  // The schemes in the manifest choose a codec; this host does not ask for its score.
  static int32_t score(std::string_view, const strata::Config*) { return 0; }
  Null(std::string_view, const strata::Config*) {}

  std::vector<strata::Part> parts(strata_dtype dtype, std::span<const int64_t> shape) const {
    return {{"codes", dtype, {shape.begin(), shape.end()}, 0}};
  }

  static void copy(const Memory& from, const Memory& to) {
    if (from.device.type == STRATA_CUDA || to.device.type == STRATA_CUDA)
      throw strata::Failure(STRATA_UNIMPLEMENTED, "null: copies host memory alone");
    if (from.elements() != to.elements() || from.dtype.bits != to.dtype.bits)
      throw strata::Failure(STRATA_INVALID, "null: the part is not of the weight's size");
    std::memcpy(to.data, from.data,
                static_cast<std::size_t>(from.elements()) * from.dtype.bits / 8);
  }

  void pack(const strata_call&, const Memory& weight, std::span<const Memory> parts) const {
    copy(weight, parts[0]);
  }
  void unpack(const strata_call&, std::span<const Memory> parts, const Memory& weight) const {
    copy(parts[0], weight);
  }
};

}  // namespace

STRATA_QUANT_PLUGIN(Null, "null", "1.0.0");
