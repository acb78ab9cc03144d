#include "app/finetune/checkpoint.hpp"

#include <map>
#include <vector>

#include "app/finetune/read_state_file.hpp"
#include "core/error.hpp"
#include "core/source/file.hpp"
#include "core/source/output.hpp"

namespace strata::app {
namespace {

// This lists the files that a checkpoint has of one unit.
struct FilesOfUnit {
  std::vector<const SavedState::File*> whole, parts;
};

}  // namespace

void write_checkpoint(const std::string& path, const RunState& run, const Json& common,
                      std::span<const StateFile> files, const UnitReads& reads) {
  source::OutputFolder folder(path);
  SavedState state{.run = run, .common = common, .files = {}};
  state.files = write_files([&](std::string_view name) { return folder.file(name); }, files, reads);
  source::OutputFile out(folder.file(state_name));
  out.write(0, state_text(state));
  out.finish();
  folder.appear();
}

SavedState read_state(const std::string& path) {
  const auto file = path + "/" + state_name;
  return parse_state(source::File::open(file)->text(longest_state), file);
}

void read_checkpoint(const std::string& path, const SavedState& state,
                     std::span<const StateFile> files) {
  const auto refuse = [&] {
    throw Error(path, "its files are not those of the model", "resume from another checkpoint");
  };
  // The order of a run's updates, in which it wrote them, may be another one.
  std::map<std::string, FilesOfUnit> saved;
  for (const auto& file : state.files) {
    const auto whole = whole_name(file.name);
    auto& unit = saved[whole.empty() ? file.name : whole];
    (whole.empty() ? unit.whole : unit.parts).push_back(&file);
  }
  for (const auto& file : files)
    if (!saved.contains(file.name)) refuse();
  if (saved.size() != files.size()) refuse();
  for (const auto& [name, unit] : saved)
    if (unit.whole.size() > 1 || unit.whole.empty() == unit.parts.empty()) refuse();
  for (const auto& file : files) {
    const auto& unit = saved.at(file.name);
    if (unit.whole.empty())
      read_parts(path, unit.parts, file);
    else
      read_whole(path, *unit.whole.front(), file);
  }
}

}  // namespace strata::app
