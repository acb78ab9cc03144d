// Where the ranks meet: c10d's TCPStore, which rank 0 serves; one rank alone has a store in memory.
#pragma once
#include <torch/csrc/distributed/c10d/Store.hpp>

#include "core/error.hpp"
#include "core/run/ranks.hpp"

namespace strata::torch {

using Store = c10::intrusive_ptr<c10d::Store>;

// Waits for all ranks, at most as long as their patience; rank 0's store serves the others as long
// as it lives.
Store open_store(const run::Ranks& ranks);

// Opens a connection of its own to a store of several ranks that is open, for another thread.
Store join_store(const run::Ranks& ranks);

// Calls f; what it throws becomes an Error of this rank with the first line of its words.
template <class F>
auto as_rank(const run::Ranks& ranks, const std::string& what, F&& f) {
  try {
    return f();
  } catch (const std::exception& e) {
    const std::string_view words = e.what();
    const auto fact = what + " (" + std::string(words.substr(0, words.find('\n'))) + ")";
    if (ranks.ranks == 1)
      throw Error("--ranks 1", fact, "leave it out to run without a group, or correct the network");
    throw Error("rank " + std::to_string(ranks.rank), fact,
                "look at what the other ranks said, and start all of them again");
  }
}

}  // namespace strata::torch
