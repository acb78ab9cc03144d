#include "core/run/packed.hpp"

#include <strata/abi/model.h>

#include <algorithm>
#include <set>
#include <tuple>
#include <vector>

#include "core/dtype.hpp"
#include "core/error.hpp"
#include "core/ops/grouped_rows.hpp"
#include "core/source/elements.hpp"

namespace strata::run {
namespace {

// The parts of a weight's rows that move to their places together; 0: they are in their places.
uint32_t parts_of(const std::vector<source::Step>& steps) {
  if (const auto* step = source::find_step<source::Transpose>(steps)) return step->matrices;
  if (const auto* step = source::find_step<source::Reorder>(steps)) return step->blocks;
  const auto* step = source::find_step<source::Join>(steps);
  return step ? step->blocks : 0;
}

// The most tokens, up to `tokens`, of a product that the plugin computes; it computes one of 1.
int64_t most_tokens(const plugin::Codec& codec, plugin::ProductKind kind, int64_t tokens) {
  int64_t computed = 1, refused = tokens + 1;
  while (refused - computed > 1) {
    kind.tokens = computed + (refused - computed) / 2;
    (plugin::can_multiply(codec, kind) ? computed : refused) = kind.tokens;
  }
  return computed;
}

// The elements of a tile of the dense weight and, where the weight has several tiles, of its
// columns of y.
uint64_t tile_elements(std::span<const int64_t> shape, int64_t tokens, bool separate_device) {
  const auto all = static_cast<uint64_t>(shape[0]), columns = static_cast<uint64_t>(shape[1]);
  const auto rows = static_cast<uint64_t>(tile_rows(shape[1], separate_device));
  if (all <= rows) return all * columns;
  return rows * (columns + static_cast<uint64_t>(tokens));
}

// The bytes of all of a tensor's rows in the run form, where its codec makes them at once and steps
// are taken behind it; 0: it makes them in their places, or some at a time.
uint64_t whole_bytes(const zero::Weight& weight, uint64_t element) {
  uint64_t most = 0;
  for (const auto& form : source::forms(weight.source)) {
    const auto& stored = form.stored;
    if (stored.dense() || (form.steps.empty() && weight.source.pieces.empty())) continue;
    const auto* slice = form.step<source::Slice>();
    const auto rows = static_cast<uint64_t>(form.shape[0]);
    const auto all = slice ? static_cast<uint64_t>(slice->all) : rows;
    if (weight.repacks())
      most = std::max(most, weight.run.bytes / rows * all);
    else if (!stored.by_rows)
      most = std::max(most, static_cast<uint64_t>(source::elements(form)) / rows * all * element);
  }
  return most;
}

// The shape of the product of a weight with the next members of its group, which may be one.
std::vector<int64_t> whole_shape(const zero::Unit& unit, std::size_t first) {
  const auto& weight = unit.weights[first];
  auto out = weight.shape;
  for (auto next = first + 1;
       weight.group != 0 && next < unit.weights.size() && unit.weights[next].group == weight.group;
       ++next)
    out[0] += unit.weights[next].shape[0];
  return out;
}

// Whether a fetch of the run form moves more bytes than one of the stored form, which the device
// then makes the run form of. Parts that only the host repacks are held repacked in every case, and
// those that become little larger too: repacking at each use would cost more than it saves.
bool run_form_is_larger(const zero::Unit& unit, const FindCodec& codec, bool separate_device) {
  if (unit.run_bytes <= unit.stored_bytes) return false;
  if (std::ranges::none_of(unit.weights, &zero::Weight::repacks)) return true;
  const auto repacks_here = [&](const zero::Weight& weight) {
    return weight.repacks() && separate_device && codec && !unpacks_there(weight.source, codec);
  };
  return unit.run_bytes > unit.stored_bytes + unit.stored_bytes / 8 &&
         std::ranges::none_of(unit.weights, repacks_here);
}

}  // namespace

bool unpacks_there(const source::Tensor& tensor, const FindCodec& codec) {
  for (const auto& form : source::forms(tensor)) {
    if (form.stored.dense()) continue;
    try {
      if (!codec(form.stored.scheme).unpacks({STRATA_CUDA, 0})) return false;
    } catch (const Error&) {
      return true;
    }
  }
  return true;
}

bool stays_packed(const zero::Unit& unit, const FindCodec& codec, bool separate_device) {
  const auto expands_there = [&](const zero::Weight& weight) {
    return !separate_device || !codec || !weight.run.dense() || unpacks_there(weight.source, codec);
  };
  if (!std::ranges::all_of(unit.weights, expands_there)) return false;
  const bool table = unit.kind == STRATA_UNIT_HEAD;
  const bool grows = run_form_is_larger(unit, codec, separate_device);
  return std::ranges::any_of(unit.weights, [&](const zero::Weight& weight) {
    const auto& source = weight.source;
    return source::in_blocks(source) && (weight.run.dense() || grows) &&
           (!table || (weight.role == STRATA_HEAD && source.stored.parts.size() == 1));
  });
}

uint64_t expansion_bytes(std::span<const zero::Unit> units, strata_dtype dtype,
                         bool separate_device) {
  const uint64_t element = element_bytes(dtype);
  uint64_t most = 0;
  for (const auto& unit : units)
    for (const auto& weight : unit.weights) {
      if (!source::in_blocks(weight.source)) continue;
      most = std::max(most, whole_bytes(weight, element));
      if (!weight.run.dense()) continue;
      const auto parts = parts_of(weight.source.steps);
      const bool at_once = parts == 0;
      const bool shared = weight.source.step<source::Slice>();  // blocks are put together first
      if (at_once && !shared) continue;
      const auto each = (at_once ? 0 : element) + (shared ? 1 : 0);
      const auto elements = static_cast<uint64_t>(source::elements(weight.source));
      const auto rows = parts > 0 ? parts : static_cast<uint64_t>(weight.source.shape[0]);
      const auto some = separate_device ? between_on_gpu : between_on_cpu;
      most = std::max(most, std::min(elements, std::max(some, elements / rows)) * each);
    }
  return most;
}

plugin::ProductKind CodedProducts::kind(std::span<const int64_t> shape, int64_t tokens) const {
  return {.weight = shape,
          .dtype = options_.dtype,
          .device = {options_.separate_device ? STRATA_CUDA : STRATA_CPU, 0},
          .tokens = tokens,
          .fast = options_.fast};
}

std::optional<source::Form> CodedProducts::run_form(const source::Form& stored,
                                                    std::span<const int64_t> shape) const {
  if (!options_.codec) return std::nullopt;
  const auto narrow = element_bytes(stored.dtype()) < element_bytes(options_.dtype);
  if (stored.dense() && (!narrow || !source::is_floating(stored.dtype()))) return std::nullopt;
  const auto own = source::form_name(stored);
  const plugin::Codec* codec = nullptr;
  try {
    codec = &options_.codec(own);
  } catch (const Error&) {
    return std::nullopt;
  }
  const auto one = kind(shape, 1);
  if (const auto scheme = plugin::run_scheme(*codec, one); !scheme.empty()) {
    const auto& repacked = options_.codec(scheme);
    if (plugin::can_multiply(repacked, one)) return form_of(repacked, scheme, shape);
  }
  if (!plugin::can_multiply(*codec, one)) return std::nullopt;
  if (stored.dense()) return form_of(*codec, own, shape);
  auto parts = stored.parts;
  for (auto& part : parts) part.shape[0] = shape[0];
  return source::packed_form(stored.scheme, std::move(parts));
}

source::Form CodedProducts::form_of(const plugin::Codec& codec, const std::string& scheme,
                                    std::span<const int64_t> shape) const {
  std::vector<source::Part> parts;
  for (const auto& part : codec.layout({options_.dtype, shape::Dims(shape)})) {
    const auto& dims = part.value.dims;
    if (dims.size() != 2 || dims[0] != shape[0])
      throw Error(codec.who(),
                  "the part '" + printable(part.role) + "' of " + printable(scheme) + " is " +
                      shape::words(dims) + ", without the weight's " + std::to_string(shape[0]) +
                      " rows",
                  "report this to the plugin's vendor");
    parts.push_back({part.role, part.value.dtype, {dims[0], dims[1]}});
  }
  return source::packed_form(scheme, std::move(parts));
}

uint64_t CodedProducts::bytes(std::span<const zero::Unit> units, int64_t tokens,
                              int64_t wanted) const {
  uint64_t most = 0;
  std::set<std::tuple<std::string, std::vector<int64_t>, int64_t, bool>> seen;  // experts are many
  for (const auto& unit : units)
    for (std::size_t w = 0; w < unit.weights.size(); ++w) {
      const auto& weight = unit.weights[w];
      if (!weight.is_held() || weight.run.dense()) continue;
      const auto rows = static_cast<uint64_t>(weight.shape[0]);
      // Rows of a table, which a tied head is too, are copied before they are unpacked.
      if (weight.role != STRATA_MATRIX)
        most = std::max(most, static_cast<uint64_t>(tokens) * (weight.run.bytes / rows));
      if (weight.role == STRATA_TABLE) continue;
      const auto& scheme = weight.run.scheme;
      const auto shape = whole_shape(unit, w);
      const auto each = weight.role == STRATA_HEAD ? wanted : tokens;
      if (!seen.emplace(scheme, shape, each, unit.is_expert()).second) continue;
      most = std::max(most, product_bytes(scheme, shape, each));
      if (unit.is_expert()) most = std::max(most, grouped_bytes(scheme, shape));
    }
  return most;
}

uint64_t CodedProducts::grouped_bytes(const std::string& scheme,
                                      std::span<const int64_t> shape) const {
  const auto& codec = options_.codec(scheme);
  auto group = kind(shape, 1);
  if (!plugin::can_group(codec, group)) return 0;
  group.tokens = most_tokens(codec, group, ops::grouped_rows);
  return plugin::workspace_of(codec, group);
}

uint64_t CodedProducts::product_bytes(const std::string& scheme, std::span<const int64_t> shape,
                                      int64_t tokens) const {
  const auto& codec = options_.codec(scheme);
  auto one = kind(shape, 1);
  one.tokens = most_tokens(codec, one, std::max<int64_t>(tokens, 1));
  const auto bytes = plugin::workspace_of(codec, one);
  if (one.tokens >= tokens) return bytes;
  return std::max(bytes, tile_elements(shape, tokens, options_.separate_device) *
                             element_bytes(options_.dtype));
}

}  // namespace strata::run
