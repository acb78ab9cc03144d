#include "app/finetune/training_report.hpp"

#include <utility>

#include "app/trace.hpp"
#include "app/training_log/number_text.hpp"

namespace strata::app {
namespace {

// The spans of the last step: from the beginning of its first run on.
std::vector<training_log::LaneSpan> last_step(const train::Training& training) {
  const auto& all = training.trace();
  const auto& units = training.plan().units;
  auto first = all.end();
  for (auto at = all.begin(); at != all.end(); ++at)
    if (at->kind == zero::Kind::run && units[at->unit].kind == STRATA_UNIT_EMBEDDING) first = at;
  std::vector<training_log::LaneSpan> out;
  for (; first != all.end(); ++first)
    if (first->kind != zero::Kind::release)
      out.push_back({lane_name(first->lane), kind_name(first->kind), units[first->unit].name,
                     first->begin, first->end});
  return out;
}

}  // namespace

void write_report(const FinetuneOptions& options, const train::Training& training,
                  const training_log::TrainingLog& log, std::vector<std::string> notes) {
  if (options.html.empty()) return;
  const auto timeline = last_step(training);
  training_log::Page page;
  page.title = "Fine-tuning of " + training.model().path;
  std::erase(notes, "");
  page.notes = std::move(notes);
  page.settings = {{"data", std::to_string(options.data.size()) + " files"},
                   {"batch size", std::to_string(options.batch_size)},
                   {"accumulation", std::to_string(options.gradient_accumulation_steps)},
                   {"learning rate", training_log::scientific(options.lr, 2)},
                   {"schedule", options.schedule},
                   {"optimizer", options.optimizer},
                   {"weight decay", training_log::significant(options.weight_decay)},
                   {"clipping", training_log::significant(options.clip)},
                   {"seed", std::to_string(options.seed)}};
  page.timeline = timeline;
  log.write_page(page);
}

}  // namespace strata::app
