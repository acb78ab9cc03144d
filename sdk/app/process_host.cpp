#include "app/process_host.hpp"

#include <algorithm>
#include <mutex>
#include <vector>

#include "core/ops/op_table.hpp"
#include "core/plugin/config_table.hpp"
#include "core/plugin/host.hpp"

namespace strata::app {
namespace {

struct Shared {
  std::mutex mutex;  // guards the logs
  std::vector<const Log*> logs;
  const plugin::Host host{plugin::config_table(), ops::op_table(),
                          [this](int32_t level, std::string_view words) {
                            const std::lock_guard lock(mutex);
                            if (!logs.empty()) logs.back()->line(level, words);
                          }};
};

Shared& shared() {
  static auto* const all = new Shared;  // a plugin may call it until the process ends
  return *all;
}

}  // namespace

const strata_host* process_host() { return shared().host.table(); }

PluginLog::PluginLog(const Log& log) : log_(log) {
  const std::lock_guard lock(shared().mutex);
  shared().logs.push_back(&log_);
}

PluginLog::~PluginLog() {
  const std::lock_guard lock(shared().mutex);
  std::erase(shared().logs, &log_);
}

}  // namespace strata::app
