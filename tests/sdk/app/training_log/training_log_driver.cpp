// Writes what a training run writes, of records that it reads from standard input as JSON:
// {"outputs": {"jsonl", "tensorboard", "html"}, "resumed": n or null, "records": [{"kind": "step"
// or "validation", ...}], "title", "settings": [[name, value]], "timeline": [{"lane", "kind",
// "unit", "begin", "end"}], "shape": [parameters, layers, hidden], "sequence": n, "configs":
// [object]}. Prints {"lines": [script_line, ...], "mixture_lines": [...], "flops": [without, with
// checkpointing], "mixtures": [bool], "kept": n}.
#include <cstdio>
#include <exception>
#include <iostream>
#include <iterator>

#include "app/training_log/record_json.hpp"
#include "app/training_log/script_line.hpp"
#include "app/training_log/training_log.hpp"

namespace {

using namespace strata;
using namespace strata::training_log;

Page page_of(const Json& run, const std::vector<LaneSpan>& timeline) {
  Page page;
  page.title = run["title"];
  page.notes = {"step 1 s, bound 0.5 s by adam: 50 %"};
  for (const auto& setting : run["settings"]) page.settings.emplace_back(setting[0], setting[1]);
  page.timeline = timeline;
  return page;
}

OrderedJson write(const Json& run) {
  const auto& to = run["outputs"];
  std::optional<int64_t> resumed;
  if (!run["resumed"].is_null()) resumed = run["resumed"].get<int64_t>();
  TrainingLog log({to["jsonl"], to["tensorboard"], to["html"]}, resumed);
  OrderedJson out;
  out["kept"] = log.records().steps.size();
  for (const auto& record : run["records"]) {
    if (record["kind"] == "validation") {
      log.add(validation_of(record, "stdin"));
      continue;
    }
    const auto step = step_of(record, "stdin");
    log.add(step);
    out["lines"].push_back(script_line(step, step.loss, false));
    out["mixture_lines"].push_back(script_line(step, step.loss, true));
  }
  std::vector<LaneSpan> timeline;
  for (const auto& s : run["timeline"])
    timeline.push_back({s["lane"], s["kind"], s["unit"], s["begin"], s["end"]});
  log.write_page(page_of(run, timeline));
  const DenseShape shape{run["shape"][0], run["shape"][1], run["shape"][2]};
  for (const bool checkpointing : {false, true})
    out["flops"].push_back(flops_of_sequence(shape, run["sequence"], checkpointing));
  for (const auto& config : run["configs"]) out["mixtures"].push_back(is_mixture(config));
  return out;
}

}  // namespace

int main() {
  try {
    const std::string text{std::istreambuf_iterator<char>(std::cin), {}};
    std::cout << write(parse_json(text, "stdin")).dump() << '\n';
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
