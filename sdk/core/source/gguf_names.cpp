#include "core/source/gguf_names.hpp"

#include <algorithm>
#include <iterator>

#include "core/error.hpp"
#include "core/source/dtype.hpp"
#include "core/source/gguf.hpp"
#include "core/source/gguf_config.hpp"
#include "core/source/json.hpp"

namespace strata::source {
namespace {

bool has(const Gguf& file, const std::string& key) {
  return file.integer(key).value_or(0) > 0 ||
         std::ranges::find(file.tensors, key, &Tensor::name) != file.tensors.end();
}

const GgufMapping& mapping_for(const Gguf& file, const GgufMappings& mappings) {
  const auto architecture = file.text("general.architecture");
  if (!architecture)
    throw Error(file.path, "no metadata 'general.architecture'", "convert the model again");
  const auto narrower = *architecture + "+";
  for (auto at = mappings.lower_bound(narrower);
       at != mappings.end() && at->first.starts_with(narrower); ++at)
    if (has(file, at->first.substr(narrower.size()))) return at->second;
  if (const auto at = mappings.find(*architecture); at != mappings.end()) return at->second;
  std::string known;
  for (const auto& [name, mapping] : mappings)
    if (name.find('+') == std::string::npos) known.append(known.empty() ? "" : ", ").append(name);
  throw Error(file.path, "no plugin knows the architecture '" + printable(*architecture) + "'",
              known.empty() ? "none is known" : "known: " + known);
}

std::vector<double> rope_factors(const File& opened, const Gguf& file, const std::string& name) {
  if (name.empty()) return {};
  for (const auto& tensor : file.tensors) {
    if (tensor.name != name) continue;
    constexpr std::int64_t most = 1 << 16;
    if (tensor.shape.size() != 1 || tensor.shape[0] > most || !same(tensor.stored.dtype, f32) ||
        !tensor.stored.scheme.empty())
      throw Error(file.path, "tensor '" + name + "' is not a short list of F32",
                  "convert the model again");
    std::vector<float> values(static_cast<std::size_t>(tensor.shape[0]));
    opened.read(tensor.at.offset, std::as_writable_bytes(std::span(values)));
    return {values.begin(), values.end()};
  }
  return {};
}

std::int64_t count_of(const Json& config, const std::string& key) {
  const auto at = config.find(key);
  return at != config.end() && at->is_number_integer() ? at->get<std::int64_t>() : 0;
}

// The order of rows that are `heads` of `parts` parts each, or refuses.
std::uint32_t heads_of(const Gguf& file, const Tensor& tensor, std::int64_t heads,
                       std::int64_t parts) {
  const auto rows = tensor.shape[0];
  if (heads < 1 || parts < 1 || rows < 1 || rows > UINT32_MAX || rows % heads != 0 ||
      rows / heads % parts != 0)
    throw Error(file.path,
                "tensor '" + printable(tensor.name) + "' of " + shape_text(tensor.shape) +
                    " is not made of " + std::to_string(heads) + " heads",
                "convert the model again");
  return static_cast<std::uint32_t>(heads);
}

// How the converter left the rows of a tensor of the mapping's name `pattern`.
RowOrder order_of(const Gguf& file, const Tensor& tensor, const GgufMapping& mapping,
                  const std::string& pattern, const Json& config) {
  if (const auto at = mapping.permuted.find(pattern); at != mapping.permuted.end()) {
    const auto heads = heads_of(file, tensor, count_of(config, at->second), 2);
    return {heads, static_cast<std::uint32_t>(tensor.shape[0] / heads / 2), 2};
  }
  if (const auto at = mapping.fused.find(pattern); at != mapping.fused.end()) {
    const auto kv = count_of(config, at->second.kv_heads),
               heads = count_of(config, at->second.heads);
    const auto share = kv > 0 && heads % kv == 0 ? heads / kv : 0;  // queries of a key
    return {1, 3, heads_of(file, tensor, kv, share > 0 ? share + 2 : 0),
            static_cast<std::uint32_t>(share)};
  }
  return {};
}

// What the checkpoint's elements have more than the file's.
double added_to(const Gguf& file, const Tensor& tensor, const GgufMapping& mapping,
                const std::string& pattern) {
  const auto at = mapping.added.find(pattern);
  if (at == mapping.added.end()) return 0;
  if (!tensor.stored.scheme.empty() || !same(tensor.stored.dtype, f32))
    throw Error(file.path, "tensor '" + printable(tensor.name) + "' is not of F32",
                "convert the model again");
  return -at->second;
}

// Slices of a tensor of all experts, each by its own name.
std::vector<Tensor> experts_of(const Gguf& file, const Tensor& tensor) {
  constexpr std::int64_t most = 1 << 16;
  if (tensor.shape.size() < 2 || tensor.shape[0] > most)
    throw Error(file.path,
                "tensor '" + printable(tensor.name) + "' of " + shape_text(tensor.shape) +
                    " is not made of experts",
                "convert the model again");
  std::vector<Tensor> out;
  for (std::int64_t e = 0; e < tensor.shape[0]; ++e) {
    out.push_back(slice(tensor, e));
    out.back().name = numbered(tensor.name, static_cast<std::uint32_t>(e));
  }
  return out;
}

}  // namespace

GgufCheckpoint read_gguf_checkpoint(const File& opened, const GgufMappings& mappings) {
  auto file = read_gguf(opened, 0);
  if (file.integer("split.count").value_or(1) > 1)
    throw Error(file.path, "is one part of a split model", "merge the parts into one file first");
  const auto& mapping = mapping_for(file, mappings);
  GgufCheckpoint out;
  const GgufRopeFactors factors{rope_factors(opened, file, mapping.rope_factors),
                                rope_factors(opened, file, mapping.rope_short),
                                rope_factors(opened, file, mapping.rope_long)};
  out.config = gguf_config(file, mapping, factors);
  out.vocabulary = gguf_vocabulary(file);
  const auto config = parse_json(out.config, file.path);
  for (auto& tensor : file.tensors) {
    const auto& name_there = tensor.name;
    if (!name_there.empty() &&
        (name_there == mapping.rope_factors || name_there == mapping.rope_short ||
         name_there == mapping.rope_long))
      continue;  // it is in the configuration now
    const auto [name, pattern] = mapped_name(mapping, tensor.name);
    if (!name.empty()) {
      tensor.order = order_of(file, tensor, mapping, pattern, config);
      tensor.add = added_to(file, tensor, mapping, pattern);
      if (tensor.shape.size() == 1 && std::ranges::count(mapping.one_row, pattern) > 0)
        tensor.shape.insert(tensor.shape.begin(), 1);
      tensor.by_columns = std::ranges::count(mapping.turned, pattern) > 0;
      if (tensor.by_columns && tensor.shape.size() != 2)
        throw Error(file.path, "tensor '" + printable(tensor.name) + "' is no matrix",
                    "convert the model again");
      if (tensor.by_columns) std::ranges::reverse(tensor.shape);
      tensor.name = name;
    }
    if (name.find("{}") != std::string::npos) {
      std::ranges::move(experts_of(file, tensor), std::back_inserter(out.tensors));
      continue;
    }
    out.tensors.push_back(std::move(tensor));
  }
  return out;
}

}  // namespace strata::source
