#include "core/source/gguf.hpp"

#include <algorithm>
#include <bit>
#include <set>

#include "core/error.hpp"
#include "core/source/ggml_types.hpp"
#include "core/source/gguf_cursor.hpp"

namespace strata::source {
namespace {

static_assert(std::endian::native == std::endian::little, "the formats' numbers are read in place");

constexpr std::uint64_t max_key = 65535;  // the format's own limit
constexpr std::uint64_t max_text = 16ull << 20;
constexpr std::uint64_t max_list = 1ull << 24;  // elements of all lists together
constexpr std::uint64_t max_keys = 1ull << 20;
constexpr std::uint64_t max_tensors = 1ull << 20;
constexpr std::uint32_t max_dims = 4;  // the format's own limit
constexpr auto damaged = "the file is damaged; fetch it again";

enum Kind : std::uint32_t {
  u8 = 0,
  i8,
  u16,
  i16,
  u32,
  i32,
  f32,
  boolean,
  text,
  list,
  u64,
  i64,
  f64
};

std::uint64_t least_bytes(std::uint32_t kind) {
  constexpr std::uint64_t bytes[] = {1, 1, 2, 2, 4, 4, 4, 1, 8, 12, 8, 8, 8};
  return bytes[kind];
}

bool read_flag(GgufCursor& in, std::string_view key) {
  const auto byte = in.number<std::uint8_t>(key);
  if (byte > 1) throw Error(in.path(), std::string(key) + " is a flag of neither 0 nor 1", damaged);
  return byte == 1;
}

GgufValue read_integer(GgufCursor& in, std::uint32_t kind, std::string_view key) {
  switch (kind) {
    case u8:
      return std::int64_t{in.number<std::uint8_t>(key)};
    case i8:
      return std::int64_t{in.number<std::int8_t>(key)};
    case u16:
      return std::int64_t{in.number<std::uint16_t>(key)};
    case i16:
      return std::int64_t{in.number<std::int16_t>(key)};
    case u32:
      return std::int64_t{in.number<std::uint32_t>(key)};
    case i32:
      return std::int64_t{in.number<std::int32_t>(key)};
    case i64:
      return in.number<std::int64_t>(key);
    default:
      break;
  }
  const auto value = in.number<std::uint64_t>(key);
  if (value > INT64_MAX) return value;
  return static_cast<std::int64_t>(value);
}

double read_number(GgufCursor& in, std::uint32_t kind, std::string_view key) {
  return kind == f32 ? double{in.number<float>(key)} : in.number<double>(key);
}

void check_kind(const GgufCursor& in, std::uint32_t kind, std::string_view key) {
  if (kind > f64)
    throw Error(in.path(), std::string(key) + " has an unknown type " + std::to_string(kind),
                damaged);
}

GgufValue read_list(GgufCursor& in, std::string_view key, std::uint64_t& elements_left) {
  const auto kind = in.number<std::uint32_t>(key);
  check_kind(in, kind, key);
  if (kind == list) throw Error(in.path(), std::string(key) + " is a list of lists", damaged);
  const auto count = in.count("the count of " + std::string(key), least_bytes(kind), elements_left);
  elements_left -= count;
  if (kind == text) {
    std::vector<std::string> out;
    for (std::uint64_t i = 0; i < count; ++i) out.push_back(in.text(key, max_text));
    return out;
  }
  if (kind == boolean) {
    std::vector<bool> out;
    for (std::uint64_t i = 0; i < count; ++i) out.push_back(read_flag(in, key));
    return out;
  }
  if (kind == f32 || kind == f64) {
    std::vector<double> out;
    for (std::uint64_t i = 0; i < count; ++i) out.push_back(read_number(in, kind, key));
    return out;
  }
  std::vector<std::int64_t> out;
  for (std::uint64_t i = 0; i < count; ++i) {
    const auto value = read_integer(in, kind, key);
    if (!std::holds_alternative<std::int64_t>(value))
      throw Error(in.path(), std::string(key) + " has a number above 2^63", damaged);
    out.push_back(std::get<std::int64_t>(value));
  }
  return out;
}

GgufValue read_value(GgufCursor& in, std::string_view key, std::uint64_t& elements_left) {
  const auto kind = in.number<std::uint32_t>(key);
  check_kind(in, kind, key);
  switch (kind) {
    case boolean:
      return read_flag(in, key);
    case text:
      return in.text(key, max_text);
    case list:
      return read_list(in, key, elements_left);
    case f32:
    case f64:
      return read_number(in, kind, key);
    default:
      return read_integer(in, kind, key);
  }
}

void read_metadata(GgufCursor& in, std::uint64_t count, Gguf& out) {
  auto elements_left = max_list;
  for (std::uint64_t i = 0; i < count; ++i) {
    auto key = in.text("a metadata key", max_key);
    const auto words = "metadata '" + printable(key) + "'";
    if (out.metadata.contains(key)) throw Error(in.path(), words + " occurs twice", damaged);
    out.metadata.emplace(std::move(key), read_value(in, words, elements_left));
  }
}

// Reads a shape, outermost first, from a tensor info at its dimensions; checks that it does not
// overflow.
std::vector<std::int64_t> read_shape(GgufCursor& in, const std::string& words) {
  const auto dims = in.number<std::uint32_t>(words);
  if (dims == 0 || dims > max_dims)
    throw Error(in.path(), words + " has " + std::to_string(dims) + " dimensions, not 1 to 4",
                damaged);
  std::vector<std::int64_t> shape(dims);
  std::uint64_t product = 1;
  for (auto at = shape.rbegin(); at != shape.rend(); ++at) {
    const auto dim = in.number<std::uint64_t>(words);
    if (dim == 0) throw Error(in.path(), words + " has a dimension of 0", damaged);
    // No type has as many as 16 bytes an element, so that bytes cannot overflow either.
    if (__builtin_mul_overflow(product, dim, &product) || product > INT64_MAX / 16)
      throw Error(in.path(), words + " has a shape too large to hold", damaged);
    *at = static_cast<std::int64_t>(dim);
  }
  return shape;
}

Tensor read_tensor(GgufCursor& in, std::uint32_t file) {
  Tensor tensor;
  tensor.name = in.text("a tensor's name", max_key);
  const auto words = "tensor '" + printable(tensor.name) + "'";
  tensor.shape = read_shape(in, words);
  const auto id = in.number<std::uint32_t>(words);
  const auto* type = ggml_type(id);
  if (!type) throw Error(in.path(), words + " has an unknown type " + std::to_string(id), damaged);
  if (!type->supported)
    throw Error(in.path(), "type " + std::string(type->name) + " of " + words + " is not supported",
                "use a file of another quantization, such as Q4_K or Q8_0");
  if (tensor.shape.back() % type->block_elements != 0)
    throw Error(in.path(),
                words + " has rows of " + std::to_string(tensor.shape.back()) +
                    " elements, not whole blocks of " + std::string(type->name),
                damaged);
  const auto blocks = static_cast<std::uint64_t>(elements(tensor)) / type->block_elements;
  const auto offset = in.number<std::uint64_t>(words);
  tensor.stored = stored_form(*type, tensor.shape, {file, offset, blocks * type->block_bytes});
  return tensor;
}

std::uint64_t alignment_of(const Gguf& header) {
  const auto value = header.integer("general.alignment").value_or(32);
  if (value <= 0 || value > (1 << 20) || !std::has_single_bit(static_cast<std::uint64_t>(value)))
    throw Error(header.path,
                "general.alignment is " + std::to_string(value) + ", not a power of two", damaged);
  return static_cast<std::uint64_t>(value);
}

// Tensors follow one another, each at the next multiple of the alignment, up to the file's end;
// their offsets become the file's own.
void place(Gguf& out, std::uint64_t header_bytes, std::uint64_t size) {
  const auto alignment = alignment_of(out);
  const auto up = [&](std::uint64_t bytes) {
    return (bytes + alignment - 1) / alignment * alignment;
  };
  const auto data = up(header_bytes);
  std::sort(out.tensors.begin(), out.tensors.end(), [](const Tensor& a, const Tensor& b) {
    return a.stored.file().offset < b.stored.file().offset;
  });
  std::set<std::string_view> names;
  std::uint64_t at = 0;
  for (auto& tensor : out.tensors) {
    auto& own = tensor.stored.parts.front().file;
    const auto refuse = [&](const std::string& what, const char* remedy) {
      throw Error(out.path, "tensor '" + printable(tensor.name) + "' " + what, remedy);
    };
    if (!names.insert(tensor.name).second) refuse("occurs twice", damaged);
    if (own.offset % alignment != 0)
      refuse("begins at " + std::to_string(own.offset) + ", not a multiple of " +
                 std::to_string(alignment),
             damaged);
    if (own.offset < at) refuse("overlaps the tensor before it", damaged);
    if (own.offset > at)
      refuse("begins after a hole of " + std::to_string(own.offset - at) + " bytes", damaged);
    if (data > size || own.offset > size - data || own.bytes > size - data - own.offset)
      refuse("ends beyond the file's " + std::to_string(size) + " bytes",
             "the file is cut short; fetch it again");
    at = up(own.offset + own.bytes);
    own.offset += data;
  }
}

void check_version(const GgufCursor& in, std::uint32_t version) {
  if (version == 2 || version == 3) return;
  if ((version & 0xffff) == 0)
    throw Error(in.path(), "is a big-endian GGUF file", "use a little-endian one");
  throw Error(in.path(), "has GGUF version " + std::to_string(version) + ", not 2 or 3",
              "convert the model again with a current converter");
}

}  // namespace

Gguf parse_gguf(const ReadAt& read, std::uint64_t size, std::string_view path, std::uint32_t file) {
  GgufCursor in(read, size, path);
  constexpr std::uint32_t magic = 0x46554747;  // "GGUF"
  if (size < 4 || in.number<std::uint32_t>("the magic") != magic)
    throw Error(path, "is not a GGUF file", "check the path");
  Gguf out;
  out.path = path;
  out.version = in.number<std::uint32_t>("the version");
  check_version(in, out.version);
  const auto tensors = in.count("the count of tensors", 32, max_tensors);
  const auto keys = in.count("the count of metadata keys", 13, max_keys);
  read_metadata(in, keys, out);
  out.tensors.reserve(static_cast<std::size_t>(tensors));
  for (std::uint64_t i = 0; i < tensors; ++i) out.tensors.push_back(read_tensor(in, file));
  place(out, in.offset(), size);
  return out;
}

Gguf read_gguf(const File& opened, std::uint32_t file) {
  const ReadAt read = [&](std::uint64_t offset, std::span<std::byte> into) {
    opened.read(offset, into);
  };
  return parse_gguf(read, opened.size(), opened.path(), file);
}

}  // namespace strata::source
