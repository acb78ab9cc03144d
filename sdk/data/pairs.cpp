#include "data/pairs.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

#include "data/batches.hpp"

namespace strata::data {
namespace {

using Ids = std::span<const std::int32_t>;

std::uint32_t size_of(Ids ids) { return static_cast<std::uint32_t>(ids.size()); }

// The first place from `from` on that is none of so many pad tokens and holds one more.
std::uint32_t end_of(Ids ids, std::uint32_t from, std::int64_t at_beginning, std::int32_t pad) {
  for (auto at = from; at < ids.size(); ++at)
    if (ids[at] == pad && at_beginning-- <= 0) return at;
  return size_of(ids);
}

// The place of the first token that differs, which may lie behind the shorter row.
std::uint32_t first_difference(Ids chosen, Ids rejected) {
  const auto both = std::min(chosen.size(), rejected.size());
  for (std::size_t at = 0; at < both; ++at)
    if (chosen[at] != rejected[at]) return static_cast<std::uint32_t>(at);
  return static_cast<std::uint32_t>(both);
}

std::uint32_t before(std::uint32_t end) { return std::max(end, 1U) - 1; }

// Adds the first `length` tokens of a row, with padding behind those that it has.
void add_row(Ids ids, std::uint32_t length, std::int32_t pad, std::uint64_t number,
             MicroBatchTokens& batch) {
  const auto own = std::min(length, size_of(ids));
  const auto begin = batch.ids.size();
  batch.ids.insert(batch.ids.end(), ids.begin(), ids.begin() + own);
  batch.ids.resize(begin + length, std::max(pad, 0));
  const auto slot = static_cast<std::uint32_t>(batch.sequences.size());
  batch.sequences.push_back({slot, 0, length, length, length - own});
  batch.rows.push_back(number);
}

}  // namespace

PairWindow pair_window(Ids chosen, Ids rejected, const PairOptions& options) {
  const auto differ = first_difference(chosen, rejected);
  const bool equal = differ == chosen.size() && differ == rejected.size();
  const auto ends = [&](std::uint32_t from, std::int64_t at_beginning) {
    return std::pair{end_of(chosen, from, at_beginning, options.pad),
                     end_of(rejected, from, at_beginning, options.pad)};
  };
  auto [chosen_end, rejected_end] = ends(0, options.at_beginning);
  // Else the rows have a pad token in common, such as one behind each turn of a conversation.
  if (!equal && std::max(chosen_end, rejected_end) <= differ)
    std::tie(chosen_end, rejected_end) = ends(differ, 0);
  PairWindow out{differ, std::max(chosen_end, rejected_end), before(chosen_end),
                 before(rejected_end)};
  out.end = std::max(out.end, equal ? 1 : differ + 1);
  if (equal) out.begin = out.end - 1;
  return out;
}

MicroBatchTokens batch_of(const PairRows& rows, const std::vector<std::uint32_t>& numbers) {
  MicroBatchTokens out;
  for (const auto number : numbers) {
    const auto chosen = rows.chosen->ids(number), rejected = rows.rejected->ids(number);
    const auto window = pair_window(chosen, rejected, rows.options);
    const auto first = static_cast<std::int64_t>(out.ids.size());
    const auto second = first + window.end;
    add_row(chosen, window.end, rows.options.pad, 2 * std::uint64_t{number}, out);
    add_row(rejected, window.end, rows.options.pad, 2 * std::uint64_t{number} + 1, out);
    out.pairs.push_back({.chosen = first + window.begin,
                         .rejected = second + window.begin,
                         .count = window.end - window.begin,
                         .chosen_end = first + window.chosen_last,
                         .rejected_end = second + window.rejected_last});
    out.scored += 2 * std::uint64_t{window.end - window.begin};
    out.weight += 1;
  }
  out.targets.resize(out.ids.size(), -1);
  out.weights.resize(out.ids.size(), 0);
  return out;
}

}  // namespace strata::data
