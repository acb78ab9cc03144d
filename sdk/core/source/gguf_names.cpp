#include "core/source/gguf_names.hpp"

#include <algorithm>
#include <iterator>
#include <map>
#include <optional>

#include "core/error.hpp"
#include "core/json.hpp"
#include "core/nearest.hpp"
#include "core/source/dtype.hpp"
#include "core/source/elements.hpp"
#include "core/source/gguf.hpp"
#include "core/source/gguf_config.hpp"
#include "core/source/gguf_scales.hpp"

namespace strata::source {
namespace {

// Whether the file has `wanted`: KEY=NUMBER, or KEY alone.
bool has(const Gguf& file, const std::string& wanted) {
  const auto key = wanted.substr(0, wanted.find('='));
  const auto value = file.integer(key).value_or(0);
  if (key != wanted) return std::to_string(value) == wanted.substr(key.size() + 1);
  return value > 0 || std::ranges::find(file.tensors, key, &Tensor::name) != file.tensors.end();
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
  std::vector<std::string> known;
  for (const auto& [name, mapping] : mappings)
    if (name.find('+') == std::string::npos) known.push_back(name);
  throw Error(file.path, "no plugin knows the architecture '" + printable(*architecture) + "'",
              known.empty() ? "none is known"
                            : "the nearest known are " + three_nearest(*architecture, known));
}

// Adapters, vision towers and importance matrices come as GGUF files too.
void check_is_model(const Gguf& file) {
  const auto type = file.text("general.type").value_or("model");
  if (type != "model")
    throw Error(file.path, "holds no model: its general.type is '" + printable(type) + "'",
                "give the model's own file");
}

bool holds_f32(const Tensor& tensor) {
  return tensor.stored.dense() && same(tensor.stored.dtype(), f32);
}

std::vector<double> rope_factors(const GgufParts& parts, const std::string& name) {
  if (name.empty()) return {};
  const auto& file = parts.whole;
  for (const auto& tensor : file.tensors) {
    if (tensor.name != name) continue;
    constexpr std::int64_t most = 1 << 16;
    if (tensor.shape.size() != 1 || tensor.shape[0] > most || !holds_f32(tensor))
      throw Error(file.path, "tensor '" + name + "' is not a short list of F32",
                  "convert the model again");
    std::vector<float> values(static_cast<std::size_t>(tensor.shape[0]));
    const auto& at = tensor.stored.file();
    parts.files.at(at.file)->read(at.offset, std::as_writable_bytes(std::span(values)));
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

// The order in which the converter left the rows of a tensor of the mapping's name `pattern`.
std::optional<Reorder> order_of(const Gguf& file, const Tensor& tensor, const GgufMapping& mapping,
                                const std::string& pattern, const Json& config) {
  if (const auto at = mapping.permuted.find(pattern); at != mapping.permuted.end()) {
    const auto heads = heads_of(file, tensor, count_of(config, at->second), 2);
    return Reorder{heads, static_cast<std::uint32_t>(tensor.shape[0] / heads / 2), 2};
  }
  if (const auto at = mapping.fused.find(pattern); at != mapping.fused.end()) {
    const auto kv = count_of(config, at->second.kv_heads),
               heads = count_of(config, at->second.heads);
    const auto share = kv > 0 && heads % kv == 0 ? heads / kv : 0;  // queries of a key
    return Reorder{1, 3, heads_of(file, tensor, kv, share > 0 ? share + 2 : 0),
                   static_cast<std::uint32_t>(share)};
  }
  return std::nullopt;
}

// Gives the tensor of the mapping's name `pattern` the checkpoint's shape, and the steps that undo
// the converter's changes.
void undo_changes(const Gguf& file, Tensor& tensor, const GgufMapping& mapping,
                  const std::string& pattern, const Json& config) {
  const auto require = [&](bool holds, const char* what) {
    if (!holds)
      throw Error(file.path, "tensor '" + printable(tensor.name) + "' is " + what,
                  "convert the model again");
  };
  if (const auto order = order_of(file, tensor, mapping, pattern, config))
    tensor.steps.push_back(*order);
  if (const auto at = mapping.added.find(pattern); at != mapping.added.end()) {
    require(holds_f32(tensor), "not of F32");
    if (at->second != 0) tensor.steps.push_back(Add{-at->second});
  }
  if (tensor.shape.size() == 1 && std::ranges::count(mapping.one_row, pattern) > 0) {
    tensor.shape.insert(tensor.shape.begin(), 1);
    auto& stored = tensor.stored.parts.front().shape;
    stored.insert(stored.begin(), 1);
  }
  if (std::ranges::count(mapping.transposed, pattern) > 0) {
    require(tensor.shape.size() == 2, "no matrix");
    std::ranges::reverse(tensor.shape);
    tensor.steps.push_back(Transpose{});
  }
}

// Gives the tensor its one factor; the experts of a stack get their own of several.
void take_factor(const Gguf& file, Tensor& tensor, std::span<const float> factors,
                 bool of_experts) {
  if (factors.size() == 1) multiply(tensor, factors.front());
  if (factors.size() > 1 && !of_experts)
    throw Error(file.path,
                "tensor '" + printable(tensor.name) + "' has " + std::to_string(factors.size()) +
                    " factors, and its experts are not read apart",
                "use another file of the model");
}

// Slices of a tensor of all experts, each by its own name and with its own factor of several.
std::vector<Tensor> experts_of(const Gguf& file, const Tensor& tensor,
                               std::span<const float> factors) {
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
    if (factors.size() > 1) multiply(out.back(), factors[static_cast<std::size_t>(e)]);
  }
  return out;
}

// The pieces of each joined tensor: a file has each piece's matrices of all heads as a tensor.
class Joints {
 public:
  Joints(const Gguf& file, const GgufMapping& mapping) : file_(file), mapping_(mapping) {}

  // Takes the tensor where it is a piece; returns false where it is not.
  bool take(const Tensor& tensor, const MappedName& mapped) {
    for (const auto& [whole, pieces] : mapping_.joined)
      for (std::size_t p = 0; p < pieces.size(); ++p) {
        if (pieces[p] != mapped.pattern) continue;
        auto& joint = joints_[renamed(mapped.pattern, mapped.name, whole)];
        joint.pieces.resize(pieces.size());
        joint.pieces[p] = laid(tensor, mapped.pattern, joint);
        joint.pieces[p].name = mapped.name;
        return true;
      }
    return false;
  }

  // Adds the joined tensors, and as they are the pieces that lack the others.
  void finish(std::vector<Tensor>& out) {
    for (auto& [name, joint] : joints_) {
      const auto missing = [](const Tensor& piece) { return piece.name.empty(); };
      if (std::ranges::any_of(joint.pieces, missing)) {
        std::erase_if(joint.pieces, missing);
        std::ranges::move(joint.pieces, std::back_inserter(out));
        continue;
      }
      out.push_back(joined(name, joint.heads, std::move(joint.pieces)));
    }
  }

 private:
  struct Joint {
    std::uint32_t heads = 0;
    std::int64_t columns = 0;
    std::vector<Tensor> pieces;
  };

  // [heads,rows,columns], or transposed, as matrices one below the other.
  Tensor laid(const Tensor& there, const std::string& pattern, Joint& joint) const {
    auto tensor = there;
    const auto in_range = [](std::int64_t n) { return n > 0 && n <= INT32_MAX; };
    if (tensor.shape.size() != 3 || !std::ranges::all_of(tensor.shape, in_range) ||
        (tensor.stored.dense() && !is_floating(tensor.stored.dtype())))
      refuse(there);
    const bool transposed = std::ranges::count(mapping_.transposed, pattern) > 0;
    if (transposed) std::swap(tensor.shape[1], tensor.shape[2]);
    const auto heads = static_cast<std::uint32_t>(tensor.shape[0]);
    if (joint.heads == 0) joint.heads = heads, joint.columns = tensor.shape[2];
    if (joint.heads != heads || joint.columns != tensor.shape[2]) refuse(there);
    if (transposed) tensor.steps.push_back(Transpose{heads});
    tensor.shape = {tensor.shape[0] * tensor.shape[1], tensor.shape[2]};
    return tensor;
  }

  [[noreturn]] void refuse(const Tensor& tensor) const {
    throw Error(file_.path,
                "tensor '" + printable(tensor.name) + "' of " + shape_text(tensor.shape) +
                    " is not made of heads' matrices as the others",
                "convert the model again");
  }

  const Gguf& file_;
  const GgufMapping& mapping_;
  std::map<std::string, Joint> joints_;
};

}  // namespace

GgufCheckpoint gguf_checkpoint(const GgufParts& parts, const GgufMappings& mappings) {
  const auto& file = parts.whole;
  check_is_model(file);
  const auto& mapping = mapping_for(file, mappings);
  GgufCheckpoint out;
  const GgufRopeFactors factors{rope_factors(parts, mapping.rope_factors),
                                rope_factors(parts, mapping.rope_short),
                                rope_factors(parts, mapping.rope_long)};
  out.config = gguf_config(file, mapping, factors);
  out.vocabulary = gguf_vocabulary(file);
  const auto config = parse_json(out.config, file.path);
  const GgufScales scales(parts, mapping);
  Joints joints(file, mapping);
  for (auto tensor : file.tensors) {
    const auto& name_there = tensor.name;
    if (!name_there.empty() &&
        (name_there == mapping.rope_factors || name_there == mapping.rope_short ||
         name_there == mapping.rope_long))
      continue;                                 // the configuration has it now
    if (scales.is_scale(name_there)) continue;  // its weight has it now
    const auto own = scales.of(name_there);
    const auto [name, pattern] = mapped_name(mapping, tensor.name);
    const bool of_experts = name.find("{}") != std::string::npos;
    take_factor(file, tensor, own, of_experts);
    if (!name.empty()) {
      if (joints.take(tensor, {name, pattern})) continue;
      undo_changes(file, tensor, mapping, pattern, config);
      tensor.name = name;
    }
    if (of_experts) {
      std::ranges::move(experts_of(file, tensor, own), std::back_inserter(out.tensors));
      continue;
    }
    out.tensors.push_back(std::move(tensor));
  }
  joints.finish(out.tensors);
  return out;
}

}  // namespace strata::source
