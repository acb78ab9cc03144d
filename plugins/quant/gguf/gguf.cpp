// The block formats of GGUF files. A weight [.., n] is one part, "blocks": bytes [.., n / 32 * b],
// as they lie in the file. F32, F16 and BF16 are dense and need no codec.
#include <strata/quant.hpp>
#include <type_traits>

#include "blocks.hpp"
#include "kernels.hpp"

namespace {

using strata::Memory;

struct Scheme {
  std::string_view name;
  int64_t bytes;  // of a block
  gguf::Scheme kernel;
};
constexpr Scheme schemes[] = {{"Q4_0", gguf::Q4_0::bytes, gguf::Scheme::q4_0},
                              {"Q4_1", gguf::Q4_1::bytes, gguf::Scheme::q4_1},
                              {"Q8_0", gguf::Q8_0::bytes, gguf::Scheme::q8_0}};

const Scheme* find(std::string_view name) {
  for (const auto& one : schemes)
    if (one.name == name) return &one;
  return nullptr;
}

strata::Failure refused(std::string_view scheme, const std::string& what) {
  return {STRATA_INVALID, std::string(scheme) + ": " + what};
}

// f(T*) for the dense weight's element type.
template <class F>
void over_elements(std::string_view scheme, const Memory& weight, F&& f) {
  const auto [code, bits, lanes] = weight.dtype;
  if (lanes == 1 && code == STRATA_FLOAT && bits == 32) return f(weight.as<float>());
  if (lanes == 1 && code == STRATA_FLOAT && bits == 64) return f(weight.as<double>());
  if (lanes == 1 && code == STRATA_FLOAT && bits == 16) return f(weight.as<gguf::Half>());
  if (lanes == 1 && code == STRATA_BFLOAT && bits == 16) return f(weight.as<gguf::Brain>());
  throw refused(scheme, "a dense weight is float16, bfloat16, float32 or float64");
}

bool on_host(const Memory& one) {
  return one.device.type == STRATA_CPU || one.device.type == STRATA_PINNED;
}

// The kernels' name for the type of the elements.
struct Named {
  gguf::Element* element;
  void operator()(gguf::Half*) const { *element = gguf::Element::half; }
  void operator()(gguf::Brain*) const { *element = gguf::Element::brain; }
  void operator()(float*) const { *element = gguf::Element::single; }
  void operator()(double*) const { *element = gguf::Element::twice; }
};

struct Codec {
  const Scheme* scheme;

  static int32_t score(std::string_view name, const strata::Config*) {
    return find(name) ? 100 : 0;
  }

  Codec(std::string_view name, const strata::Config*) : scheme(find(name)) {
    if (!scheme) throw refused(name, "no scheme of this codec: it knows Q4_0, Q4_1 and Q8_0");
  }

  std::vector<strata::Part> parts(strata_dtype, std::span<const int64_t> shape) const {
    if (shape.empty() || shape.back() % gguf::block_elements != 0)
      throw refused(scheme->name, "rows of " + std::to_string(shape.empty() ? 1 : shape.back()) +
                                      " elements are no whole blocks of 32");
    std::vector<int64_t> bytes(shape.begin(), shape.end());
    bytes.back() = bytes.back() / gguf::block_elements * scheme->bytes;
    return {{"blocks", {STRATA_UINT, 8, 1}, std::move(bytes), shape.size() > 1 ? 0 : STRATA_NONE}};
  }

  strata::Failure unimplemented(const std::string& why) const {
    return {STRATA_UNIMPLEMENTED, std::string(scheme->name) + ": " + why};
  }

  // The blocks of the weight; throws unless the part holds just as many.
  int64_t count(const Memory& weight, std::span<const Memory> given) const {
    const auto part = parts(weight.dtype, weight.shape).front();
    const auto blocks = weight.elements() / gguf::block_elements;
    if (given.size() != 1 || given[0].dtype.bits != 8 ||
        given[0].elements() != blocks * scheme->bytes)
      throw refused(scheme->name, "the part is not the weight's blocks");
    return blocks;
  }

  template <class F>
  void over_blocks(F&& f) const {
    if (scheme->name == "Q4_0") return f(gguf::Q4_0());
    if (scheme->name == "Q4_1") return f(gguf::Q4_1());
    return f(gguf::Q8_0());
  }

  void pack(const strata_call&, const Memory& weight, std::span<const Memory> given) const {
    const auto blocks = count(weight, given);
    if (!on_host(weight) || !on_host(given[0]))
      throw unimplemented("weights are packed in host memory only");
    over_blocks([&](auto block) {
      over_elements(scheme->name, weight, [&](auto* from) {
        gguf::pack_blocks<decltype(block)>(from, blocks, given[0].as<uint8_t>());
      });
    });
  }

  void unpack(const strata_call& call, std::span<const Memory> given, const Memory& weight) const {
    const auto blocks = count(weight, given);
    if (!on_host(weight) || !on_host(given[0])) return unpack_there(call, given[0], weight, blocks);
    over_blocks([&](auto block) {
      over_elements(scheme->name, weight, [&](auto* to) {
        gguf::unpack_blocks<decltype(block)>(given[0].as<const uint8_t>(), blocks, to);
      });
    });
  }

  void unpack_there(const strata_call& call, const Memory& part, const Memory& weight,
                    int64_t blocks) const {
    const auto [type, id] = weight.device;
    if (type != STRATA_CUDA || part.device.type != type || part.device.id != id)
      throw unimplemented("blocks and weight are not on one GPU");
    gguf::OnDevice work{.scheme = scheme->kernel,
                        .blocks = blocks,
                        .from = part.as<const uint8_t>(),
                        .device = id,
                        .stream = call.stream};
    over_elements(scheme->name, weight, [&](auto* to) {
      Named{&work.element}(to);
      work.to = to;
    });
    if (const char* why = gguf::unpack_on_device(work)) throw unimplemented(why);
  }
};

}  // namespace

STRATA_QUANT_PLUGIN(Codec, "gguf", "1.0.0");
