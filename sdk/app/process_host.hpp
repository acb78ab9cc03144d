// The host as the plugins of this process see it.
#pragma once
#include <strata/abi/core.h>

#include "app/log.hpp"

namespace strata::app {

// A plugin's library is one for the process and keeps the host that opened it, so there is one host
// for every Plugins, and it is never destroyed. [any-thread]
const strata_host* process_host();

// While it lives, the lines of plugins go to this log; the log that was added last counts.
class PluginLog {
 public:
  explicit PluginLog(const Log& log);
  ~PluginLog();
  PluginLog(const PluginLog&) = delete;
  PluginLog& operator=(const PluginLog&) = delete;

 private:
  const Log& log_;
};

}  // namespace strata::app
