// A watch that names the plugin's function that does not return.
#pragma once
#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <thread>

namespace strata::plugin {

// Watches the calls of all threads while it lives. It names a function that does not return, once;
// where such a function should return at once, it ends the program after `patience` (0: no limit).
class Watch {
 public:
  using Say = std::function<void(std::string_view words)>;

  Watch(std::chrono::seconds patience, Say say);
  ~Watch();
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

 private:
  void work();
  void look();

  std::chrono::seconds patience_;
  Say say_;
  std::set<std::string> told_;  // "offload/mine: open", the watching thread's own
  std::mutex mutex_;
  std::condition_variable stopped_;
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace strata::plugin
