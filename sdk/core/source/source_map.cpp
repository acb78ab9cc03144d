#include "core/source/source_map.hpp"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "core/source/dtype.hpp"

namespace strata::source {
namespace {

constexpr std::array<std::string_view, 2> prefixes{"model.", "transformer."};

// Names by which a weight may lie in the file, the best first.
std::vector<std::string> spellings(const std::string& name) {
  std::vector<std::string> out{name};
  for (const auto prefix : prefixes) out.push_back(std::string(prefix) + name);
  for (const auto prefix : prefixes) {
    if (!name.starts_with(prefix)) continue;
    const auto bare = name.substr(prefix.size());
    out.push_back(bare);
    for (const auto other : prefixes)
      if (other != prefix) out.push_back(std::string(other) + bare);
  }
  return out;
}

bool holds_nothing_learned(std::string_view name) {
  static constexpr std::array<std::string_view, 5> tails{".rotary_emb.inv_freq", ".attn.bias",
                                                         ".attn.masked_bias", ".attention.bias",
                                                         ".attention.masked_bias"};
  return std::any_of(tails.begin(), tails.end(),
                     [&](std::string_view tail) { return name.ends_with(tail); });
}

// Whole numbers: some checkpoint's codes, of which nothing here knows the meaning.
bool counts(const Stored& stored) {
  const auto code = stored.dtype.code;
  return stored.scheme.empty() && (code == STRATA_INT || code == STRATA_UINT);
}

// The first few, and how many more.
std::string words_of(const std::vector<std::string>& lines) {
  constexpr std::size_t most = 8;
  std::string out = "tensors do not fit the configuration: ";
  for (std::size_t i = 0; i < std::min(most, lines.size()); ++i)
    out.append(i ? ", " : "").append(lines[i]);
  if (lines.size() > most)
    out.append(" and " + std::to_string(lines.size() - most) + " more (-v lists them)");
  return out;
}

const Tensor* look_up(const Checkpoint& checkpoint, const std::string& name) {
  for (const auto& spelling : spellings(name))
    if (const auto* tensor = checkpoint.find(spelling)) return tensor;
  return nullptr;
}

}  // namespace

const Tensor* SourceMap::find(const std::string& name) const {
  const auto at = by_name_.find(name);
  return at == by_name_.end() ? nullptr : &at->second;
}

Misfit::Misfit(const Checkpoint& checkpoint, std::vector<std::string> lines)
    : Error(checkpoint.path(), words_of(lines),
            checkpoint.kind() == Kind::gguf ? "convert the model again"
                                            : "give the config.json that belongs to these weights"),
      all(std::move(lines)) {}

SourceMap resolve(const Checkpoint& checkpoint, std::span<const Wanted> wanted) {
  SourceMap out;
  std::vector<std::string> complaints;
  std::set<const Tensor*> used;
  for (const auto& weight : wanted) {
    const auto name = "'" + printable(weight.name) + "'";
    const auto* tensor = look_up(checkpoint, weight.name);
    if (!tensor) {
      complaints.push_back(name + " is missing");
      continue;
    }
    used.insert(tensor);
    auto shape = weight.shape;
    if (weight.in_out) std::reverse(shape.begin(), shape.end());
    if (tensor->shape != shape)
      complaints.push_back(name + " is " + shape_text(tensor->shape) + ", not " +
                           shape_text(shape));
    if (counts(tensor->stored))
      complaints.push_back(name + " holds " + std::string(dtype_name(tensor->stored.dtype)) +
                           ", not floating point");
    out.by_name_.emplace(weight.name, *tensor);
  }
  for (const auto& tensor : checkpoint.tensors())
    if (!used.contains(&tensor) && !holds_nothing_learned(tensor.name))
      complaints.push_back("'" + printable(tensor.name) + "' is extra");
  if (!complaints.empty()) throw Misfit(checkpoint, std::move(complaints));
  return out;
}

}  // namespace strata::source
