#include "app/machine_rates.hpp"

#include <nlohmann/json.hpp>
#include <utility>

#include "app/text_file.hpp"
#include "core/error.hpp"

namespace strata::app {
namespace {

using nlohmann::json;

bool is_rate(const json& value) { return value.is_number() && value.get<double>() > 0; }

}  // namespace

MachineRates assumed_rates(bool cuda) {
  MachineRates out{3e9, 8e9, 15e9, 100e9, 3e9, 8e9, 15e9};
  if (cuda) out = {3e9, 50e9, 3e12, 400e12, 3e9, 50e9, 100e9};
  return out;
}

MachineRates read_rates(const std::string& path, bool cuda) {
  const auto file = json::parse(read_text_file(path), nullptr, false);
  const auto refuse = [&](const char* key) {
    throw UsageError("--machine", printable(path) + " has no rate '" + key + "'",
                     "give a JSON object with disk, link, memory and compute");
  };
  MachineRates out;
  for (const auto& [key, to] : {std::pair{"disk", &out.disk},
                                {"link", &out.link},
                                {"memory", &out.memory},
                                {"compute", &out.compute}}) {
    const auto found = file.is_object() ? file.find(key) : file.end();
    if (!file.is_object() || found == file.end() || !is_rate(*found)) refuse(key);
    *to = found->get<double>();
  }
  out.disk_write = out.disk;
  out.link_to_host = out.link;
  out.host_memory = cuda ? assumed_rates(cuda).host_memory : out.memory;
  for (const auto& [key, to] : {std::pair{"disk_write", &out.disk_write},
                                {"link_to_host", &out.link_to_host},
                                {"host_memory", &out.host_memory}}) {
    const auto found = file.find(key);
    if (found == file.end()) continue;
    if (!is_rate(*found)) refuse(key);
    *to = found->get<double>();
  }
  return out;
}

}  // namespace strata::app
