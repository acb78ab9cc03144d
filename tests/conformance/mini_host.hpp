// The smallest host for a plugin: error words, a log, and a configuration that is a table of
// values.
#pragma once
#include <map>
#include <mutex>
#include <strata/plugin.hpp>
#include <string>
#include <variant>
#include <vector>

// Configuration values by path.
struct strata_config {
  using Value = std::variant<std::int64_t, double, std::string>;
  std::map<std::string, Value, std::less<>> values;
};

// A strata_host without a core behind it. It must live as long as the plugins that it opened.
class MiniHost : public strata_host {
 public:
  MiniHost();
  MiniHost(const MiniHost&) = delete;
  // The plugin's last error words on this thread.
  static std::string take_words();
  std::vector<std::string> lines() const;

  // Makes it look like an older host: functions beyond `size` bytes must not be called.
  void truncate(std::uint32_t size);
  bool overstepped() const { return overstepped_; }

 private:
  static std::string& words();
  mutable std::mutex mutex_;
  std::vector<std::string> lines_;
  bool overstepped_ = false;
};
