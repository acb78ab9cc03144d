#include "app/finetune/part_writing.hpp"

#include <chrono>
#include <filesystem>
#include <utility>

namespace strata::app {

void PartWriting::begin(const RunState& run, const std::function<std::string()>& path_of,
                        const std::function<Write()>& make) {
  // Rank 0 makes a folder, and names it to the others by its whole path.
  std::string folder;
  if (rank().rank == 0) {
    const auto path = path_of();
    if (!path.empty()) {
      shared_ = std::make_unique<SharedCheckpoint>(path, rank().ranks);
      folder = (std::filesystem::path(path).parent_path() / shared_->name()).string();
    }
  }
  folder = group_.control().broadcast(folder);
  if (folder.empty()) return;
  need_shared(folder);
  run_ = run;
  written_ = false;
  under_way_ = true;
  writing_ = std::async(std::launch::async, [this, folder, write = make()]() mutable {
    // The future keeps what this captures until it is asked, and updates may wait for the writing.
    const auto own = std::move(write);
    own(folder, rank());
    written_ = true;
  });
}

void PartWriting::check() {
  if (writing_.valid() && writing_.wait_for(std::chrono::seconds(0)) == std::future_status::ready)
    writing_.get();
}

void PartWriting::commit(const Json& common, const std::function<void()>& then) {
  if (!under_way_) return;
  if (writing_.valid()) writing_.get();
  under_way_ = false;
  if (!shared_) return;
  writing_ = std::async(std::launch::async,
                        [run = run_, &common, then, shared = std::move(shared_)]() mutable {
                          // If it fails, nothing is left of it when the failure is known.
                          const auto own = std::move(shared);
                          own->commit(run, common);
                          if (then) then();
                        });
}

// The ranks ask each other again and again, so that none looks as if it did nothing while another
// one's disk is slow.
void PartWriting::finish(const Json& common, const std::function<void()>& then) {
  while (under_way_) {
    if (writing_.valid() && writing_.wait_for(std::chrono::seconds(1)) == std::future_status::ready)
      writing_.get();
    double all = written();
    sum_({&all, 1});
    if (all >= rank().ranks) commit(common, then);
  }
  if (writing_.valid()) writing_.get();
}

}  // namespace strata::app
