#include "app/finetune/checkpoints.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <filesystem>
#include <map>
#include <utility>

#include "app/finetune/save_model.hpp"
#include "core/error.hpp"
#include "core/source/unfinished.hpp"

namespace strata::app {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view prefix = "checkpoint-";

std::string folder_of(const std::string& output, std::uint64_t step) {
  return (fs::path(output) / (std::string(prefix) + std::to_string(step))).string();
}

[[noreturn]] void refuse(const std::string& path, const std::error_code& code) {
  throw Error(printable(path), code.message(), "check the folder");
}

std::vector<fs::path> entries_of(const std::string& folder) {
  std::vector<fs::path> out;
  std::error_code error;
  if (!fs::exists(folder, error)) return out;
  fs::directory_iterator at(folder, error);
  for (const fs::directory_iterator end; !error && at != end; at.increment(error))
    out.push_back(at->path());
  if (error) refuse(folder, error);
  return out;
}

// The steps of the checkpoints of an output, the oldest first.
std::vector<std::uint64_t> steps_in(const std::string& output) {
  std::vector<std::uint64_t> out;
  for (const auto& path : entries_of(output)) {
    const auto name = path.filename().string();
    if (!name.starts_with(prefix)) continue;
    std::uint64_t step = 0;
    const auto* last = name.data() + name.size();
    const auto [end, error] = std::from_chars(name.data() + prefix.size(), last, step);
    if (error == std::errc() && end == last && folder_of("", step) == name) out.push_back(step);
  }
  std::ranges::sort(out);
  return out;
}

// The names of a unit's pieces. Parts of one tensor have its name, and their number among them.
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

// Lets a tensor read and write a unit's array that lies in files, from its element `first` on.
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

void remove(const std::string& path) {
  std::error_code error;
  fs::remove_all(path, error);
  if (error) refuse(path, error);
}

// Removes a checkpoint, of which nothing is left that looks like one if the program is killed.
void remove_whole(const std::string& path) {
  const auto gone = source::temporary_name(path);
  std::error_code error;
  fs::rename(path, gone, error);
  if (error) refuse(path, error);
  remove(gone);
}

}  // namespace

void check_output(const FinetuneOptions& options) {
  const auto& output = options.output;
  std::error_code error;
  if (fs::exists(output, error) && !fs::is_directory(output, error))
    throw Error(printable(output), "it is a file", "give another --output");
  bool empty = true;
  for (const auto& path : entries_of(output)) {
    const auto name = path.filename().string();
    if ((name.starts_with(prefix) || name.starts_with(written_model)) && source::is_leftover(name))
      remove(path.string());
    else
      empty = false;
  }
  if (empty) return;
  const bool run = !steps_in(output).empty();
  if (options.resume.empty())
    throw Error(
        printable(output), run ? "it holds a run" : "it exists and is not empty",
        run ? "continue it with --resume, or give another --output" : "give another --output");
  if (!run)
    throw Error(printable(output), "it is not empty and holds no checkpoint",
                "give another --output");
}

std::optional<Resumed> find_resumed(const FinetuneOptions& options) {
  if (options.resume.empty()) return {};
  Resumed out{.path = options.resume, .state = {}};
  const auto steps = steps_in(options.output);
  if (options.resume == "latest") {
    if (steps.empty())
      throw Error(printable(options.output), "it holds no checkpoint to resume from",
                  "leave --resume out");
    out.path = folder_of(options.output, steps.back());
  }
  out.state = read_state(out.path);
  if (!steps.empty() && steps.back() > out.state.run.step)
    throw Error(printable(out.path),
                "the output has a later checkpoint, of step " + std::to_string(steps.back()),
                "resume from that, remove it, or give another --output");
  return out;
}

Checkpoints::Checkpoints(const FinetuneOptions& options, train::Training& training, Json common)
    : options_(options), training_(training), common_(std::move(common)) {}

std::vector<StateFile> Checkpoints::files() const {
  const auto& plan = training_.plan();
  std::vector<StateFile> out;
  for (std::uint32_t u = 0; u < plan.units.size(); ++u) {
    const auto& host = training_.host();
    const auto& unit = host[u];
    StateFile file{.name = "unit-" + std::to_string(u) + ".safetensors", .tensors = {}, .unit = u};
    const auto names = names_of(plan.units[u], plan.flats[u]);
    for (std::size_t p = 0; p < names.size(); ++p) {
      const auto& piece = plan.flats[u].pieces[p];
      auto& tensor = file.tensors.emplace_back();
      tensor.name = "weight/" + names[p];
      tensor.shape = plan.units[u].weights[piece.weight].shape;
      if (unit.bf16) {
        const auto& run = plan.units[u].weights[piece.weight].run;
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
        pass_through(tensor, host, u,
                     array.kind == std::string_view("moment1") ? train::AdamState::moment1
                                                               : train::AdamState::moment2,
                     plan.flats[u].pieces[array.piece].first);
    }
    if (!file.tensors.empty()) out.push_back(std::move(file));
  }
  // In the order of a step's updates, which wait for the reading.
  std::vector<std::size_t> order(plan.units.size(), 0);
  for (std::size_t use = 0; use < plan.step.uses.size(); ++use)
    if (plan.step.uses[use].kind == zero::Use::Kind::update) order[plan.step.uses[use].unit] = use;
  std::ranges::stable_sort(out, {}, [&](const StateFile& file) { return order[file.unit]; });
  return out;
}

void Checkpoints::restore(const Resumed& from) {
  training_.finish();
  read_checkpoint(from.path, from.state, files());
  for (std::uint32_t u = 0; u < training_.host().size(); ++u) training_.optimizer().copy_weights(u);
  training_.optimizer().set_updates(from.state.run.updates);
}

bool Checkpoints::due(std::uint64_t step, std::uint64_t last) const {
  const auto every = static_cast<std::uint64_t>(options_.save_every);
  return (every > 0 && step % every == 0) || (options_.save_checkpoint && step == last);
}

void Checkpoints::begin(const RunState& run) {
  finish();
  const auto steps = steps_in(options_.output);
  if (std::ranges::find(steps, run.step) != steps.end()) return;
  writing_ = std::async(std::launch::async, [this, run, snapshot = training_.snapshot()]() mutable {
    // The future keeps what this captures until it is asked, and updates may wait for the snapshot.
    const auto own = std::move(snapshot);
    write(run, *own);
  });
}

void Checkpoints::check() {
  if (writing_.valid() && writing_.wait_for(std::chrono::seconds(0)) == std::future_status::ready)
    writing_.get();
}

void Checkpoints::finish() {
  if (writing_.valid()) writing_.get();
}

std::string Checkpoints::newest() const {
  const auto steps = steps_in(options_.output);
  return steps.empty() ? std::string() : folder_of(options_.output, steps.back());
}

void Checkpoints::write(const RunState& run, train::Snapshot& snapshot) const {
  std::error_code error;
  fs::create_directories(options_.output, error);
  if (error) refuse(options_.output, error);
  write_checkpoint(folder_of(options_.output, run.step), run, common_, files(),
                   {.begin = [&](std::uint32_t unit) { snapshot.wait(unit); },
                    .end = [&](std::uint32_t unit) { snapshot.release(unit); }});
  const auto steps = steps_in(options_.output);
  const auto keep = static_cast<std::size_t>(options_.keep);
  if (keep == 0) return;
  for (std::size_t i = 0; i + keep < steps.size(); ++i)
    remove_whole(folder_of(options_.output, steps[i]));
}

}  // namespace strata::app
