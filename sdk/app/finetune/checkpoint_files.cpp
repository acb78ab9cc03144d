#include "app/finetune/checkpoint_files.hpp"

#include <algorithm>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "core/dtype.hpp"
#include "core/error.hpp"

namespace strata::app {
namespace {

// Returns the names of a unit's pieces. Parts of one tensor have its name, and their number among
// them.
std::vector<std::string> names_of(const zero::Unit& unit, const train::Flat& flat) {
  std::vector<std::string> out;
  std::map<std::string, int> seen;
  for (const auto& piece : flat.pieces) {
    const auto& name = unit.weights[piece.weight].name;
    const auto number = seen[name]++;
    out.push_back(name + (number > 0 ? "#" + std::to_string(number) : ""));
  }
  return out;
}

// Lets a tensor read and write a unit's array from its element `first` on, wherever it lies.
void pass_through(StateTensor& tensor, const train::HostUnits& host, std::uint32_t unit,
                  train::AdamState array, std::uint64_t first) {
  tensor.read = [&host, unit, array, first](std::uint64_t at, std::span<std::byte> out) {
    host.read(unit, array, first + at / sizeof(float),
              {reinterpret_cast<float*>(out.data()), out.size() / sizeof(float)});
  };
  tensor.write = [&host, unit, array, first](std::uint64_t at, std::span<const std::byte> bytes) {
    host.write(unit, array, first + at / sizeof(float),
               {reinterpret_cast<const float*>(bytes.data()), bytes.size() / sizeof(float)});
  };
}

train::AdamState moment_of(std::string_view kind) {
  return kind == "moment1" ? train::AdamState::moment1 : train::AdamState::moment2;
}

// Makes the file of a unit that this rank has all of.
StateFile whole_file(const zero::Unit& weights, const train::Flat& flat,
                     const train::HostUnits& host, std::uint32_t u) {
  const auto& unit = host[u];
  StateFile file{.name = {}, .tensors = {}, .unit = u};
  const auto names = names_of(weights, flat);
  for (std::size_t p = 0; p < names.size(); ++p) {
    const auto& piece = flat.pieces[p];
    auto& tensor = file.tensors.emplace_back();
    tensor.name = "weight/" + names[p];
    tensor.shape = weights.weights[piece.weight].shape;
    if (unit.bf16) {
      const auto& run = weights.weights[piece.weight].run;
      tensor.dtype = run.dtype();
      tensor.values = {unit.weights + run.at, static_cast<std::size_t>(run.bytes)};
    } else if (unit.master)
      tensor.values = std::as_writable_bytes(
          std::span(unit.master + piece.first, static_cast<std::size_t>(piece.count)));
    else
      pass_through(tensor, host, u, train::AdamState::master, piece.first);
  }
  for (const auto& array : unit.layout.arrays) {
    auto& tensor = file.tensors.emplace_back();
    tensor.name = std::string(array.kind) + "/" + names[array.piece];
    tensor.shape = array.shape;
    tensor.dtype = array.dtype;
    if (unit.states)
      tensor.values = {unit.states + array.at, static_cast<std::size_t>(array.bytes)};
    else
      pass_through(tensor, host, u, moment_of(array.kind), flat.pieces[array.piece].first);
  }
  return file;
}

// Returns the bytes of those elements that are here, of weights that are held in bfloat16 alone.
std::span<std::byte> held_part(const train::HostUnit& unit, const source::Form& run,
                               const Elements& here, const train::Share& share) {
  const std::uint64_t width = element_bytes(run.dtype());
  const auto begin = run.at + here.first * width, bytes = here.count * width;
  if (bytes == 0) return {};
  if (begin < share.from || begin + bytes > share.from + share.bytes)
    throw Error("checkpoint", "a rank does not hold the weights that it updates",
                "this is a mistake in Strata");
  return {unit.weights + (begin - share.from), static_cast<std::size_t>(bytes)};
}

// Makes the file of this rank's part of a unit; it names all tensors of the unit.
StateFile cut_file(const zero::Unit& weights, const train::Flat& flat, const train::Share& share,
                   const train::TrainingRequest& request, const train::HostUnits& host,
                   std::uint32_t u) {
  const auto& unit = host[u];
  StateFile file{.name = {},
                 .tensors = {},
                 .unit = u,
                 .part = PartNumber{.rank = request.rank, .ranks = request.ranks}};
  const auto names = names_of(weights, flat);
  for (std::size_t p = 0; p < names.size(); ++p) {
    const auto& piece = flat.pieces[p];
    const auto here = elements_in(piece, share);
    auto& tensor = file.tensors.emplace_back();
    tensor.name = "weight/" + names[p];
    tensor.shape = weights.weights[piece.weight].shape;
    tensor.here = here;
    if (unit.bf16) {
      const auto& run = weights.weights[piece.weight].run;
      tensor.dtype = run.dtype();
      tensor.values = held_part(unit, run, here, share);
    } else
      pass_through(tensor, host, u, train::AdamState::master, piece.first + here.first);
  }
  const auto layout = train::states_of(request.rule, weights, flat);
  for (const auto& array : layout.arrays) {
    const auto& piece = flat.pieces[array.piece];
    auto& tensor = file.tensors.emplace_back();
    tensor.name = std::string(array.kind) + "/" + names[array.piece];
    tensor.shape = array.shape;
    tensor.dtype = array.dtype;
    tensor.here = elements_in(piece, share);
    pass_through(tensor, host, u, moment_of(array.kind), piece.first + tensor.here->first);
  }
  return file;
}

}  // namespace

Elements elements_in(const train::Piece& piece, const train::Share& share) {
  const auto first = std::max(piece.first, share.first);
  const auto end = std::min(piece.first + piece.count, share.first + share.count);
  if (first >= end) return {};
  return {.first = first - piece.first, .count = end - first};
}

std::vector<StateFile> checkpoint_files(const train::TrainingPlan& plan,
                                        const train::TrainingRequest& request,
                                        const train::HostUnits& host) {
  std::vector<StateFile> out;
  for (std::uint32_t u = 0; u < plan.units.size(); ++u) {
    const auto& unit = plan.units[u];
    const auto& flat = plan.flats[u];
    const auto share = plan.share(u);
    auto file = share.whole || request.ranks == 1 ? whole_file(unit, flat, host, u)
                                                  : cut_file(unit, flat, share, request, host, u);
    file.name = "unit-" + std::to_string(u) + ".safetensors";
    if (!file.tensors.empty()) out.push_back(std::move(file));
  }
  // The files are in the order of a step's updates, which wait for the reading.
  std::vector<std::size_t> order(plan.units.size(), 0);
  for (std::size_t use = 0; use < plan.step.uses.size(); ++use)
    if (plan.step.uses[use].kind == zero::Use::Kind::update) order[plan.step.uses[use].unit] = use;
  std::ranges::stable_sort(out, {}, [&](const StateFile& file) { return order[file.unit]; });
  return out;
}

}  // namespace strata::app
