// second_device UNITS -- OPTIONS: generates while the declared units of the list "3,4,7" run on a
// second device, in place from the memory that their tier maps; an empty list: none. Both devices
// are the CPU.
#include <nlohmann/json.hpp>

#include "tests/proofs/proof.hpp"

namespace {

using namespace strata;

void second_device(const proof::Arguments& arguments) {
  proof::Prepared prepared(arguments.generate());
  prepared.planned.wish.second_device =
      nlohmann::json::parse("[" + arguments.own.at(0) + "]").get<std::vector<uint32_t>>();
  prepared.prepare_again();
  auto parts = prepared.parts();
  parts.compute.devices.push_back({STRATA_CPU, 1});
  run::Session session(std::move(parts));
  proof::generate(session, arguments.generate());
}

}  // namespace

int main(int argc, char** argv) { return proof::run(argc, argv, second_device); }
