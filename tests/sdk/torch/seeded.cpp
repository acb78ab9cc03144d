// LibTorch seeds itself differently in each process; with this listener every test draws the same
// numbers each time.
#define CATCH_CONFIG_EXTERNAL_INTERFACES
#include <ATen/Context.h>

#include <catch2/catch.hpp>

namespace {

struct Seeded : Catch::TestEventListenerBase {
  using TestEventListenerBase::TestEventListenerBase;
  void testCaseStarting(const Catch::TestCaseInfo&) override { at::manual_seed(20); }
};

}  // namespace

CATCH_REGISTER_LISTENER(Seeded)
