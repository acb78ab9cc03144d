#include "host/ranks/team.hpp"

#include <strata/abi/core.h>

#include <algorithm>
#include <cstdlib>
#include <exception>
#include <string>

#include "app/choices.hpp"
#include "app/compute_library.hpp"
#include "app/machine.hpp"
#include "app/ranks.hpp"
#include "core/error.hpp"
#include "core/source/unfinished.hpp"
#include "host/process/ended.hpp"
#include "host/process/error_words.hpp"
#include "host/process/output.hpp"
#include "host/process/rank_name.hpp"
#include "host/ranks/child_output.hpp"
#include "host/ranks/preparing_group.hpp"

namespace strata::host {
namespace {

// Where the rank's data lie: each rank of a machine has a GPU of its own.
std::string device_of(const RunOptions& options, const run::Ranks& ranks) {
  if (options.device == "cpu") return "cpu";
  const auto gpu = app::gpu_of_process(ranks.local);
  return app::choose_cuda(options, app::cuda_memory(gpu)) ? "cuda:" + std::to_string(gpu) : "cpu";
}

// Ends this process because another rank is lost: other threads may wait in a collective for ever.
// The first rank that is left on this machine says so: where a network is cut, no other machine
// can.
[[noreturn]] void end_with(const run::Lost& lost, const run::Ranks& own) {
  source::remove_unfinished();
  const auto first = own.rank - own.local;  // launchers number a machine's ranks in a row
  if (own.local == (lost.rank == first ? 1u : 0u)) {
    print_error(named(lost.rank, printable(lost.reason, 1000)) + std::string(look_there));
  }
  std::_Exit(1);
}

std::shared_ptr<PreparingGroup> open_group(const RunOptions& options, const run::Ranks& ranks) {
  return std::make_shared<PreparingGroup>(
      app::open_group({.ranks = ranks,
                       .device = device_of(options, ranks),
                       .stall = std::chrono::seconds(options.rank_timeout),
                       .on_lost = [ranks](const run::Lost& lost) { end_with(lost, ranks); }}));
}

// The error of one rank, with its name.
class OwnError : public Error {
 public:
  OwnError(std::uint32_t rank, const std::exception& failure)
      : Error(named(rank, error_words(failure)), error_status(failure)) {}
};

// Tells the others of this rank's failure, and throws the error that it ends with.
[[noreturn]] void fail(PreparingGroup& group, const std::exception& failure) {
  if (group.prepares()) group.fail_together(error_words(failure), error_status(failure));
  group.fail(error_words(failure));
  throw OwnError(group.ranks().rank, failure);
}

// Calls the body; the failure that passes is the one with which this rank ends.
void call(const std::function<void(const Team&)>& body, const Team& team, PreparingGroup& group) {
  if (team.alone()) return body(team);
  try {
    return body(team);
  } catch (const app::SharedError&) {
    throw;
  } catch (const Ended&) {
    throw;
  } catch (const std::exception& e) {
    fail(group, e);
  }
}

}  // namespace

void Team::check(const run::Model& model, const app::Plugins& plugins) const {
  if (alone()) return;
  std::vector<app::Fact> facts{{"the version of strata", STRATA_VERSION}};
  for (const auto& [name, value] : shared_) facts.push_back({name, value, true});
  for (const auto& more : {app::facts_of(model), app::facts_of(plugins)})
    facts.insert(facts.end(), more.begin(), more.end());
  app::require_same(group_->control(), facts);
}

std::vector<nlohmann::json> Team::all(const nlohmann::json& mine) const {
  if (alone()) return {mine};
  std::vector<nlohmann::json> out;
  for (const auto& text : group_->control().all_gather(
           mine.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)))
    out.push_back(nlohmann::json::parse(text));
  return out;
}

std::pair<std::size_t, std::size_t> Team::block(std::size_t count, std::uint32_t rank) const {
  const std::size_t each = count / ranks(), more = count % ranks();
  const auto first = rank * each + std::min<std::size_t>(rank, more);
  return {first, first + each + (rank < more ? 1 : 0)};
}

void on_ranks(const RunOptions& options, const cli::CommonOptions& common,
              const std::function<void(const Team&)>& body) {
  const auto ranks = run::ranks_of_environment();
  if (ranks.ranks == 1 && options.ranks == 0) return body(Team());
  auto group = open_group(options, ranks);
  std::exception_ptr ending;
  try {
    call(body, Team(group, common.shared), *group);
  } catch (const app::SharedError& e) {
    ending = ranks.rank == 0 ? std::current_exception()
                             : std::make_exception_ptr(Ended{static_cast<int>(e.status())});
  } catch (...) {
    ending = std::current_exception();
  }
  group.reset();  // says good-bye, since no exception is under way
  if (ending) std::rethrow_exception(ending);
}

void require_one_rank(const char* command, const char* fact) {
  const auto ranks = run::ranks_of_environment();
  if (ranks.ranks > 1)
    throw UsageError(
        command,
        std::string(fact) + ", but a launcher started " + std::to_string(ranks.ranks) + " ranks",
        "start it once, without a launcher");
}

}  // namespace strata::host
