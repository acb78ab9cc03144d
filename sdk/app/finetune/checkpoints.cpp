#include "app/finetune/checkpoints.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <filesystem>
#include <memory>
#include <span>
#include <utility>

#include "app/finetune/checkpoint_files.hpp"
#include "app/finetune/output_lock.hpp"
#include "app/finetune/save_adapter.hpp"
#include "app/write_result.hpp"
#include "core/error.hpp"
#include "core/source/unfinished.hpp"
#include "data/digest.hpp"

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

void create_output(const std::string& output) {
  std::error_code error;
  fs::create_directories(output, error);
  if (error) refuse(output, error);
}

UnitReads reads_of(train::Snapshot& snapshot) {
  return {.begin = [&](std::uint32_t unit) { snapshot.wait(unit); },
          .end = [&](std::uint32_t unit) { snapshot.release(unit); }};
}

// Returns the group, or null if it is one of this process alone.
run::Group* several(run::Group* group) {
  return group && group->ranks().ranks > 1 ? group : nullptr;
}

void check_own_output(const FinetuneOptions& options) {
  const auto& output = options.output;
  std::error_code error;
  if (fs::exists(output, error) && !fs::is_directory(output, error))
    throw Error(printable(output), "it is a file", "give another --output");
  bool empty = true;
  for (const auto& path : entries_of(output)) {
    const auto name = path.filename().string();
    const bool own = name.starts_with(prefix) || name.starts_with(written_model) ||
                     name.starts_with(merged_adapter);
    if (own && source::is_leftover(name))
      remove(path.string());
    else if (name != lock_name)
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

// Returns the path of the checkpoint that the options name.
std::string find_own_resumed(const FinetuneOptions& options) {
  auto path = options.resume;
  const auto steps = steps_in(options.output);
  if (options.resume == "latest") {
    if (steps.empty())
      throw Error(printable(options.output), "it holds no checkpoint to resume from",
                  "leave --resume out");
    path = folder_of(options.output, steps.back());
  }
  const auto step = read_state(path).run.step;
  if (!steps.empty() && steps.back() > step)
    throw Error(printable(path),
                "the output has a later checkpoint, of step " + std::to_string(steps.back()),
                "resume from that, remove it, or give another --output");
  return path;
}

}  // namespace

void check_output(const FinetuneOptions& options, run::Group* group) {
  group = several(group);
  if (!group || group->ranks().rank == 0) check_own_output(options);
  if (group) group->control().broadcast("");  // the others go on when rank 0 has looked
}

std::optional<Resumed> find_resumed(const FinetuneOptions& options, run::Group* group) {
  if (options.resume.empty()) return {};
  group = several(group);
  Resumed out;
  if (!group || group->ranks().rank == 0) out.path = find_own_resumed(options);
  if (group) out.path = group->control().broadcast(out.path);
  out.state = read_state(out.path);
  if (!group) return out;
  data::Digest digest;
  digest.add(state_text(out.state));
  const auto own = digest.hex();
  if (group->control().broadcast(own) != own)
    throw Error(printable(out.path), "it is another checkpoint on this rank than on rank 0",
                "resume from a folder on a file system that all ranks share");
  return out;
}

Checkpoints::Checkpoints(const FinetuneOptions& options, train::Training& training, Json common,
                         run::Group* group)
    : options_(options), training_(training), common_(std::move(common)), group_(several(group)) {
  if (group_)
    parts_.emplace(*group_, [&training](std::span<double> numbers) { training.sum(numbers); });
}

void Checkpoints::restore(const Resumed& from) {
  training_.finish();
  const auto files = checkpoint_files(training_.plan(), training_.request(), training_.host());
  read_checkpoint(from.path, from.state, files);
  for (std::uint32_t u = 0; u < training_.host().size(); ++u) training_.optimizer().copy_weights(u);
  training_.optimizer().set_updates(from.state.run.updates);
}

bool Checkpoints::due(std::uint64_t step, std::uint64_t last) const {
  const auto every = static_cast<std::uint64_t>(options_.save_every);
  return (every > 0 && step % every == 0) || (options_.save_checkpoint && step == last);
}

void Checkpoints::begin(const RunState& run) {
  finish();
  if (parts_) return begin_part(run);
  if (is_there(run.step)) return;
  writing_ = std::async(std::launch::async, [this, run, snapshot = training_.snapshot()]() mutable {
    // The future keeps what this captures until it is asked, and updates may wait for the snapshot.
    const auto own = std::move(snapshot);
    write(run, *own);
  });
}

void Checkpoints::begin_part(const RunState& run) {
  const auto path_of = [&] {
    if (is_there(run.step)) return std::string();
    create_output(options_.output);
    return folder_of(options_.output, run.step);
  };
  parts_->begin(run, path_of, [this]() -> PartWriting::Write {
    return [this, snapshot = std::shared_ptr(training_.snapshot())](const std::string& folder,
                                                                    const PartNumber& rank) {
      write_part(folder, rank,
                 checkpoint_files(training_.plan(), training_.request(), training_.host()),
                 reads_of(*snapshot));
    };
  });
}

bool Checkpoints::is_there(std::uint64_t step) const {
  return std::ranges::count(steps_in(options_.output), step) > 0;
}

void Checkpoints::check() {
  if (parts_) return parts_->check();
  if (writing_.valid() && writing_.wait_for(std::chrono::seconds(0)) == std::future_status::ready)
    writing_.get();
}

void Checkpoints::commit() {
  if (parts_) parts_->commit(common_, [this] { prune(); });
}

void Checkpoints::finish() {
  if (parts_) return parts_->finish(common_, [this] { prune(); });
  if (writing_.valid()) writing_.get();
}

std::string Checkpoints::newest() const {
  std::string path;
  if (!group_ || group_->ranks().rank == 0)
    if (const auto steps = steps_in(options_.output); !steps.empty())
      path = folder_of(options_.output, steps.back());
  return group_ ? group_->control().broadcast(path) : path;
}

void Checkpoints::write(const RunState& run, train::Snapshot& snapshot) const {
  create_output(options_.output);
  write_checkpoint(folder_of(options_.output, run.step), run, common_,
                   checkpoint_files(training_.plan(), training_.request(), training_.host()),
                   reads_of(snapshot));
  prune();
}

void Checkpoints::prune() const {
  const auto steps = steps_in(options_.output);
  const auto keep = static_cast<std::size_t>(options_.keep);
  if (keep == 0) return;
  for (std::size_t i = 0; i + keep < steps.size(); ++i)
    remove_whole(folder_of(options_.output, steps[i]));
}

}  // namespace strata::app
