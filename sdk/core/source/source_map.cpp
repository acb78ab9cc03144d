#include "core/source/source_map.hpp"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "core/source/dtype.hpp"
#include "core/source/quantization.hpp"

namespace strata::source {
namespace {

bool holds_nothing_learned(std::string_view name) {
  static constexpr std::array<std::string_view, 6> tails{
      ".rotary_emb.inv_freq", ".position_ids",   ".attn.bias",
      ".attn.masked_bias",    ".attention.bias", ".attention.masked_bias"};
  return std::any_of(tails.begin(), tails.end(),
                     [&](std::string_view tail) { return name.ends_with(tail); });
}

// As many complaints as a line has room for, and the number of the others.
std::string words_of(const std::vector<std::string>& lines) {
  constexpr std::size_t room = 150;
  std::string out = "tensors do not fit the configuration: ";
  std::size_t said = 0;
  for (; said < lines.size() && (said == 0 || out.size() + lines[said].size() < room); ++said)
    out.append(said ? ", " : "").append(lines[said]);
  if (lines.size() > said)
    out.append(" and " + std::to_string(lines.size() - said) + " more (-v lists them)");
  return out;
}

// Finds the head's matrix by a name of its own.
const Tensor* head(const Checkpoint& checkpoint) {
  for (const auto name : head_names)
    if (const auto* tensor = checkpoint.find(name)) return tensor;
  return nullptr;
}

bool same_form(const Tensor& a, const Tensor& b) {
  return a.shape == b.shape && a.stored.scheme == b.stored.scheme && a.steps == b.steps &&
         a.stored.bytes == b.stored.bytes && same(a.stored.dtype(), b.stored.dtype());
}

bool same_bytes(const Checkpoint& checkpoint, const Tensor& a, const Tensor& b,
                std::uint64_t most) {
  constexpr std::uint64_t piece = 1u << 20;
  std::vector<std::byte> one, other;
  const auto end = std::min(a.stored.file().bytes, most);
  for (std::uint64_t from = 0; from < end; from += piece) {
    one.resize(std::min(piece, end - from));
    other.resize(one.size());
    checkpoint.read(a, from, one);
    checkpoint.read(b, from, other);
    if (one != other) return false;
  }
  return true;
}

}  // namespace

std::vector<std::string> spellings(const std::string& name) {
  static constexpr std::array<std::string_view, 3> prefixes{"model.", "transformer.",
                                                            "rwtransformer."};
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

const Tensor* find_spelled(const Checkpoint& checkpoint, const std::string& name) {
  if (name.empty()) return nullptr;
  for (const auto& spelling : spellings(name))
    if (const auto* tensor = checkpoint.find(spelling)) return tensor;
  return nullptr;
}

std::vector<const Tensor*> twins_of(const Checkpoint& checkpoint, const Tensor& table) {
  std::vector<const Tensor*> out;
  for (const auto name : head_names)
    if (const auto* twin = checkpoint.find(name);
        twin && twin != &table && twin->shape == table.shape)
      out.push_back(twin);
  return out;
}

// Collects the tensors of the weights, and complaints about those that do not fit.
class Resolver {
 public:
  explicit Resolver(const Checkpoint& checkpoint) : checkpoint_(checkpoint) {}

  void take(const Wanted& weight) {
    const auto* tensor = find_spelled(checkpoint_, weight.name);
    if (!tensor) tensor = find_spelled(checkpoint_, weight.also);
    const auto* twin = weight.tied ? head(checkpoint_) : nullptr;
    if (!tensor) tensor = twin;
    if (!tensor) return missing(weight);
    if (twin && twin != tensor && twin->shape == tensor->shape) {
      used_.insert(twin);
      out_.twice_.emplace_back(*tensor, *twin);
    }
    auto kept = *tensor;
    const bool turned = weight.in_out && !tensor->as_used;
    if (turned) transpose(kept.steps);
    kept.shape = turned ? stored_shape(weight) : weight.shape;
    if (!fits(*tensor, weight.name, one_row(*tensor, kept.shape) ? tensor->shape : kept.shape))
      return;
    keep(weight.name, std::move(kept));
  }

  // Takes one tensor for each expert, or slices of one tensor of them all.
  void take_experts(const Wanted& weight) {
    if (find_spelled(checkpoint_, numbered(weight.name, 0))) return take_each(weight);
    if (const auto* fused = find_spelled(checkpoint_, weight.also))
      return take_slices(*fused, weight, {weight.also_rows, weight.also_first, weight.also_step});
    auto bare = weight.name;
    bare.erase(bare.find("{}"), bare.find("{}.") == std::string::npos ? 2 : 3);
    if (const auto* stack = find_spelled(checkpoint_, bare))
      return take_slices(*stack, weight, {weight.shape[0]});
    for (std::uint32_t e = 1; e < weight.experts; ++e)
      if (find_spelled(checkpoint_, numbered(weight.name, e))) return take_each(weight);
    missing(weight);
  }

  SourceMap finish(std::span<const std::string_view> spare,
                   std::span<const std::string> passed_over) {
    const auto expected = [&](const std::string& name) {
      return std::ranges::find(spare, name) != spare.end() || holds_nothing_learned(name) ||
             std::ranges::any_of(passed_over, [&](const std::string& word) {
               return name.find(word) != name.npos;
             });
    };
    for (const auto& tensor : checkpoint_.tensors())
      if (!used_.contains(&tensor) && !expected(tensor.name)) out_.unused_.push_back(tensor.name);
    std::ranges::sort(out_.unused_);
    if (complaints_.empty()) return std::move(out_);
    if (!checkpoint_.missing().empty()) {
      const auto& [tensor, weight] = checkpoint_.missing().front();
      throw Error(checkpoint_.path(),
                  "'" + printable(tensor) + "' is missing, a part of the quantized '" +
                      printable(weight) + "'",
                  "fetch the checkpoint again");
    }
    if (const auto form = quantization_of(checkpoint_); !form.empty())
      refuse_quantization(checkpoint_, form);
    for (const auto& name : out_.unused_)
      complaints_.push_back("'" + printable(name) + "' is extra");
    throw Misfit(checkpoint_, std::move(complaints_));
  }

 private:
  void take_each(const Wanted& weight) {
    for (std::uint32_t e = 0; e < weight.experts; ++e)
      take({numbered(weight.name, e), weight.shape, weight.in_out && weight.also.empty()});
  }

  static std::vector<std::int64_t> stored_shape(const Wanted& weight) {
    auto shape = weight.shape;
    std::reverse(shape.begin(), shape.end());
    return shape;
  }

  // A vector stored as [1,n].
  static bool one_row(const Tensor& tensor, const std::vector<std::int64_t>& shape) {
    return shape.size() == 1 && tensor.shape.size() == 2 && tensor.shape[0] == 1 &&
           tensor.shape[1] == shape[0];
  }

  void missing(const Wanted& weight) {
    complaints_.push_back("'" + printable(weight.name) + "' is missing");
  }

  bool fits(const Tensor& tensor, const std::string& name, const std::vector<std::int64_t>& shape) {
    const bool is_new = used_.insert(&tensor).second;
    const auto quoted = "'" + printable(name) + "'";
    const bool fit = tensor.shape == shape;
    if (!is_new) return fit;  // another slice of a stack, which had its complaint
    if (!fit)
      complaints_.push_back(quoted + " is " + shape_text(tensor.shape) + ", not " +
                            shape_text(shape));
    for (const auto& form : forms(tensor))
      if (holds_codes(form))
        complaints_.push_back(quoted + " holds " + form_name(form.stored) +
                              ", which is not read as weights");
    return fit;
  }

  // Takes each expert's rows of its slice. Adjacent rows are read alone; of rows that lie apart,
  // and of columns, the whole slice is read.
  void take_slices(const Tensor& stack, const Wanted& weight, const Slice& own) {
    std::vector<std::int64_t> shape{weight.experts, own.all};
    shape.insert(shape.end(), weight.shape.begin() + 1, weight.shape.end());
    auto other_shape = shape;
    if (shape.size() == 3) std::swap(other_shape[1], other_shape[2]);
    const bool other_fits = stack.shape == other_shape;
    const bool blocks = !stack.stored.dense();  // along the dimension of the product
    const bool either = other_fits == (stack.shape == shape);
    const bool transposed = either ? weight.in_out && !blocks : other_fits;
    if (!fits(stack, stack.name, transposed ? other_shape : shape)) return;
    const bool alone = own.all == weight.shape[0];
    const bool cut = !alone && !transposed && own.step == 1;
    if (blocks && transposed)
      return complaints_.push_back("'" + printable(stack.name) + "' is of " + stack.stored.scheme +
                                   " blocks, which cannot be turned");
    for (std::uint32_t e = 0; e < weight.experts; ++e) {
      auto one = slice(stack, e);
      if (cut) one = rows(one, own.first, weight.shape[0]);
      if (transposed) one.steps.push_back(Transpose{});
      if (!alone && !cut) one.steps.push_back(own);
      keep(numbered(weight.name, e), std::move(one));
    }
  }

  void keep(const std::string& name, Tensor tensor) {
    out_.by_name_.emplace(name, std::move(tensor));
  }

  const Checkpoint& checkpoint_;
  SourceMap out_;
  std::vector<std::string> complaints_;
  std::set<const Tensor*> used_;
};

const Tensor* SourceMap::find(const std::string& name) const {
  const auto at = by_name_.find(name);
  return at == by_name_.end() ? nullptr : &at->second;
}

Misfit::Misfit(const Checkpoint& checkpoint, std::vector<std::string> lines)
    : Error(checkpoint.path(), words_of(lines),
            checkpoint.kind() == Kind::gguf ? "convert the model again"
                                            : "give the config.json that belongs to these weights"),
      all(std::move(lines)) {}

const Tensor* SourceMap::other_head(const Checkpoint& checkpoint, std::uint64_t most) const {
  for (const auto& [table, head] : twice_)
    if (!same_form(table, head) || !same_bytes(checkpoint, table, head, most)) return &head;
  return nullptr;
}

SourceMap resolve(const Checkpoint& checkpoint, std::span<const Wanted> wanted,
                  std::span<const std::string_view> spare,
                  std::span<const std::string> passed_over) {
  Resolver resolver(checkpoint);
  for (const auto& weight : wanted)
    if (weight.experts == 0)
      resolver.take(weight);
    else
      resolver.take_experts(weight);
  return resolver.finish(spare, passed_over);
}

}  // namespace strata::source
