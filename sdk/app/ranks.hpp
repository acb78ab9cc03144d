// The agreement of several ranks before a run: the facts that must be equal, and shared memory.
#pragma once
#include <string>
#include <vector>

#include "app/host_memory.hpp"
#include "app/plugins.hpp"
#include "core/error.hpp"
#include "core/run/group.hpp"
#include "core/run/model.hpp"
#include "core/run/prepare.hpp"

namespace strata::app {

// Something that is equal on all ranks of a run that can work.
struct Fact {
  std::string name, value;
  bool setting = false;  // the user chose it: a difference ends with status 2
};

// Thrown on all ranks, with the same words, which one of them says for all.
class SharedError : public Error {
 public:
  using Error::Error;
  SharedError(const std::string& line, Exit status) : Error(line, status) {}
};

// Compares the facts of all ranks, which all call it. Throws SharedError with the first rank whose
// facts are not those of rank 0, and with both values.
void require_same(run::Control& control, const std::vector<Fact>& facts);

// The keys of the model's configuration, and its files by their names and sizes.
std::vector<Fact> facts_of(const run::Model& model);
// The plugins in use, by their versions and hashes.
std::vector<Fact> facts_of(const Plugins& plugins);
// The plan, in a few numbers that differ where the ranks would move other bytes.
std::vector<Fact> facts_of(const run::Prepared& prepared, const run::Wish& wish);

// The options as this rank has them: its own GPU, and its part of the cores of its machine, unless
// the user gave a number of threads. Without a group they stay as they are, and one rank has all
// threads.
RunOptions placed(RunOptions options, const run::Group* group);

// The memory that each rank may take, the same on all: the ranks of a machine share what is free.
HostMemory shared_memory(run::Group& group, HostMemory mine);

// The least and the largest of the numbers of all ranks, which all call it.
struct Range {
  uint64_t least = 0, largest = 0;
};
Range range_over(run::Control& control, uint64_t mine);

// Whether any rank has tokens for the next pass; all call it.
bool any_has_tokens(run::Control& control, bool mine);

}  // namespace strata::app
