#include "core/source/safetensors.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#include "core/error.hpp"
#include "core/json.hpp"
#include "core/source/dtype.hpp"

namespace strata::source {
namespace {

static_assert(std::endian::native == std::endian::little, "the formats' numbers are read in place");

constexpr std::uint64_t max_header = 100'000'000;  // the format's own limit
constexpr std::size_t max_dims = 16;
constexpr auto damaged = "the file is damaged; fetch it again";

// The facts about one tensor of the header while it is read, for its messages.
struct Entry {
  std::string_view path;
  const std::string& name;

  [[noreturn]] void refuse(const std::string& what, std::string_view remedy = damaged) const {
    throw Error(path, "tensor '" + printable(name) + "' " + what, remedy);
  }
  std::uint64_t count(const Json& value, const char* of) const {
    if (!value.is_number_unsigned() || value.get<std::uint64_t>() > INT64_MAX)
      refuse(std::string("has ") + of + " that is not a count");
    return value.get<std::uint64_t>();
  }
};

const Json& field(const Entry& entry, const Json& object, const char* key) {
  const auto at = object.find(key);
  if (at == object.end()) entry.refuse(std::string("has no ") + key);
  return *at;
}

std::vector<std::int64_t> shape_of(const Entry& entry, const Json& object) {
  const auto& list = field(entry, object, "shape");
  if (!list.is_array()) entry.refuse("has a shape that is not a list");
  if (list.size() > max_dims) entry.refuse("has more than 16 dimensions");
  std::vector<std::int64_t> shape;
  for (const auto& dim : list)
    shape.push_back(static_cast<std::int64_t>(entry.count(dim, "a dimension")));
  return shape;
}

const std::string& dtype_of(const Entry& entry, const Json& object) {
  const auto& name = field(entry, object, "dtype");
  if (!name.is_string()) entry.refuse("has a dtype that is not text");
  const auto& text = name.get_ref<const std::string&>();
  if (!dtype_named(text) && !opaque_type(text))
    entry.refuse("has dtype " + printable(text) + ", which is not known",
                 "use another file of the model");
  return text;
}

// Bytes of the shape; refuses one whose bytes 64 bits do not hold.
std::uint64_t bytes_of_shape(const Entry& entry, const std::vector<std::int64_t>& shape,
                             const OpaqueType& type) {
  std::uint64_t bytes = type.bytes;
  for (const auto dim : shape)
    if (__builtin_mul_overflow(bytes, static_cast<std::uint64_t>(dim), &bytes) || bytes > INT64_MAX)
      entry.refuse("has a shape " + shape_text(shape) + " too large to hold");
  if (bytes % type.elements != 0)
    entry.refuse("has a shape " + shape_text(shape) + " that ends within a byte");
  return bytes / type.elements;
}

// The form of the dtype's name; for one that nothing here reads, a scheme of that name, which no
// codec has.
Form form_of(const Entry& entry, const std::string& name, const std::vector<std::int64_t>& shape,
             Extent at) {
  const auto dtype = dtype_named(name);
  const auto type = dtype ? OpaqueType{name, 1, element_bytes(*dtype)} : *opaque_type(name);
  const auto bytes = bytes_of_shape(entry, shape, type);
  if (bytes != at.bytes)
    entry.refuse("has " + std::to_string(at.bytes) + " bytes, but " + name + " " +
                 shape_text(shape) + " needs " + std::to_string(bytes));
  if (dtype) return dense_form(*dtype, shape, at);
  return packed_form(name, {block_part("elements", shape, type.elements, type.bytes, at)});
}

Tensor tensor_of(const Entry& entry, const Json& object, std::uint64_t data_begin,
                 std::uint64_t data_size) {
  if (!object.is_object()) entry.refuse("is not described by an object");
  for (const auto& [key, value] : object.items())
    if (key != "dtype" && key != "shape" && key != "data_offsets")
      entry.refuse("has an unknown key '" + printable(key) + "'");
  Tensor tensor;
  tensor.name = entry.name;
  const auto& dtype = dtype_of(entry, object);
  tensor.shape = shape_of(entry, object);
  const auto& offsets = field(entry, object, "data_offsets");
  if (!offsets.is_array() || offsets.size() != 2) entry.refuse("has data_offsets that are not two");
  const auto begin = entry.count(offsets[0], "an offset");
  const auto end = entry.count(offsets[1], "an offset");
  if (begin > end) entry.refuse("ends before it begins");
  if (end > data_size)
    entry.refuse("ends at byte " + std::to_string(end) + " of " + std::to_string(data_size),
                 "the file is cut short; fetch it again");
  tensor.stored = form_of(entry, dtype, tensor.shape, {0, data_begin + begin, end - begin});
  return tensor;
}

// Checks the format's rule: the tensors' bytes fill the file, each byte in one of them.
void check_filled(const std::vector<Tensor>& tensors, std::uint64_t data_begin,
                  std::uint64_t file_size, std::string_view path) {
  auto at = data_begin;
  for (const auto& tensor : tensors) {
    const Entry entry{path, tensor.name};
    const auto& own = tensor.stored.file();
    if (own.offset < at) entry.refuse("overlaps the tensor before it");
    if (own.offset > at)
      entry.refuse("begins after a hole of " + std::to_string(own.offset - at) + " bytes");
    at = own.offset + own.bytes;
  }
  if (at != file_size)
    throw Error(path, std::to_string(file_size - at) + " bytes belong to no tensor", damaged);
}

}  // namespace

std::vector<Tensor> parse_safetensors(std::string_view json, std::uint64_t file_size,
                                      std::string_view path, std::uint32_t file) {
  const std::uint64_t data_begin = 8 + json.size();
  if (json.size() > max_header || data_begin > file_size)
    throw Error(path, "header of " + std::to_string(json.size()) + " bytes does not fit", damaged);
  const auto header = parse_json(json, path, {.depth = 8});
  if (!header.is_object()) throw Error(path, "header is not a JSON object", damaged);
  std::vector<Tensor> tensors;
  tensors.reserve(header.size());
  for (const auto& [name, object] : header.items()) {
    if (name == "__metadata__") {
      if (!object.is_object()) throw Error(path, "__metadata__ is not an object", damaged);
      continue;
    }
    tensors.push_back(tensor_of({path, name}, object, data_begin, file_size - data_begin));
    tensors.back().stored.parts[0].file.file = file;
  }
  // Empty tensors come first among those that begin together: they overlap nothing.
  std::sort(tensors.begin(), tensors.end(), [](const Tensor& a, const Tensor& b) {
    const auto &one = a.stored.file(), &other = b.stored.file();
    return std::pair(one.offset, one.bytes) < std::pair(other.offset, other.bytes);
  });
  check_filled(tensors, data_begin, file_size, path);
  return tensors;
}

std::string read_safetensors_json(const File& opened) {
  if (opened.size() < 8)
    throw Error(opened.path(), "has " + std::to_string(opened.size()) + " bytes, no header",
                "the file is cut short; fetch it again");
  std::uint64_t length = 0;
  opened.read(0, std::as_writable_bytes(std::span(&length, 1)));
  if (length > max_header)
    throw Error(opened.path(),
                "header of " + std::to_string(length) + " bytes is over the limit of " +
                    std::to_string(max_header),
                "check that it is a safetensors file");
  if (length > opened.size() - 8)
    throw Error(opened.path(),
                "header of " + std::to_string(length) + " bytes ends beyond the file",
                "the file is cut short; fetch it again");
  std::string json(static_cast<std::size_t>(length), '\0');
  opened.read(8, std::as_writable_bytes(std::span(json)));
  return json;
}

std::vector<Tensor> read_safetensors(const File& opened, std::uint32_t file) {
  return parse_safetensors(read_safetensors_json(opened), opened.size(), opened.path(), file);
}

Metadata safetensors_metadata(std::string_view json, std::string_view path) {
  const auto header = parse_json(json, path, {.depth = 8});
  Metadata out;
  if (!header.is_object() || !header.contains("__metadata__")) return out;
  const auto& object = header["__metadata__"];
  if (!object.is_object()) throw Error(path, "__metadata__ is not an object", damaged);
  for (const auto& [key, value] : object.items()) {
    if (!value.is_string())
      throw Error(path, "__metadata__ has a '" + printable(key) + "' that is not text", damaged);
    out.emplace(key, value.get<std::string>());
  }
  return out;
}

std::string safetensors_header(std::span<const Tensor> tensors, const Metadata& metadata) {
  Json header{{"__metadata__", metadata}};
  header["__metadata__"]["format"] = "pt";
  std::uint64_t at = 0;
  for (const auto& tensor : tensors) {
    const auto end = at + tensor.stored.bytes;
    header[tensor.name] = {
        {"dtype", form_name(tensor.stored)}, {"shape", tensor.shape}, {"data_offsets", {at, end}}};
    at = end;
  }
  auto json = header.dump();
  json.append((8 - json.size() % 8) % 8, ' ');
  const std::uint64_t length = json.size();
  std::string out(sizeof length, '\0');
  std::memcpy(out.data(), &length, sizeof length);
  return out + json;
}

}  // namespace strata::source
