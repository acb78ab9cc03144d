#include "host/ranks/joined_report.hpp"

#include <algorithm>
#include <array>

namespace strata::host {
namespace {

using nlohmann::json;

double number(const json& object, const char* key) { return object.value(key, 0.0); }

}  // namespace

json joined_report(const std::vector<json>& reports) {
  auto out = reports.front();
  if (reports.size() == 1) return out;
  double decoded = 0;  // tokens of all ranks
  for (const auto& one : reports)
    decoded += number(one, "decode_tokens_per_s") * number(one, "decode_s");
  for (const auto* key : std::array{"load_s", "first_token_s", "decode_s"})
    for (const auto& one : reports)
      if (one.contains(key)) out[key] = std::max(number(out, key), number(one, key));
  if (const auto slowest = number(out, "decode_s"); out.contains("decode_tokens_per_s"))
    out["decode_tokens_per_s"] = slowest > 0 ? decoded / slowest : 0;
  double moved = 0;
  for (auto& [part, counts] : out["moved"].items())
    for (const auto* key : std::array{"counted", "planned", "gathered"}) {
      if (!counts.contains(key)) continue;
      std::uint64_t sum = 0;
      for (const auto& one : reports) sum += one["moved"][part][key].get<std::uint64_t>();
      counts[key] = sum;
      if (part == "decode" && key == std::string_view("counted")) moved = static_cast<double>(sum);
    }
  if (out.contains("moved_bytes_per_token"))
    out["moved_bytes_per_token"] = decoded > 0 ? moved / decoded : 0;
  out.erase("cores");  // each rank has its own
  out["ranks"] = reports;
  return out;
}

json joined_results(std::vector<json> results) {
  auto out = std::move(results.front());
  std::vector<json> reports{out["report"]};
  for (std::size_t rank = 1; rank < results.size(); ++rank) {
    reports.push_back(results[rank]["report"]);
    for (auto& [key, list] : results[rank].items()) {
      if (!list.is_array()) continue;
      if (!out.contains(key)) out[key] = json::array();
      out[key].insert(out[key].end(), list.begin(), list.end());
    }
  }
  out["report"] = joined_report(reports);
  return out;
}

}  // namespace strata::host
