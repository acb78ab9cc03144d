// Runs a part of a test on each kind of vectors that was compiled and that this processor has.
#pragma once
#include <hwy/highway.h>

#include <catch2/catch.hpp>

template <class Part>
void on_each_target(const Part& part) {
  const auto supported = hwy::SupportedTargets();
  const auto all = (supported & HWY_TARGETS) | HWY_STATIC_TARGET;
  for (auto left = all; left != 0; left &= left - 1) {
    const auto target = left & -left;
    INFO("vectors: " << hwy::TargetName(target));
    hwy::GetChosenTarget().Update(target);
    part();
  }
  hwy::GetChosenTarget().Update(supported);
}
