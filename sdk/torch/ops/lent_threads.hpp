// LibTorch's threads, lent to a plugin for one call.
#pragma once
#include <strata/abi/draft/quant.h>

#include <exception>
#include <string>

namespace strata::torch {

// Its run calls the items on as many threads as LibTorch has. No exception crosses the ABI: what an
// item throws is kept until rethrow().
class LentThreads final : public strata_threads {
 public:
  // `who` and `function` are those of the plugin's function that runs items, and outlive this.
  LentThreads(const std::string& who, const char* function)
      : strata_threads{{sizeof(strata_threads), 0}, run_items}, who_(who), function_(function) {}

  // Throws what an item threw, after the call.
  void rethrow() const {
    if (failure_) std::rethrow_exception(failure_);
  }

 private:
  static void run_items(const strata_threads* self, int64_t count, void (*item)(void*, int64_t),
                        void* user) noexcept;

  const std::string& who_;
  const char* function_;
  mutable std::exception_ptr failure_;
};

}  // namespace strata::torch
