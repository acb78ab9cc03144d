// The parts of a group that its data's connection is made from.
#pragma once
#include "torch/comm/gloo.hpp"
#include "torch/comm/watch.hpp"

namespace strata::torch {

struct Joined {
  const run::Ranks& ranks;
  std::chrono::milliseconds limit;  // for one call
  Store store;
  run::Control& control;
  Gloo& sums;    // for the thread of lane host
  Watch* watch;  // null for one rank alone
};

// Throws the reason of the rank that is lost, once it is known; returns where none is lost.
inline void throw_reason(const Joined& joined) {
  if (const auto lost = joined.watch ? joined.watch->verdict() : std::nullopt)
    throw Error("rank " + std::to_string(lost->rank), lost->reason,
                "look at what that rank said, and start all of them again");
}

// Calls f, a call of a collective; where a connection broke, throws the reason of the rank that is
// lost, once that is known.
template <class F>
void with_reason(const Joined& joined, F&& f) {
  if (joined.watch) joined.watch->begin_call();
  try {
    f();
  } catch (const std::exception&) {
    throw_reason(joined);
    as_rank(joined.ranks,
            joined.ranks.ranks == 1 ? "a collective failed" : "the other ranks are lost",
            [] { throw; });
  }
}

}  // namespace strata::torch
