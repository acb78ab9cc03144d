#include "core/train/share_out.hpp"

#include <algorithm>

#include "core/dtype.hpp"
#include "core/error.hpp"
#include "core/pages.hpp"
#include "core/zero/shard.hpp"

namespace strata::train {
namespace {

constexpr uint64_t most_exchanged = uint64_t{4} << 20;  // bytes of a rank's part at a time

// Whether a group cuts a unit. One whose update needs all of it stays whole, and so does one whose
// run form has other places than its gradient.
bool is_cut(const TrainingPlan& plan, const TrainingRequest& request, uint32_t u) {
  if (!request.has_group() || u == plan.product_unit) return false;
  const auto& unit = plan.units[u];
  const auto elements = unit.run_bytes / element_bytes(request.dtype);
  if (elements < std::max<uint64_t>(request.whole_below, 1)) return false;
  if (plan.is_frozen()) return u != plan.table_unit;
  const auto& flat = plan.flats[u];
  return request.rule == Rule::adam && !plan.on_device(u) && flat.row_width == 0 &&
         has_flat_form(unit, flat);
}

Share cut(const TrainingPlan& plan, const TrainingRequest& request, uint32_t u) {
  auto share = plan.share(u);
  const auto part = zero::shard_of(share.bytes, request.rank, request.ranks);
  share.whole = false;
  share.looked_up = u == plan.table_unit;
  share.from = part.from;
  share.bytes = part.bytes;
  if (plan.is_frozen()) return share;
  const auto all = plan.units[u].run_bytes, width = all / plan.flats[u].elements;
  share.each = zero::shard_bytes(all, request.ranks) / width;
  share.first = part.from / width;
  share.count = part.bytes / width;
  return share;
}

}  // namespace

void share_out(const TrainingRequest& request, TrainingPlan& plan) {
  const auto ranks = request.ranks;
  if (request.has_group() && request.reduce.code == STRATA_FLOAT && request.reduce.bits < 32)
    throw Error("--reduce-dtype float16", "ranks add float32 or bfloat16",
                "give another --reduce-dtype");
  for (uint32_t u = 0; u < plan.units.size(); ++u) {
    auto& flat = plan.flats[u];
    auto share = plan.share(u);
    if (is_cut(plan, request, u))
      share = cut(plan, request, u);
    else
      share.each = zero::shard_bytes(flat.elements * sizeof(float), ranks) / sizeof(float);
    if (flat.row_width > 0) {
      flat.all_rows = ranks * share.each;
      flat.rows =
          flat.all_rows + request.rank * static_cast<uint64_t>(request.tokens) * flat.row_width;
    }
    plan.shares.push_back(share);
  }
  if (plan.table_unit == no_table || !plan.shares[plan.table_unit].looked_up) return;
  const auto part = zero::shard_bytes(plan.held_bytes(plan.table_unit), ranks);
  plan.exchange_bytes = pages(ranks * std::min(part, most_exchanged));
}

uint64_t gradient_bytes(const TrainingPlan& plan, const TrainingRequest& request, uint32_t unit) {
  const auto& flat = plan.flats[unit];
  const auto rows = request.ranks * static_cast<uint64_t>(request.tokens) * flat.row_width;
  return (request.ranks * plan.shares[unit].each + rows) * element_bytes(request.reduce);
}

uint64_t arriving_bytes(const TrainingPlan& plan, const TrainingRequest& request, uint32_t unit) {
  const auto& share = plan.shares[unit];
  return share.whole ? gradient_bytes(plan, request, unit)
                     : share.count * element_bytes(request.reduce);
}

}  // namespace strata::train
