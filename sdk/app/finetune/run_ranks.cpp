#include "app/finetune/run_ranks.hpp"

#include <algorithm>
#include <array>
#include <string>

#include "app/finetune/common_state.hpp"

namespace strata::app {
namespace {

// The parts of a report that differ from rank to rank.
constexpr std::array own_parts{"load_s", "moved", "collectives", "peak",
                               "device", "host",  "files",       "cores"};

Fact rows(const char* name, const data::TokenRows& rows) {
  return {std::string("the digest of ") + name, rows.size() > 0 ? rows.sha256() : "none"};
}

void add_plan(std::vector<Fact>& out, const PlannedTraining& planned) {
  const auto& plan = planned.plan;
  uint64_t parts = 0;
  for (const auto& share : plan.shares) parts += share.each;
  const auto whole = std::ranges::count(plan.shares, true, &train::Share::whole);
  const auto add = [&](const char* part, uint64_t number) {
    out.push_back({std::string("the plan's ") + part, std::to_string(number)});
  };
  add("units", plan.units.size());
  add("whole units", static_cast<uint64_t>(whole));
  add("elements of a part", parts);
  add("micro-batches", planned.request.micro_batches);
  add("tokens of a micro-batch", static_cast<uint64_t>(planned.request.tokens));
  add("actions", plan.step.pass.size());
  add("actions of a validation", plan.scoring.pass.size());
  add("arena", plan.arena_bytes);
}

}  // namespace

FinetuneOptions own_options(FinetuneOptions options, const run::Group* group) {
  if (!group || group->ranks().rank == 0) return options;
  for (auto* path : {&options.log, &options.tensorboard, &options.html, &options.trace})
    path->clear();
  return options;
}

std::vector<Fact> facts_of(const FinetuneOptions& options, const TrainingData& data,
                           const PlannedTraining& planned, const Json& common,
                           std::optional<int64_t> resumed) {
  std::vector<Fact> out{
      rows("the rows of --data", data.loaded.rows),
      rows("the rejected rows of --data", data.rejected),
      rows("the rows of --validation", data.validation.rows),
      rows("the rejected rows of --validation", data.validation_rejected),
      {"the step to continue behind", resumed ? std::to_string(*resumed) : "none"}};
  for (const auto& [key, value] : common.items()) {
    const bool setting = key != "--model" && key != "--data";
    if (key == "--data") continue;  // the rows are above
    out.push_back({setting ? key : "the digest of the model",
                   value.dump(-1, ' ', false, Json::error_handler_t::replace), setting});
  }
  out.push_back({"run.whole_below", std::to_string(planned.request.whole_below), true});
  out.push_back(
      {"train.offload_optimizer_ratio", std::to_string(options.offload_optimizer_ratio), true});
  out.push_back({"the tier of the weights", planned.weights->manifest.name});
  out.push_back({"the tier of the states", planned.states->manifest.name});
  add_plan(out, planned);
  return out;
}

OrderedJson joined_training_report(const std::vector<OrderedJson>& reports) {
  auto out = reports.front();
  if (reports.size() == 1) return out;
  for (const auto& one : reports)
    out["load_s"] = std::max(out["load_s"].get<double>(), one["load_s"].get<double>());
  for (auto& [part, bytes] : out["moved"].items()) {
    uint64_t sum = 0;
    for (const auto& one : reports) sum += one["moved"][part].get<uint64_t>();
    bytes = sum;
  }
  out.erase("cores");  // each rank has its own
  out["ranks"] = OrderedJson::array();
  for (const auto& one : reports) {
    auto& own = out["ranks"].emplace_back(OrderedJson::object());
    for (const auto* part : own_parts)
      if (one.contains(part)) own[part] = one[part];
  }
  return out;
}

}  // namespace strata::app
