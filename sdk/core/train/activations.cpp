#include "core/train/activations.hpp"

#include <algorithm>
#include <string>

#include "core/dry_run/measure.hpp"
#include "core/dtype.hpp"
#include "core/error.hpp"
#include "core/train/product_unit.hpp"

namespace strata::train {
namespace {

using Part = StepUnit::Part;

// The most bytes of a unit's rerun: what it keeps for its gradients, and as much again as it holds
// at once, for the gradients on their way. The input lies in the arena; its two places here are
// those of the output and of its gradient.
uint64_t rerun_bytes(const dry_run::Measure& measured, Part part, const TrainingRequest& request,
                     int64_t hidden) {
  const auto element = element_bytes(request.dtype), reduced = element_bytes(request.reduce);
  auto bytes = measured.all_bytes + measured.peak_bytes;
  // A CPU multiplies factors that it has made as wide as the gradient.
  if (!request.separate_device && element < reduced)
    bytes += measured.peak_bytes * (reduced / element);
  if (part == Part::body) return bytes;
  // The hidden state and its gradient have other rows than the unit.
  bytes += 2 * static_cast<uint64_t>(request.tokens * hidden) * element;
  // The loss has the logits in float32 and, for their sum, once more.
  if (part == Part::head)
    bytes +=
        static_cast<uint64_t>(measured.rows * measured.columns) * (2 * sizeof(float) - element);
  return bytes;
}

}  // namespace

Activations measure_activations(const run::Model& model, const TrainingRequest& request,
                                const TrainingPlan& plan) {
  const auto tokens = std::max<int64_t>(request.tokens, 1);
  const auto hidden = dry_run::hidden_size(*model.family);
  Activations out{.flops = std::vector<double>(plan.units.size()),
                  .top_k = std::vector<uint32_t>(plan.units.size())};
  uint64_t kept = 0, beside_kept = 0;  // of all graphs, and the most of one backward or of the head
  for (std::size_t u = 0; u < plan.units.size(); ++u) {
    const auto& unit = plan.units[u];
    const bool own_table = u == plan.table_unit && !plan.tied;
    if (unit.is_expert() || own_table || u == plan.product_unit) continue;
    const auto part = part_of(unit);
    const auto rows = part == Part::head ? std::min(tokens, request.loss_rows) : tokens;
    dry_run::Request pass{.tokens = tokens,
                          .sequences = std::min<int64_t>(request.sequences, tokens),
                          .keys = std::max<int64_t>(request.longest, 1),
                          .wanted = rows,
                          .dtype = request.dtype,
                          .device = {request.separate_device ? STRATA_CUDA : STRATA_CPU, 0},
                          .attention_bytes = request.attention_bytes,
                          .trains = true};
    const auto measured = dry_run::measure(*model.family, unit.declared, pass);
    if (measured.positions > 0 && request.longest > measured.positions)
      throw Error(model.path,
                  "it has learned " + std::to_string(measured.positions) + " positions, not " +
                      std::to_string(request.longest),
                  "use a smaller --max-length");
    const auto beside = product_scratch(plan.products, model.family->units()[unit.declared],
                                        measured.top_k, request.dtype.bits < 32);
    const auto all = rerun_bytes(measured, part, request, hidden) +
                     static_cast<uint64_t>(tokens) * beside.token +
                     static_cast<uint64_t>(rows) * beside.wanted;
    out.most = std::max(out.most, all);
    if (part == Part::head) {
      beside_kept = std::max(beside_kept, all);
    } else {
      const auto of_products = static_cast<uint64_t>(tokens) * beside.kept;
      kept += measured.all_bytes + measured.kept_bytes + of_products;
      beside_kept = std::max(beside_kept, all - measured.all_bytes - of_products);
    }
    out.top_k[u] = measured.top_k;
    pass.keys = (pass.keys + 1) / 2;
    pass.attention_bytes = {};
    out.flops[u] = dry_run::measure(*model.family, unit.declared, pass).flops *
                   (static_cast<double>(tokens) / static_cast<double>(rows));
  }
  out.graphs = kept + beside_kept;
  return out;
}

}  // namespace strata::train
