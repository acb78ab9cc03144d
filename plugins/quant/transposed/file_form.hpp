// Unpacks weights [out,in] whose parts lie as in their file, and brings the parts into groups along
// rows. A few rows at a time become contiguous streams of codes.
//
// A Format has:
//   static constexpr std::string_view key;       the first word of its schemes
//   static constexpr int64_t tile;               rows at a time: a multiple of 32
//   Form form;
//   bool ordered() const;                        whether a part names each column's group
//   std::vector<Part> parts(Shape) const;        codes, zeros, scales and perhaps order; it refuses
//                                                shapes that the format cannot hold
//   void turn_codes(const std::byte* codes, Shape, int64_t first, int64_t count, std::byte* to,
//                   int64_t stride) const;       rows as streams, `stride` bytes apart: whole words
//   void read_zeros(const std::byte* zeros, Shape, int64_t group, int64_t first, int64_t count,
//                   uint8_t* to) const;          the zeros of rows in one group, a byte each
#pragma once
#include <algorithm>
#include <vector>

#include "kernels/groups.hpp"
#include "transposed/form.hpp"
#include "transposed/rows.hpp"

namespace transposed {

using strata::Memory;

// Calls f(Scale()) for the scales' type.
template <class F>
void over_scales(strata_dtype dtype, F&& f) {
  if (dtype.bits == 32) return f(float());
  if (dtype.code == STRATA_BFLOAT) return f(gguf::Brain());
  f(gguf::Half());
}

template <class Format>
class FileForm {
 public:
  FileForm(Format format, std::string scheme)
      : format_(std::move(format)), scheme_(std::move(scheme)) {}
  const Format& format() const { return format_; }

  strata::Failure refused(const std::string& why) const {
    return {STRATA_INVALID, scheme_ + ": " + why};
  }
  strata::Failure unimplemented(const std::string& why) const {
    return {STRATA_UNIMPLEMENTED, scheme_ + ": " + why};
  }

  Shape shape_of(std::span<const int64_t> shape) const {
    if (shape.size() != 2) throw refused("a weight is a matrix [out,in]");
    if (shape[0] < 1 || shape[1] < 1 || shape[0] > longest || shape[1] > longest)
      throw refused("a weight of " + std::to_string(shape[0]) + " x " + std::to_string(shape[1]) +
                    " has no valid size");
    return {shape[0], shape[1]};
  }

  // The groups along rows that such a weight becomes; nothing where its columns are in another
  // order, or where groups of that length do not exist.
  std::optional<strata::kernels::GroupForm> groups_of(std::span<const int64_t> shape) const {
    using namespace strata::kernels;
    if (format_.ordered() || shape.size() != 2 || shape[1] < 1) return std::nullopt;
    const GroupForm out{format_.form.bits == 8 ? Code::int8 : Code::int4, Zero::code,
                        format_.form.scale, group_in(format_.form, shape[1])};
    return valid(out) ? std::optional(out) : std::nullopt;
  }

  void unpack(std::span<const Memory> parts, const Memory& weight) const {
    const auto shape = shape_of(weight.shape);
    check(parts, shape);
    if (!weight.on_host()) throw unimplemented("weights are unpacked in host memory only");
    const auto order = order_of(parts, shape);
    over_scales(format_.form.scale, [&](auto scale) {
      using Scale = decltype(scale);
      const auto [code, bits, lanes] = weight.dtype;
      if (lanes == 1 && code == STRATA_FLOAT && bits == 32)
        return unpack_rows<Scale>(parts, shape, order, weight.as<float>());
      if (lanes == 1 && code == STRATA_FLOAT && bits == 64)
        return unpack_rows<Scale>(parts, shape, order, weight.as<double>());
      if (lanes == 1 && code == STRATA_FLOAT && bits == 16)
        return unpack_rows<Scale>(parts, shape, order, weight.as<gguf::Half>());
      if (lanes == 1 && code == STRATA_BFLOAT && bits == 16)
        return unpack_rows<Scale>(parts, shape, order, weight.as<gguf::Brain>());
      throw refused("a dense weight is float16, bfloat16, float32 or float64");
    });
  }

  // Fills the parts of groups_of: codes, scales and zeros, which the caller has checked.
  void repack(std::span<const int64_t> weight, std::span<const Memory> from,
              std::span<const Memory> to) const {
    const auto shape = shape_of(weight);
    check(from, shape);
    const auto groups = groups_in(format_.form, shape.in);
    const auto row = strata::kernels::codes_in(*groups_of(weight), shape.in);
    for (int64_t first = 0; first < shape.out; first += Format::tile) {
      const auto count = std::min(Format::tile, shape.out - first);
      repack_codes(from, shape, first, count, to[0].as<uint8_t>() + first * row, row);
      over_scales(format_.form.scale, [&](auto scale) {
        using Scale = decltype(scale);
        turn_scales<Scale>(from, shape, first, count, to[1].as<Scale>() + first * groups);
      });
      turn_zeros(from, shape, first, count, to[2].as<uint8_t>() + first * groups);
    }
  }

 private:
  // Bytes of a row's stream, in whole words.
  int64_t stream_of(const Shape& shape) const {
    return (shape.in * format_.form.bits + 31) / 32 * 4;
  }

  void check(std::span<const Memory> given, const Shape& shape) const {
    const auto wanted = format_.parts(shape);
    if (given.size() != wanted.size())
      throw refused(std::to_string(given.size()) + " parts, and such a weight has " +
                    std::to_string(wanted.size()));
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      int64_t elements = 1;
      for (const auto length : wanted[i].shape) elements *= length;
      if (given[i].dtype.bits != wanted[i].dtype.bits || given[i].elements() != elements)
        throw refused(std::string(wanted[i].role) + " have " + std::to_string(given[i].elements()) +
                      " elements of " + std::to_string(given[i].dtype.bits) +
                      " bits, and a weight of " + std::to_string(shape.out) + " x " +
                      std::to_string(shape.in) + " has " + std::to_string(elements) + " of " +
                      std::to_string(wanted[i].dtype.bits));
      if (!given[i].on_host()) throw unimplemented("its parts are not in host memory");
    }
  }

  // Each column's group, within bounds; empty where groups lie one after the other.
  std::vector<int32_t> order_of(std::span<const Memory> parts, const Shape& shape) const {
    if (!format_.ordered()) return {};
    std::vector<int32_t> out(static_cast<std::size_t>(shape.in));
    std::memcpy(out.data(), parts[3].data, out.size() * sizeof(int32_t));
    const auto groups = groups_in(format_.form, shape.in);
    for (std::size_t k = 0; k < out.size(); ++k)
      if (out[k] < 0 || out[k] >= groups)
        throw refused("column " + std::to_string(k) + " is in group " + std::to_string(out[k]) +
                      " of " + std::to_string(groups));
    return out;
  }

  template <class Scale>
  void turn_scales(std::span<const Memory> parts, const Shape& shape, int64_t first, int64_t count,
                   Scale* to) const {
    const auto groups = groups_in(format_.form, shape.in);
    const auto* from = parts[2].as<const std::byte>() + first * int64_t{sizeof(Scale)};
    Scale some[Format::tile];
    for (int64_t g = 0; g < groups; ++g, from += shape.out * int64_t{sizeof(Scale)}) {
      std::memcpy(some, from, static_cast<std::size_t>(count) * sizeof(Scale));
      for (int64_t r = 0; r < count; ++r) to[r * groups + g] = some[r];
    }
  }

  void turn_zeros(std::span<const Memory> parts, const Shape& shape, int64_t first, int64_t count,
                  uint8_t* to) const {
    const auto groups = groups_in(format_.form, shape.in);
    uint8_t some[Format::tile];
    for (int64_t g = 0; g < groups; ++g) {
      format_.read_zeros(parts[1].as<const std::byte>(), shape, g, first, count, some);
      for (int64_t r = 0; r < count; ++r) to[r * groups + g] = some[r];
    }
  }

  // Codes of 4 and 8 bits have the same bytes in both forms, but for a last word that is not full.
  void repack_codes(std::span<const Memory> from, const Shape& shape, int64_t first, int64_t count,
                    uint8_t* to, int64_t row) const {
    const auto* codes = from[0].as<const std::byte>();
    const auto stream = stream_of(shape);
    if (stream == row)
      return format_.turn_codes(codes, shape, first, count, reinterpret_cast<std::byte*>(to), row);
    std::vector<std::byte> streams(static_cast<std::size_t>(count * stream));
    format_.turn_codes(codes, shape, first, count, streams.data(), stream);
    for (int64_t r = 0; r < count; ++r)
      if (format_.form.bits >= 4)
        std::memcpy(to + r * row, streams.data() + r * stream, static_cast<std::size_t>(row));
      else
        widen_codes(format_.form.bits, streams.data() + r * stream, shape.in, to + r * row);
  }

  // Rows of few different codes take their numbers from a table, which is rounded once.
  template <class Scale, class T>
  void write_row(const uint8_t* codes, const Shape& shape, RowGroups groups, const int32_t* order,
                 std::vector<T>& table, T* to) const {
    const auto group = group_in(format_.form, shape.in);
    if (format_.form.bits == 8)
      return over_columns(shape.in, group, order, [=](int64_t k, int64_t g) {
        to[k] = element<Scale, T>(codes[k] - groups.zeros[g], groups.scales[g]);
      });
    fill_table<Scale>(groups, table.data());
    over_columns(shape.in, group, order, [=, from = table.data()](int64_t k, int64_t g) {
      to[k] = from[g * 16 + codes[k]];
    });
  }

  template <class Scale, class T>
  void unpack_rows(std::span<const Memory> parts, const Shape& shape,
                   const std::vector<int32_t>& order, T* to) const {
    const auto groups = groups_in(format_.form, shape.in), stream = stream_of(shape);
    const auto tile = static_cast<std::size_t>(std::min(Format::tile, shape.out));
    std::vector<std::byte> streams(tile * static_cast<std::size_t>(stream));
    std::vector<Scale> packed(tile * static_cast<std::size_t>(groups));
    std::vector<float> scales(packed.size());
    std::vector<uint8_t> zeros(packed.size()), codes(static_cast<std::size_t>(shape.in));
    std::vector<T> table(static_cast<std::size_t>(groups) * 16);
    for (int64_t first = 0; first < shape.out; first += Format::tile) {
      const auto count = std::min(Format::tile, shape.out - first);
      format_.turn_codes(parts[0].as<const std::byte>(), shape, first, count, streams.data(),
                         stream);
      turn_zeros(parts, shape, first, count, zeros.data());
      turn_scales<Scale>(parts, shape, first, count, packed.data());
      for (std::size_t i = 0; i < packed.size(); ++i) scales[i] = gguf::to_float(packed[i]);
      for (int64_t r = 0; r < count; ++r, to += shape.in) {
        read_codes(format_.form.bits, streams.data() + r * stream, shape.in, codes.data());
        const RowGroups of{scales.data() + r * groups, zeros.data() + r * groups, groups};
        write_row<Scale>(codes.data(), shape, of, order.empty() ? nullptr : order.data(), table,
                         to);
      }
    }
  }

  Format format_;
  std::string scheme_;
};

}  // namespace transposed
