// ranks -- OPTIONS: generates as one rank of those that the environment names (RANK, WORLD_SIZE,
// MASTER_ADDR, MASTER_PORT), or alone.
#include "core/run/ranks.hpp"

#include <cstdlib>
#include <iostream>

#include "app/compute_library.hpp"
#include "tests/proofs/proof.hpp"

namespace {

using namespace strata;

void end(const run::Lost& lost) {
  std::cerr << "error: rank " << lost.rank << ": " << lost.reason << std::endl;
  std::_Exit(1);
}

void ranks(const proof::Arguments& arguments) {
  proof::Prepared prepared(arguments.generate());
  const auto where = run::ranks_of_environment();
  auto& wish = prepared.planned.wish;
  wish.rank = where.rank;
  wish.ranks = where.ranks;
  prepared.prepare_again();
  auto parts = prepared.parts();
  const auto group = app::open_group({.ranks = where, .device = "cpu", .on_lost = end});
  if (where.ranks > 1) parts.collective = &group->data();
  run::Session session(std::move(parts));
  proof::generate(session, arguments.generate());
}

}  // namespace

int main(int argc, char** argv) { return proof::run(argc, argv, ranks); }
