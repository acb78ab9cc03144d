#include "core/plugin/lent.hpp"

#include <vector>

#include "core/error.hpp"
#include "core/plugin/calling.hpp"

namespace strata::plugin {
namespace {

struct Shells {
  std::vector<strata_tensor*> all;
  int overreleased = 0;
};

Shells& shells() {
  thread_local Shells one;
  return one;
}

}  // namespace

void release_owner(strata_tensor* tensor) noexcept {
  if (tensor->owners <= 0) {
    ++shells().overreleased;
    return;
  }
  if (--tensor->owners > 0) return;
  if (!running()) {
    delete tensor;
    return;
  }
  tensor->drop();
  shells().all.push_back(tensor);
}

int take_overreleased() noexcept { return std::exchange(shells().overreleased, 0); }

void drop_shells() noexcept {
  for (auto* tensor : std::exchange(shells().all, {})) delete tensor;
}

void Lent::check(const std::string& who, const char* function) const {
  if (!tensor_ || tensor_.get()->owners > reserve) return;
  throw Error(who, std::string(function) + " released a tensor that it does not own",
              "report this to the plugin's vendor");
}

Handle taken(strata_tensor* given, const std::string& who, const char* function) {
  if (take_overreleased() > 0 || (given && given->owners <= 0))
    throw Error(who, std::string(function) + " released a tensor more often than it owned it",
                "report this to the plugin's vendor");
  return Handle(given);
}

}  // namespace strata::plugin
