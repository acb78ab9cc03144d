#include "app/ranks.hpp"

#include <algorithm>
#include <filesystem>
#include <thread>

#include "app/machine.hpp"
#include "core/json.hpp"

namespace strata::app {
namespace {

using nlohmann::json;

constexpr std::size_t longest_value = 60;

// Facts as they travel: [[name, value, setting], ...].
std::string text_of(const std::vector<Fact>& facts) {
  auto out = json::array();
  for (const auto& one : facts) out.push_back({one.name, one.value, one.setting});
  return out.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::vector<Fact> facts_in(const std::string& text) {
  std::vector<Fact> out;
  for (const auto& one : json::parse(text))
    out.push_back(
        {one.at(0).get<std::string>(), one.at(1).get<std::string>(), one.at(2).get<bool>()});
  return out;
}

const Fact* find(const std::vector<Fact>& facts, const std::string& name) {
  const auto at = std::ranges::find(facts, name, &Fact::name);
  return at == facts.end() ? nullptr : &*at;
}

std::string value_of(const Fact* fact) {
  return fact ? "'" + printable(fact->value, longest_value) + "'" : "missing";
}

[[noreturn]] void refuse(uint32_t rank, const std::string& name, const Fact* theirs,
                         const Fact* first) {
  const bool setting = (theirs && theirs->setting) || (first && first->setting);
  throw SharedError("rank " + std::to_string(rank),
                    name + " is " + value_of(theirs) + ", on rank 0 it is " + value_of(first),
                    setting ? "start all ranks with the same options"
                            : "give all ranks the same program, plugins, model and data",
                    setting ? Exit::usage : Exit::failed);
}

void compare(uint32_t rank, const std::vector<Fact>& theirs, const std::vector<Fact>& first) {
  for (const auto& one : first) {
    const auto* other = find(theirs, one.name);
    if (!other || other->value != one.value) refuse(rank, one.name, other, &one);
  }
  for (const auto& one : theirs)
    if (!find(first, one.name)) refuse(rank, one.name, &one, nullptr);
}

}  // namespace

void require_same(run::Control& control, const std::vector<Fact>& facts) {
  const auto all = control.all_gather(text_of(facts));
  const auto first = facts_in(all.front());
  for (uint32_t rank = 1; rank < all.size(); ++rank) compare(rank, facts_in(all[rank]), first);
}

std::vector<Fact> facts_of(const run::Model& model) {
  std::vector<Fact> out;
  for (const auto& [key, value] : model.config->root().items())
    out.push_back({key + " of the configuration",
                   value.dump(-1, ' ', false, json::error_handler_t::replace)});
  if (!model.checkpoint) return out;
  for (const auto& file : model.checkpoint->files()) {
    // A file without a name has another number on each rank.
    const auto name = model.quantized ? std::string("the quantized weights")
                                      : std::filesystem::path(file->path()).filename().string();
    out.push_back({"the size of " + name, std::to_string(file->size())});
  }
  return out;
}

std::vector<Fact> facts_of(const Plugins& plugins) {
  std::vector<Fact> out;
  for (const auto& one : plugins.report()) {
    const auto name = one["kind"].get<std::string>() + "/" + one["name"].get<std::string>();
    out.push_back({"the version of " + name, one["version"].get<std::string>()});
    out.push_back({"the SHA-256 of " + name, one["sha256"].get<std::string>()});
  }
  return out;
}

std::vector<Fact> facts_of(const run::Prepared& prepared, const run::Wish& wish) {
  const auto plan = [](const char* part, uint64_t number) {
    return Fact{std::string("the plan's ") + part, std::to_string(number)};
  };
  return {{"the dtype", std::to_string(wish.dtype.code) + ":" + std::to_string(wish.dtype.bits)},
          {"the products", wish.fast_products ? "fast" : "exact"},
          {"run.whole_below", std::to_string(wish.whole_below), true},
          plan("chunk of tokens", static_cast<uint64_t>(prepared.chunk)),
          plan("units", prepared.units.size()),
          plan("actions", prepared.plan.pass.size()),
          plan("arena", prepared.plan.arena),
          plan("resident bytes", prepared.plan.fixed),
          plan("bytes of a pass", prepared.plan.moved),
          plan("gathered bytes of a pass", prepared.plan.gathered),
          plan("slots of experts", prepared.plan.experts.count)};
}

RunOptions placed(RunOptions options, const run::Group* group) {
  if (!group) return options;
  if (options.device != "cpu") options.gpu = gpu_of_process(group->ranks().local);
  const auto cores = std::max(std::thread::hardware_concurrency(), 1u);
  if (options.threads == 0 && group->ranks().ranks > 1)
    options.threads = std::max(cores / group->ranks().locals, 1u);
  return options;
}

HostMemory shared_memory(run::Group& group, HostMemory mine) {
  const auto share = mine.bytes / std::max(group.ranks().locals, 1u);
  mine.bytes = range_over(group.control(), share).least;
  return mine;
}

Range range_over(run::Control& control, uint64_t mine) {
  Range out{mine, mine};
  for (const auto& one : control.all_gather(std::to_string(mine))) {
    out.least = std::min<uint64_t>(out.least, std::stoull(one));
    out.largest = std::max<uint64_t>(out.largest, std::stoull(one));
  }
  return out;
}

bool any_has_tokens(run::Control& control, bool mine) {
  return std::ranges::any_of(control.all_gather(mine ? "1" : "0"),
                             [](const std::string& one) { return one == "1"; });
}

}  // namespace strata::app
