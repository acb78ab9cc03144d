#include "app/finetune/shared_checkpoint.hpp"

#include <filesystem>
#include <set>
#include <system_error>
#include <utility>
#include <vector>

#include "core/error.hpp"
#include "core/source/file.hpp"

namespace strata::app {
namespace {

namespace fs = std::filesystem;

constexpr auto remedy = "give an --output on a file system that all ranks share";

// Returns the name of the file in which a rank lists those that it wrote.
std::string list_name(const PartNumber& rank) {
  return "part-" + std::to_string(rank.rank + 1) + "-of-" + std::to_string(rank.ranks) + ".json";
}

// Returns whether this rank writes a file of that name.
bool is_own(const std::string& name, const PartNumber& rank) {
  const auto whole = whole_name(name);
  return whole.empty() ? rank.rank == 0 : part_name(whole, rank) == name;
}

}  // namespace

SharedCheckpoint::SharedCheckpoint(const std::string& path, std::uint32_t ranks)
    : folder_(path), ranks_(ranks),
      name_(fs::path(folder_.file(state_name)).parent_path().filename().string()) {}

void SharedCheckpoint::commit(const RunState& run, const Json& common) {
  SavedState state{.run = run, .common = common, .files = {}};
  std::set<std::string> names;
  for (std::uint32_t rank = 0; rank < ranks_; ++rank) {
    const PartNumber number{.rank = rank, .ranks = ranks_};
    const auto path = folder_.file(list_name(number));
    const auto list = source::File::open(path)->text(longest_state);
    for (auto& file : parse_files(list, path)) {
      std::error_code error;
      if (!is_own(file.name, number) || !names.insert(file.name).second ||
          fs::file_size(folder_.file(file.name), error) != file.bytes || error)
        throw Error(path, "'" + printable(file.name) + "' is not here as this rank wrote it",
                    remedy);
      state.files.push_back(std::move(file));
    }
    std::error_code error;
    if (!fs::remove(path, error)) throw Error(path, "it cannot be removed", "check the folder");
  }
  source::OutputFile out(folder_.file(state_name));
  out.write(0, state_text(state));
  out.finish();
  folder_.appear();
}

void need_shared(const std::string& folder) {
  std::error_code error;
  if (!fs::is_directory(folder, error))
    throw Error(printable(folder), "rank 0 has made this folder, and this rank does not see it",
                remedy);
}

void write_part(const std::string& folder, const PartNumber& rank, std::span<const StateFile> files,
                const UnitReads& reads) {
  std::vector<StateFile> own;
  for (const auto& file : files)
    if (file.part ? has_values(file) : rank.rank == 0)
      own.push_back(file);
    else if (reads.end)
      reads.end(file.unit);
  const auto path_of = [&](std::string_view name) { return folder + "/" + std::string(name); };
  const auto written = write_files(path_of, own, reads);
  source::OutputFile list(path_of(list_name(rank)));
  list.write(0, files_text(written));
  list.finish();
  source::sync_folder(folder);
}

}  // namespace strata::app
