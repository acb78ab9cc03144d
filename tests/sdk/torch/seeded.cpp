// LibTorch seeds itself anew in each process: here every test draws the same numbers each time.
#include <ATen/Context.h>


namespace {

struct Seeded : Catch::TestEventListenerBase {
  using TestEventListenerBase::TestEventListenerBase;
  void testCaseStarting(const Catch::TestCaseInfo&) override { at::manual_seed(20); }
};

}  // namespace

CATCH_REGISTER_LISTENER(Seeded)
