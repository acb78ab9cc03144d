// A weight in several tensors of a checkpoint, brought through a codec as a host brings it:
// recognized, laid out, unpacked, repacked and multiplied.
#pragma once
#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <deque>
#include <optional>
#include <random>
#include <span>
#include <strata/quant.hpp>
#include <string>
#include <vector>

#include "core/ops/op_table.hpp"
#include "core/plugin/config_table.hpp"
#include "core/plugin/host.hpp"
#include "gguf/floats.hpp"

namespace packed_tests {

inline constexpr strata_dtype f32{STRATA_FLOAT, 32, 1}, f16{STRATA_FLOAT, 16, 1},
    bf16{STRATA_BFLOAT, 16, 1};

struct Tensor {
  std::string role, type;
  std::vector<int64_t> shape;
  std::vector<char> bytes;
};

template <class T>
Tensor tensor(std::string role, std::string type, std::vector<int64_t> shape,
              const std::vector<T>& values) {
  std::vector<char> bytes(values.size() * sizeof(T));
  if (!bytes.empty()) std::memcpy(bytes.data(), values.data(), bytes.size());
  return {std::move(role), std::move(type), std::move(shape), std::move(bytes)};
}

// Numbers in a float type of safetensors files, rounded to it.
inline Tensor floats(std::string role, std::string type, std::vector<int64_t> shape,
                     std::vector<float>& values) {
  std::vector<uint16_t> halves;
  for (auto& value : values) {
    if (type == "F16") halves.push_back(gguf::to_half(value).bits);
    if (type == "BF16") halves.push_back(gguf::to_brain(value).bits);
    if (type == "F16") value = gguf::to_float(gguf::Half{halves.back()});
    if (type == "BF16") value = gguf::to_float(gguf::Brain{halves.back()});
  }
  if (type == "F32") return tensor(std::move(role), std::move(type), std::move(shape), values);
  return tensor(std::move(role), std::move(type), std::move(shape), halves);
}

// The number rounded to the type.
inline float rounded(const std::string& type, float value) {
  if (type == "F16") return gguf::to_float(gguf::to_half(value));
  if (type == "BF16") return gguf::to_float(gguf::to_brain(value));
  return value;
}

class Random {
 public:
  explicit Random(unsigned seed) : engine_(seed) {}
  int below(int end) { return static_cast<int>(engine_() % static_cast<unsigned>(end)); }
  float between(float low, float high) {
    return std::uniform_real_distribution<float>(low, high)(engine_);
  }
  template <class T>
  std::vector<T> bytes(int64_t count) {
    std::vector<T> out(static_cast<std::size_t>(count));
    for (auto& one : out) one = static_cast<T>(below(256));
    return out;
  }
  std::vector<float> floats(int64_t count, float low, float high) {
    std::vector<float> out(static_cast<std::size_t>(count));
    for (auto& one : out) one = between(low, high);
    return out;
  }

 private:
  std::mt19937 engine_;
};

// Makes this program a plugin's host while it lives.
class Opened {
 public:
  Opened() : host_(strata::plugin::config_table(), strata::ops::op_table()) {
    REQUIRE(strata::abi::open_plugin(host_.table()) == STRATA_OK);
  }
  ~Opened() { strata::abi::close_plugin(); }
  Opened(const Opened&) = delete;
  Opened& operator=(const Opened&) = delete;

 private:
  strata::plugin::Host host_;
};

// The codec's answer about the tensors; `options` is a quantization_config in JSON, or empty.
template <class Codec>
std::optional<strata::PackedWeight> recognized(const std::vector<Tensor>& tensors,
                                               const std::string& options = "") {
  const Opened opened;
  std::vector<strata::WeightTensor> seen;
  for (const auto& one : tensors) seen.push_back({one.role, one.type, one.shape, one.bytes.data()});
  if (options.empty()) return Codec::recognize(nullptr, "a.weight", seen);
  const strata::source::Config values(options, "quantization_config");
  const strata_config config{&values};
  const strata::Config given(&config);
  return Codec::recognize(&given, "a.weight", seen);
}

// Parts in memory of their own.
class Parts {
 public:
  explicit Parts(std::vector<strata::Part> layout) : layout_(std::move(layout)) {
    for (const auto& part : layout_) {
      int64_t bytes = part.dtype.bits / 8;
      for (const auto side : part.shape) bytes *= side;
      auto& room = room_.emplace_back(static_cast<std::size_t>(bytes) + 8, '\x5a');
      memory_.push_back({room.data(), {STRATA_CPU, 0}, part.dtype, part.shape});
    }
  }
  const std::vector<strata::Part>& layout() const { return layout_; }
  std::vector<char>& room(std::size_t at) { return room_[at]; }
  std::span<const strata::Memory> memory() const { return memory_; }

 private:
  std::vector<strata::Part> layout_;
  std::deque<std::vector<char>> room_;
  std::vector<strata::Memory> memory_;
};

template <class T, class Codec>
std::vector<T> unpacked(const Codec& codec, std::span<const strata::Memory> parts,
                        std::vector<int64_t> shape, strata_dtype dtype) {
  std::vector<T> out(static_cast<std::size_t>(shape[0] * shape[1]));
  const strata::Memory weight{out.data(), {STRATA_CPU, 0}, dtype, shape};
  codec.unpack({}, parts, weight);
  return out;
}

template <class Codec>
class Subject {
 public:
  Subject(const std::vector<Tensor>& tensors, const std::string& options = "")
      : packed(*recognized<Codec>(tensors, options)), codec(packed.scheme, nullptr),
        parts_(codec.parts(packed.dtype, packed.shape)) {
    const auto& layout = parts_.layout();
    REQUIRE(layout.size() == tensors.size());
    for (std::size_t i = 0; i < layout.size(); ++i) {
      REQUIRE(layout[i].role == tensors[i].role);
      REQUIRE(layout[i].shape == tensors[i].shape);
      REQUIRE(parts_.room(i).size() == tensors[i].bytes.size() + 8);
      if (!tensors[i].bytes.empty())
        std::memcpy(parts_.room(i).data(), tensors[i].bytes.data(), tensors[i].bytes.size());
    }
  }

  template <class T = float>
  std::vector<T> dense(strata_dtype dtype = f32) const {
    return unpacked<T>(codec, parts_.memory(), packed.shape, dtype);
  }

  std::optional<std::string> run_scheme() const {
    return codec.run_scheme({packed.shape, 1, {STRATA_CPU, 0}, f32});
  }

  // The weight in the form for products.
  struct Run {
    Codec codec;
    Parts parts;
  };
  Run run() const {
    Codec made(*run_scheme(), nullptr);
    Parts parts(made.parts(packed.dtype, packed.shape));
    codec.repack({}, packed.shape, parts_.memory(), parts.memory());
    return {std::move(made), std::move(parts)};
  }

  // Checks products of some tokens against sums in float64 over these elements.
  void multiplies(const std::vector<float>& elements) const {
    const auto form = run();
    const auto out = packed.shape[0], in = packed.shape[1];
    for (const int64_t tokens : {1, 3}) {
      auto x = Random(7).floats(tokens * in, -1, 1);
      std::vector<float> y(static_cast<std::size_t>(tokens * out));
      const int64_t x_shape[]{tokens, in}, y_shape[]{tokens, out};
      std::vector<char> room(form.codec.workspace({packed.shape, tokens, {STRATA_CPU, 0}, f32}) +
                             64);
      void* start = room.data();
      std::size_t space = room.size();
      const strata_threads threads{
          {sizeof(strata_threads), 0},
          [](const strata_threads*, int64_t count, void (*item)(void*, int64_t), void* user) {
            for (int64_t i = 0; i < count; ++i) item(user, i);
          }};
      form.codec.linear({}, form.parts.memory(),
                        {{x.data(), {STRATA_CPU, 0}, f32, x_shape},
                         {y.data(), {STRATA_CPU, 0}, f32, y_shape},
                         std::align(64, 1, start, space),
                         &threads});
      for (int64_t t = 0; t < tokens; ++t)
        for (int64_t n = 0; n < out; ++n) {
          double sum = 0, size = 0;
          for (int64_t k = 0; k < in; ++k) {
            const double term = double{x[static_cast<std::size_t>(t * in + k)]} *
                                elements[static_cast<std::size_t>(n * in + k)];
            sum += term, size += std::fabs(term);
          }
          CHECK(std::fabs(y[static_cast<std::size_t>(t * out + n)] - sum) <= size * 1e-6);
        }
    }
  }

  strata::PackedWeight packed;
  Codec codec;

 private:
  Parts parts_;
};

// Whether both are the same bits, or both NaN.
inline bool same(float a, float b) {
  return std::memcmp(&a, &b, sizeof a) == 0 || (std::isnan(a) && std::isnan(b));
}
inline bool same(const std::vector<float>& a, const std::vector<float>& b) {
  for (std::size_t i = 0; i < a.size(); ++i)
    if (!same(a[i], b[i])) return false;
  return a.size() == b.size();
}

}  // namespace packed_tests
